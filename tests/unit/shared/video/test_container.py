"""Every version of PyAV opens the file, and its ratios are Fractions."""

from fractions import Fraction
from types import SimpleNamespace

import av
import pytest

from shared.video.container import exact, open_mp4
from tests.conftest import TINY_MP4

pytestmark = [pytest.mark.unit, pytest.mark.worker]


def test_the_installed_version_opens_the_file() -> None:
    with open_mp4(TINY_MP4) as container:
        assert container.streams.video


def test_a_file_that_is_no_mp4_is_the_librarys_error() -> None:
    with pytest.raises(av.FFmpegError):
        open_mp4(TINY_MP4.with_suffix(".py"))


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        (None, None),
        (Fraction(1, 3), Fraction(1, 3)),
        (SimpleNamespace(numerator=30000, denominator=1001), Fraction(30000, 1001)),
        (SimpleNamespace(numerator=0, denominator=1), None),
        (SimpleNamespace(numerator=1, denominator=0), None),
    ],
)
def test_a_ratio_of_any_type_is_a_fraction_or_nothing(ratio: object, expected: Fraction | None) -> None:
    assert exact(ratio) == expected
