"""The port of code readers."""

from collections.abc import Iterable
from typing import Protocol

from shared.results import Code, Detection
from shared.video.frame import Image


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
            The codes from top to bottom, polygons in pixels of `image`; the same image and detections always give the
            same list.
        """
        ...
