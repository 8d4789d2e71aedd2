"""Open MP4 files with any supported version of PyAV."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.container import InputContainer

PYAV_WITHOUT_METADATA_ERRORS = 19
"""First major version of PyAV that accepts metadata in an unknown encoding and has no argument `metadata_errors`."""

LENIENT_METADATA: dict[str, Any] = (
    {"metadata_errors": "replace"} if int(av.__version__.split(".")[0]) < PYAV_WITHOUT_METADATA_ERRORS else {}
)


def open_mp4(path: Path, options: dict[str, str] | None = None) -> InputContainer:
    """Return the open container; no other file is read, and metadata in an unknown encoding is not an error.

    Args:
        path: The file; it is never interpreted as a URL.
        options: Options of the demuxer and the decoders.

    Raises:
        av.FFmpegError: The file cannot be opened as MP4.
    """
    container: InputContainer = av.open(f"file:{path}", format="mov", options=options or {}, **LENIENT_METADATA)
    return container


def exact(ratio: Any) -> Fraction | None:
    """Return a ratio of PyAV as a Fraction; None if the file states none (zero, or a denominator of zero).

    Args:
        ratio: A Fraction, or since version 19 of PyAV a type of its own; None where it has none.
    """
    return Fraction(ratio.numerator, ratio.denominator) if ratio and ratio.numerator and ratio.denominator else None
