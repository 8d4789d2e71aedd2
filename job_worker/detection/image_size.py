"""How large an image is in a detector's input."""

from typing import NamedTuple

STEP = 32
"""Sides are multiples of it, as the networks' grids are."""

ENLARGEMENT = 1.25
"""By how much images are enlarged where the limits allow it: what is a few pixels large is found better so."""


class ImageSize(NamedTuple):
    """The long side of a detector's input, in pixels: that of the image, a little enlarged, within limits.

    Attributes:
        least: Smaller images are enlarged to it.
        most: Larger images are scaled down to it.
    """

    least: int
    most: int

    @classmethod
    def fixed(cls, side: int) -> "ImageSize":
        """Return that of all images alike."""
        return cls(side, side)

    def of(self, height: int, width: int) -> int:
        """Return that of an image of this size in pixels."""
        enlarged = round(max(height, width) * ENLARGEMENT / STEP) * STEP
        return min(max(enlarged, self.least), self.most)


DEFAULT_IMAGE_SIZE = ImageSize.fixed(640)
"""Ultralytics' own default."""
