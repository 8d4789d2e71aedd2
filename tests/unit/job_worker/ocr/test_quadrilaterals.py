"""Lines of text in a heat map; equality with PaddleOCR is in test_fast_engines."""

import cv2
import numpy as np
import pytest

from job_worker.ocr import quadrilaterals
from job_worker.ocr.quadrilaterals import Quad, corners_of_line, is_covered, quads_in, reading_order, straightened

pytestmark = [pytest.mark.unit, pytest.mark.worker]

SURE, BLANK = 5.0, -5.0


def heat(*rectangles: tuple[int, int, int, int], value: float = SURE) -> np.ndarray:
    logits = np.full((100, 200), BLANK, np.float32)
    for left, top, right, bottom in rectangles:
        logits[top:bottom, left:right] = value
    return logits


def quad(left: int, top: int, right: int, bottom: int) -> Quad:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.int16)


def test_a_marked_region_grows_to_the_whole_line() -> None:
    [found] = quads_in(heat((50, 40, 150, 50)), 200, 100)
    left, top = found[0]
    right, bottom = found[2]
    # 99 x 9 pixels between the outermost centres: area * 1.5 / length is 6.
    assert (left, top, right, bottom) == (44, 34, 155, 55)


def test_coordinates_are_those_of_the_picture() -> None:
    [small], [large] = quads_in(heat((50, 40, 150, 50)), 200, 100), quads_in(heat((50, 40, 150, 50)), 400, 300)
    assert large.tolist() == [[2 * x, 3 * y] for x, y in small.tolist()]


def test_a_line_at_the_edge_ends_there() -> None:
    [found] = quads_in(heat((0, 0, 200, 10)), 200, 100)
    assert found[0].tolist() == [0, 0]
    assert found[1].tolist() == [200, 0]


@pytest.mark.parametrize("rectangle", [(50, 40, 52, 42), (50, 40, 51, 90)])
def test_a_speck_is_no_line(rectangle: tuple[int, int, int, int]) -> None:
    assert quads_in(heat(rectangle), 200, 100) == []


def test_a_region_that_is_unsure_on_the_whole_is_no_line() -> None:
    assert quads_in(heat((50, 40, 150, 60), value=0.3), 200, 100) == []
    assert len(quads_in(heat((50, 40, 150, 60), value=0.5), 200, 100)) == 1


def test_a_slanted_line_gets_slanted_corners_from_its_top_left_on() -> None:
    logits = np.full((200, 200), BLANK, np.float32)
    corners = cv2.boxPoints(((100, 100), (120, 20), 30)).astype(np.int32)
    cv2.fillPoly(logits, [corners], SURE)
    [found] = quads_in(logits, 200, 200)
    top_left, top_right, bottom_right, bottom_left = found.tolist()
    assert top_left[0] < top_right[0]
    assert bottom_left[0] < bottom_right[0]
    assert top_left[1] < bottom_left[1] < bottom_right[1]


def test_lines_are_read_from_top_to_bottom_and_in_a_row_from_left_to_right() -> None:
    below, right, left = quad(0, 50, 20, 60), quad(100, 10, 120, 20), quad(10, 18, 30, 28)
    assert reading_order([below, right, left]) == [2, 1, 0]
    assert reading_order([]) == []


def test_a_line_is_covered_by_one_that_shares_a_third_of_the_smaller_of_them() -> None:
    line = quad(10, 10, 110, 30)
    assert is_covered(line, [quad(300, 10, 310, 30), quad(10, 10, 110, 30)])
    assert is_covered(line, [quad(0, 0, 500, 500)])
    assert is_covered(quad(0, 0, 500, 500), [line])
    assert is_covered(line, [quad(70, 10, 170, 30)])
    assert not is_covered(line, [quad(85, 10, 185, 30)])
    assert not is_covered(line, [quad(10, 31, 110, 50)])
    assert not is_covered(line, [])


def test_a_line_is_cut_out_upright() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[20:40, 50:150] = (10, 20, 30)
    crop = straightened(image, quad(50, 20, 150, 40))
    assert crop is not None
    assert crop.shape == (20, 100, 3)
    assert np.abs(crop[1:-1, 1:-1].astype(int) - (10, 20, 30)).max() <= 1


def test_an_upright_line_is_copied_pixel_by_pixel_as_a_warp_would(monkeypatch: pytest.MonkeyPatch) -> None:
    image = np.random.default_rng(0).integers(0, 255, (90, 200, 3)).astype(np.uint8)
    lines = [
        quad(x, y, x + w, y + h) for x, y, w, h in ((0, 0, 200, 40), (3, 5, 90, 21), (150, 60, 50, 30), (7, 8, 9, 60))
    ]
    lines.append(np.array([[10, 10], [60, 11], [60, 31], [10, 30]], np.int16))  # a little turned
    copied = [straightened(image, line) for line in lines]
    monkeypatch.setattr(quadrilaterals, "_cut_out", lambda *_: None)
    for line, crop in zip(lines, copied, strict=True):
        warped = straightened(image, line)
        assert crop is not None
        assert warped is not None
        assert np.array_equal(crop, warped)
    assert copied[1] is not None
    assert np.array_equal(copied[1], image[5:26, 3:93])


def test_a_standing_line_is_turned_to_the_left_and_its_corners_begin_where_its_text_does() -> None:
    image = np.zeros((200, 100, 3), np.uint8)
    image[10:30, 40:60] = 255  # the end that comes last when it is read upwards
    standing = quad(40, 10, 60, 110)
    crop = straightened(image, standing)
    assert crop is not None
    assert crop.shape == (20, 100, 3)
    assert crop[10, 5].max() == 255 or crop[10, 95].max() == 255
    assert corners_of_line(standing)[0] == (60.0, 10.0)
    assert corners_of_line(quad(10, 40, 110, 60))[0] == (10.0, 40.0)


def test_of_a_line_without_extent_nothing_is_cut_out() -> None:
    assert straightened(np.zeros((9, 9, 3), np.uint8), quad(4, 4, 4, 4)) is None
