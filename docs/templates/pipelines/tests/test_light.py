"""The conformance tests over both pipelines, and their results."""

import numpy as np
import pytest
from foregsyte_light.brightness import Brightness
from foregsyte_light.colours import Colours

from job_worker.testing import PipelineConformance


class TestBrightness(PipelineConformance):
    @pytest.fixture
    def make(self) -> type[Brightness]:
        return Brightness

    @pytest.fixture
    def options(self) -> dict[str, object]:
        return {"dark_below": 100}


class TestColours(PipelineConformance):
    @pytest.fixture
    def make(self) -> type[Colours]:
        return Colours


def image_of(blue: int, green: int, red: int) -> np.ndarray:
    return np.full((4, 6, 3), (blue, green, red), np.uint8)


def test_an_image_is_dark_below_the_limit() -> None:
    assert Brightness(dark_below=20).analyse(image_of(10, 20, 30)) == {"brightness": 20.0, "is_dark": False}
    assert Brightness(dark_below=21).analyse(image_of(10, 20, 30)) == {"brightness": 20.0, "is_dark": True}


@pytest.mark.parametrize("value", [-1, 256])
def test_an_invalid_limit_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match="dark_below"):
        Brightness(dark_below=value)


def test_each_image_of_a_batch_has_its_own_colour() -> None:
    assert Colours().analyse_batch([image_of(1, 2, 3), image_of(4, 5, 6)]) == [
        {"red": 3.0, "green": 2.0, "blue": 1.0},
        {"red": 6.0, "green": 5.0, "blue": 4.0},
    ]
