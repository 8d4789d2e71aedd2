"""How large images are in a detector's input."""

import pytest

from job_worker.detection.image_size import ImageSize

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("height", "width", "side"),
    [
        (360, 640, 800), (640, 360, 800), (180, 320, 768), (1, 1, 768), (620, 100, 768), (690, 690, 864),
        (432, 768, 960), (720, 1280, 960), (2160, 3840, 960),
    ],
)  # fmt: skip
def test_it_enlarges_the_image_a_little_within_limits(height: int, width: int, side: int) -> None:
    assert ImageSize(768, 960).of(height, width) == side


def test_a_fixed_one_does_not() -> None:
    assert {ImageSize.fixed(768).of(height, 64) for height in (8, 768, 5000)} == {768}
