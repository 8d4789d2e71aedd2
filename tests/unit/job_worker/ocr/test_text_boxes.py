"""Lines of text in a heat map; equality with PaddleOCR is in test_fast_engines."""

import cv2
import numpy as np
import pyclipper
import pytest

from job_worker.ocr.text_boxes import (
    MIN_EXPANDED_SIDE_PIXELS,
    MIN_MEAN_PROBABILITY,
    MIN_SIDE_PIXELS,
    TEXT_PROBABILITY,
    UNCLIP_RATIO,
    TextBox,
    crop_line,
    find_text_boxes,
    is_covered,
    line_polygon,
    reading_order,
    sliced,
    warped,
)
from shared.video.image import MAX_WARP_SIDE_PIXELS

pytestmark = [pytest.mark.unit, pytest.mark.worker, pytest.mark.thorough]

TEXT, BLANK = 5.0, -5.0
NOISE = np.random.default_rng(0).integers(0, 255, (90, 200, 3)).astype(np.uint8)


def heat(*rectangles: tuple[int, int, int, int], value: float = TEXT) -> np.ndarray:
    logits = np.full((100, 200), BLANK, np.float32)
    for left, top, right, bottom in rectangles:
        logits[top:bottom, left:right] = value
    return logits


def upright(left: int, top: int, right: int, bottom: int) -> TextBox:
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.int32)


def test_a_marked_region_grows_to_the_whole_line() -> None:
    [found] = find_text_boxes(heat((50, 40, 150, 50)), 200, 100)
    left, top = found[0]
    right, bottom = found[2]
    # 99 x 9 pixels between the outermost centres: area * 1.5 / length is 6.
    assert (left, top, right, bottom) == (44, 34, 155, 55)


def test_coordinates_are_those_of_the_image() -> None:
    [small], [large] = (
        find_text_boxes(heat((50, 40, 150, 50)), 200, 100),
        find_text_boxes(heat((50, 40, 150, 50)), 400, 300),
    )
    assert large.tolist() == [[2 * x, 3 * y] for x, y in small.tolist()]


def test_a_line_at_the_edge_ends_there() -> None:
    [found] = find_text_boxes(heat((0, 0, 200, 10)), 200, 100)
    assert found[0].tolist() == [0, 0]
    assert found[1].tolist() == [200, 0]


@pytest.mark.parametrize("rectangle", [(50, 40, 52, 42), (50, 40, 51, 90)])
def test_a_speck_is_no_line(rectangle: tuple[int, int, int, int]) -> None:
    assert find_text_boxes(heat(rectangle), 200, 100) == []


def test_a_region_of_a_low_mean_probability_is_no_line() -> None:
    assert find_text_boxes(heat((50, 40, 150, 60), value=0.3), 200, 100) == []
    assert len(find_text_boxes(heat((50, 40, 150, 60), value=0.5), 200, 100)) == 1


def test_a_slanted_line_gets_slanted_corners_from_its_top_left_on() -> None:
    logits = np.full((200, 200), BLANK, np.float32)
    corners = cv2.boxPoints(((100, 100), (120, 20), 30)).astype(np.int32)
    cv2.fillPoly(logits, [corners], TEXT)
    [found] = find_text_boxes(logits, 200, 200)
    top_left, top_right, bottom_right, bottom_left = found.tolist()
    assert top_left[0] < top_right[0]
    assert bottom_left[0] < bottom_right[0]
    assert top_left[1] < bottom_left[1] < bottom_right[1]


def rectangle_around(points: np.ndarray) -> tuple[np.ndarray, float]:
    rectangle = cv2.minAreaRect(points)
    left_to_right = sorted(cv2.boxPoints(rectangle).tolist())
    (top_left, bottom_left), (top_right, bottom_right) = (
        sorted(side, key=lambda point: point[1]) for side in (left_to_right[:2], left_to_right[2:])
    )
    return np.array([top_left, top_right, bottom_right, bottom_left], np.float32), min(rectangle[1])


