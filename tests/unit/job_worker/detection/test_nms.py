"""Which boxes stay; equality with Ultralytics is in test_fast_engines."""

import numpy as np
import pytest

from job_worker.detection.nms import MAX_DETECTIONS, non_maximum_suppression

pytestmark = [pytest.mark.unit, pytest.mark.worker]


def network_output(*boxes: tuple[float, float, float, float, float, float]) -> np.ndarray:
    """Return `(4 + 2, N)`: centre, size, scores of two classes."""
    return np.array(boxes, np.float32).T


def test_of_boxes_that_overlap_the_one_with_the_highest_confidence_stays_and_other_classes_stay_too() -> None:
    rows = non_maximum_suppression(
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
    assert len(non_maximum_suppression(halves, 0.25, iou)) == kept


def test_boxes_of_a_low_confidence_are_dropped() -> None:
    assert non_maximum_suppression(network_output((100, 100, 50, 50, 0.25, 0.2)), 0.25, 0.7).shape == (0, 6)


def test_there_are_at_most_so_many_boxes() -> None:
    far_apart = [(100.0 * number, 0, 10, 10, 0.9, 0.0) for number in range(MAX_DETECTIONS + 5)]
    assert len(non_maximum_suppression(network_output(*far_apart), 0.25, 0.7)) == MAX_DETECTIONS


def test_the_output_of_a_network_that_includes_nms_is_kept() -> None:
    rows = np.array([[1, 2, 3, 4, 0.9, 5], [1, 2, 3, 4, 0.8, 5], [1, 2, 3, 4, 0.1, 5]], np.float32)
    assert non_maximum_suppression(rows, 0.25, 0.7).tolist() == rows[:2].tolist()
