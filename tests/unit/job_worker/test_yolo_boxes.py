"""Fitting pictures into a network and its boxes back; equality with Ultralytics is in test_fast_engines."""

import numpy as np
import pytest

from job_worker.detection.yolo_boxes import MARGIN_GREY, MAX_BOXES, fitted, most_likely_boxes

pytestmark = [pytest.mark.unit, pytest.mark.worker]


def picture(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 200, np.uint8)


def network_output(*boxes: tuple[float, float, float, float, float, float]) -> np.ndarray:
    """Returns `(4 + 2, N)`: centre, size, scores of two classes."""
    return np.array(boxes, np.float32).T


def test_a_wide_picture_gets_margins_above_and_below() -> None:
    fit = fitted(picture(360, 640), 640, 640)
    assert fit.image.shape == (640, 640, 3)
    assert (fit.image[139] == MARGIN_GREY).all()
    assert (fit.image[140] == 200).all()
    assert (fit.image[499] == 200).all()
    assert (fit.image[500] == MARGIN_GREY).all()


def test_margins_are_cut_to_the_stride() -> None:
    assert fitted(picture(1080, 1920), 640, 640, stride=32).image.shape == (384, 640, 3)
    assert fitted(picture(1920, 1080), 640, 640, stride=32).image.shape == (640, 384, 3)


@pytest.mark.parametrize(("height", "width"), [(360, 640), (1080, 1920), (333, 77), (1, 1), (2, 900)])
@pytest.mark.parametrize("stride", [0, 32])
def test_a_box_around_the_whole_picture_comes_back_as_it(height: int, width: int, stride: int) -> None:
    fit = fitted(picture(height, width), 640, 640, stride)
    rows, columns = np.nonzero((fit.image == 200).all(axis=2))
    around = [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1, 0.9, 0]]
    back = fit.scaled_back(np.array(around, np.float32))
    assert back[0, :4] == pytest.approx([0, 0, width, height], abs=0.01)


def test_boxes_in_the_margins_are_clipped_to_the_picture() -> None:
    fit = fitted(picture(360, 640), 640, 640)
    back = fit.scaled_back(np.array([[-50, 0, 700, 640, 0.9, 0]], np.float32))
    assert back[0, :4].tolist() == [0, 0, 640, 360]


def test_the_surest_of_boxes_that_overlap_stays_and_other_classes_stay_too() -> None:
    rows = most_likely_boxes(
        network_output(
            (100, 100, 50, 50, 0.5, 0.0),
            (101, 100, 50, 50, 0.9, 0.0),
            (100, 100, 50, 50, 0.0, 0.7),
            (300, 300, 50, 50, 0.4, 0.1),
        ),
        0.25,
        0.7,
    )
    assert rows[:, 4:].tolist() == [[pytest.approx(0.9), 0], [pytest.approx(0.7), 1], [pytest.approx(0.4), 0]]
    assert rows[0, :4].tolist() == [76, 75, 126, 125]


@pytest.mark.parametrize(("iou", "kept"), [(0.32, 1), (0.34, 2)])
def test_boxes_that_overlap_by_a_third_stay_where_more_is_allowed(iou: float, kept: int) -> None:
    halves = network_output((100, 100, 40, 40, 0.9, 0.0), (120, 100, 40, 40, 0.8, 0.0))
    assert len(most_likely_boxes(halves, 0.25, iou)) == kept


def test_boxes_that_are_not_sure_enough_are_dropped() -> None:
    assert most_likely_boxes(network_output((100, 100, 50, 50, 0.25, 0.2)), 0.25, 0.7).shape == (0, 6)


def test_there_are_at_most_so_many_boxes() -> None:
    far_apart = [(100.0 * number, 0, 10, 10, 0.9, 0.0) for number in range(MAX_BOXES + 5)]
    assert len(most_likely_boxes(network_output(*far_apart), 0.25, 0.7)) == MAX_BOXES


def test_a_network_that_suppresses_by_itself_is_believed() -> None:
    rows = np.array([[1, 2, 3, 4, 0.9, 5], [1, 2, 3, 4, 0.8, 5], [1, 2, 3, 4, 0.1, 5]], np.float32)
    assert most_likely_boxes(rows, 0.25, 0.7).tolist() == rows[:2].tolist()