def boxes_by_clipper(logits: np.ndarray, width: int, height: int) -> list[list[list[int]]]:
    """Find lines region by region, as PaddleOCR does it."""
    probabilities = 1 / (1 + np.exp(-logits))
    regions, _ = cv2.findContours((probabilities > TEXT_PROBABILITY).view(np.uint8), cv2.RETR_LIST, 2)
    boxes = []
    for region in regions:
        marked, side = rectangle_around(region)
        within = cv2.fillPoly(np.zeros(logits.shape, np.uint8), [marked.astype(np.int32)], (1,))
        if side < MIN_SIDE_PIXELS or cv2.mean(probabilities, within)[0] < MIN_MEAN_PROBABILITY:
            continue
        offset = pyclipper.PyclipperOffset()
        offset.AddPath(marked, pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
        [outline] = offset.Execute(cv2.contourArea(marked) * UNCLIP_RATIO / cv2.arcLength(marked, closed=True))
        line, side = rectangle_around(np.array(outline, np.int32))
        if side >= MIN_EXPANDED_SIDE_PIXELS:
            scaled = np.round(line * (width / logits.shape[1], height / logits.shape[0]))
            boxes.append(np.clip(scaled, 0, (width, height)).astype(int).tolist())
    return boxes


@pytest.mark.parametrize("largest", [(9, 9), (40, 12), (400, 300)])
def test_lines_of_any_slant_are_expanded_to_the_integers_of_clipper(largest: tuple[int, int]) -> None:
    random, lines = np.random.default_rng(largest[0]), 0
    for _ in range(60):
        logits = np.full((480, 640), BLANK, np.float32)
        for _ in range(4):
            center, size = random.uniform((0, 0), (640, 480)), random.uniform(3, largest)
            slant = random.choice([0, 45, 90, random.normal(), random.uniform(-90, 90)])
            cv2.fillPoly(logits, [cv2.boxPoints((center, size, slant)).astype(np.int32)], random.uniform(0, 3))
        found = [box.tolist() for box in find_text_boxes(logits, 960, 720)]
        assert found == boxes_by_clipper(logits, 960, 720)
        lines += len(found)
    assert lines > 50


def test_a_corner_between_two_pixels_is_rounded_to_the_one_that_paddleocr_takes() -> None:
    logits = np.full((560, 640), BLANK, np.float32)
    logits[306:423, 232:479] = TEXT
    [found] = find_text_boxes(logits, 960, 840)
    assert [found.tolist()] == boxes_by_clipper(logits, 960, 840)


def test_lines_are_read_from_top_to_bottom_and_in_a_row_from_left_to_right() -> None:
    below, right, left = upright(0, 50, 20, 60), upright(100, 10, 120, 20), upright(10, 18, 30, 28)
    assert reading_order([below, right, left]) == [2, 1, 0]
    assert reading_order([]) == []


def test_a_line_is_covered_by_one_that_shares_a_third_of_the_smaller_of_them() -> None:
    line = upright(10, 10, 110, 30)
    assert is_covered(line, [upright(300, 10, 310, 30), upright(10, 10, 110, 30)])
    assert is_covered(line, [upright(0, 0, 500, 500)])
    assert is_covered(upright(0, 0, 500, 500), [line])
    assert is_covered(line, [upright(70, 10, 170, 30)])
    assert not is_covered(line, [upright(85, 10, 185, 30)])
    assert not is_covered(line, [upright(10, 31, 110, 50)])
    assert not is_covered(line, [])


def test_a_line_is_cut_out_upright() -> None:
    image = np.zeros((100, 200, 3), np.uint8)
    image[20:40, 50:150] = (10, 20, 30)
    crop = crop_line(image, upright(50, 20, 150, 40))
    assert crop is not None
    assert crop.shape == (20, 100, 3)
    assert np.abs(crop[1:-1, 1:-1].astype(int) - (10, 20, 30)).max() <= 1


@pytest.mark.parametrize(
    ("x", "y", "width", "height"), [(0, 0, 200, 40), (3, 5, 90, 21), (150, 60, 50, 30), (7, 8, 9, 60)]
)
def test_an_upright_line_is_copied_pixel_by_pixel_as_a_warp_would(x: int, y: int, width: int, height: int) -> None:
    corners = upright(x, y, x + width, y + height).astype(np.float32)
    copy = sliced(NOISE, corners)
    assert copy is not None
    assert np.array_equal(copy, NOISE[y : y + height, x : x + width])
    assert np.array_equal(copy, warped(NOISE, corners, width, height))


def test_a_line_that_is_a_little_slanted_is_warped() -> None:
    slanted = np.array([[10, 10], [60, 11], [60, 31], [10, 30]], np.int32)
    assert sliced(NOISE, slanted.astype(np.float32)) is None
    assert crop_line(NOISE, slanted) is not None


def test_coordinates_of_an_image_wider_than_16_bits_stay_positive() -> None:
    [found] = find_text_boxes(heat((150, 40, 190, 50)), 40_000, 100)
    assert found.min() >= 0
    assert found[1][0] > 38_000
    assert line_polygon(found)[1][0] > 38_000
    assert reading_order([found, upright(0, 40, 90, 60)]) == [1, 0]
    assert not is_covered(found, [upright(0, 30, 90, 60)])


@pytest.mark.parametrize("slant", [0, 2])
def test_a_line_is_cut_out_of_an_image_that_is_wider_than_16_bits(slant: int) -> None:
    box = np.array([[20, 10], [120, 10 + slant], [120, 30 + slant], [20, 30]], np.int32)
    wide = np.zeros((90, 40_000, 3), np.uint8)
    wide[:, 39_000:39_200] = NOISE
    expected, found = crop_line(NOISE, box), crop_line(wide, box + np.array([39_000, 0], np.int32))
    assert expected is not None
    assert found is not None
    assert np.abs(found.astype(int) - expected).mean() < 0.5  # the interpolation of noise differs in last bits


@pytest.mark.parametrize(
    "corners",
    [
        [[100, 10], [39_900, 80], [39_900, 110], [100, 40]],
        [[10, 100], [80, 39_900], [50, 39_900], [0, 100]],
    ],
    ids=["lying", "standing"],
)
def test_a_slanted_line_that_is_longer_than_16_bits_is_cut_out_smaller(corners: list[list[int]]) -> None:
    box = np.array(corners, np.int32)
    image = np.full((box[:, 1].max() + 20, box[:, 0].max() + 20, 3), 9, np.uint8)
    crop = crop_line(image, box)
    assert crop is not None
    assert 30_000 < crop.shape[1] <= MAX_WARP_SIDE_PIXELS
    assert 20 < crop.shape[0] < 60
    assert (crop == 9).all()


def test_a_standing_line_is_turned_to_the_left_and_its_corners_begin_where_its_text_does() -> None:
    image = np.zeros((200, 100, 3), np.uint8)
    image[10:30, 40:60] = 255  # the end that comes last when it is read upwards
    standing = upright(40, 10, 60, 110)
    crop = crop_line(image, standing)
    assert crop is not None
    assert crop.shape == (20, 100, 3)
    assert crop[10, 5].max() == 255 or crop[10, 95].max() == 255
    assert line_polygon(standing)[0] == (60.0, 10.0)
    assert line_polygon(upright(10, 40, 110, 60))[0] == (10.0, 40.0)


def test_of_a_line_without_extent_nothing_is_cut_out() -> None:
    assert crop_line(np.zeros((9, 9, 3), np.uint8), upright(4, 4, 4, 4)) is None
