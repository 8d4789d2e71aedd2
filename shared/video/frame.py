"""One decoded picture of a video."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Frame", "Image"]

Image = npt.NDArray[np.uint8]
"""A picture: `(H, W, 3)` uint8 BGR, origin top left."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame as it is displayed.

    Attributes:
        index: Place in display order, counted from 0.
        timestamp_ms: Presentation time in milliseconds, as the file states it.
        image: `(H, W, 3)` uint8 BGR, rotation applied.
    """

    index: int
    timestamp_ms: float
    image: Image
