"""The port of code readers."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from shared.results import Code, Detection
from shared.video.image import Image

MAX_CODES = 1000
MAX_CONTENT_BYTES = 280_000
"""Together these keep a frame's result below what a server takes."""


def is_full(codes: Sequence[Code]) -> bool:
    """Return whether an image has as many codes as are kept, so that others may have been left out."""
    contents = (len(code.text.encode()) * 2 + len(code.bytes or "") for code in codes)
    return len(codes) >= MAX_CODES or sum(contents) >= MAX_CONTENT_BYTES


class CodeReader(Protocol):
    """Reads the codes in images.

    Attributes:
        concurrency: How many threads may use it at a time.
    """

    concurrency: int

    def read(self, image: Image, detections: Iterable[Detection] = ()) -> list[Code]:
        """Read the codes in one image.

        Args:
            image: `(H, W, 3)` uint8 BGR.
            detections: What a detector found in it; codes among them are read enlarged first.

        Returns:
            The codes from top to bottom, polygons in pixels of `image`, until `is_full`; the same image and detections
            always give the same list.
        """
        ...
