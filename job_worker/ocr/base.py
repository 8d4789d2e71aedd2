"""The port of text readers."""

from typing import Protocol

from shared.results import TextLine
from shared.video.frame import Image

DEFAULT_MIN_CONFIDENCE = 0.5
"""Least confidence of a line of text where nothing else is configured."""


class TextReader(Protocol):
    """Reads the text in images.

    Attributes:
        concurrency: How many threads may use it at a time.
    """

    concurrency: int

    def read(self, image: Image, min_confidence: float = DEFAULT_MIN_CONFIDENCE) -> list[TextLine]:
        """Read the text in one image.

        Args:
            image: `(H, W, 3)` uint8 BGR.
            min_confidence: Lines with a lower confidence are dropped, 0 to 1.

        Returns:
            The lines in reading order, polygons in pixels of `image`; the same image always gives the same list.
        """
        ...
