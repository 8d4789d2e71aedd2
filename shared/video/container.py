"""Opens an MP4 file with PyAV, of whichever version."""

from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
from av.container import InputContainer

__all__ = ["Ratio", "exact", "open_mp4"]

PYAV_WITHOUT_METADATA_ERRORS = 19
"""First major version of PyAV that reads metadata in no encoding by itself, and no longer takes `metadata_errors`."""

LENIENT_METADATA: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < PYAV_WITHOUT_METADATA_ERRORS else {}
)


def open_mp4(path: Path, options: dict[str, str] | None = None) -> InputContainer:
    """Return the open container; nothing but this file is read, and metadata in no encoding is no error.

    Args:
        path: The file; it is never taken for an address.
        options: Options of the demuxer and the decoders.

    Raises:
        av.FFmpegError: The file cannot be opened as MP4.
    """
    container: InputContainer = av.open(f"file:{path}", format="mov", options=options or {}, **LENIENT_METADATA)
    return container


class Ratio(Protocol):
    """A ratio as PyAV gives it: a Fraction, or since version 19 a type of its own."""

    @property
    def numerator(self) -> int:
        """The upper number."""

    @property
    def denominator(self) -> int:
        """The lower number."""


def exact(ratio: Ratio | None) -> Fraction | None:
    """Return the ratio as a Fraction, None where the file states none (zero, or over zero)."""
    return Fraction(ratio.numerator, ratio.denominator) if ratio and ratio.numerator and ratio.denominator else None
