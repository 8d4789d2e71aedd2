"""What every text reader offers."""

from typing import Protocol, Self

from shared.results import TextLine
from shared.video.frame import Image

__all__ = ["TextReader"]


class TextReader(Protocol):
    """Reads the text in one picture.

    Attributes:
        concurrency: How many threads may use it at a time.
    """

    concurrency: int

    def with_confidence(self, min_confidence: float) -> Self:
        """Returns a reader with another limit on the same networks, which stay in memory once.

        Args:
            min_confidence: Lines that the model is less sure of are dropped, 0 to 1.
        """
        ...

    def read(self, image: Image) -> list[TextLine]:
        """Read the text in a picture, by that picture alone.

        Args:
            image: `(H, W, 3)` uint8 BGR.

        Returns:
            The lines in reading order, polygons in pixels of `image`; the same picture gives the same list.
        """
        ...
