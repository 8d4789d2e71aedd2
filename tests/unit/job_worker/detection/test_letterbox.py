"""Fitting images into a network and boxes back; equality with Ultralytics is in test_fast_engines."""

import numpy as np
import pytest

from job_worker.detection.letterbox import MARGIN_GREY, letterbox

pytestmark = [pytest.mark.unit, pytest.mark.worker]


def plain(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), 200, np.uint8)


def test_a_wide_image_gets_margins_above_and_below() -> None:
    fit = letterbox(plain(360, 640), 640, 640)
    assert fit.image.shape == (640, 640, 3)
    assert (fit.image[139] == MARGIN_GREY).all()
    assert (fit.image[140] == 200).all()
    assert (fit.image[499] == 200).all()
    assert (fit.image[500] == MARGIN_GREY).all()


def test_margins_are_cut_to_the_stride() -> None:
    assert letterbox(plain(1080, 1920), 640, 640, stride=32).image.shape == (384, 640, 3)
    assert letterbox(plain(1920, 1080), 640, 640, stride=32).image.shape == (640, 384, 3)


@pytest.mark.parametrize(("height", "width"), [(360, 640), (1080, 1920), (333, 77), (1, 1), (2, 900)])
@pytest.mark.parametrize("stride", [0, 32])
def test_a_box_around_the_whole_image_comes_back_as_it(height: int, width: int, stride: int) -> None:
    fit = letterbox(plain(height, width), 640, 640, stride)
    rows, columns = np.nonzero((fit.image == 200).all(axis=2))
    around = [[columns.min(), rows.min(), columns.max() + 1, rows.max() + 1, 0.9, 0]]
    back = fit.scaled_back(np.array(around, np.float32))
    assert back[0, :4] == pytest.approx([0, 0, width, height], abs=0.01)


def test_boxes_in_the_margins_are_clipped_to_the_image() -> None:
    fit = letterbox(plain(360, 640), 640, 640)
    back = fit.scaled_back(np.array([[-50, 0, 700, 640, 0.9, 0]], np.float32))
    assert back[0, :4].tolist() == [0, 0, 640, 360]
