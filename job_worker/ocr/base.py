"""The port of text readers."""

from typing import Protocol

from shared.results import Polygon, TextLine, one_line
from shared.video.image import Image

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


def line_of(text: str, confidence: float, polygon: Polygon, min_confidence: float) -> TextLine | None:
    """Return a line as a network has read it.

    Args:
        text: The characters.
        confidence: Of the network. NaN counts as none, and rounding errors above 1 as 1.
        polygon: Its corners, in pixels of the image.
        min_confidence: The least confidence, 0 to 1.

    Returns:
        The line; None if it has no text or its confidence is too low.
    """
    text = one_line(text)
    if not text or not confidence >= min_confidence:
        return None
    return TextLine(text=text, confidence=min(confidence, 1.0), polygon=polygon)
