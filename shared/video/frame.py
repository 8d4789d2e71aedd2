"""Frames of a video, and the format of a video."""

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:  # who only needs an image does not load a decoder
    from av.video.frame import VideoFrame

    from shared.video.orientation import Orientation

Image = npt.NDArray[np.uint8]
"""An image: `(H, W, 3)` uint8 BGR, origin top left."""
MAX_FRAME_PIXELS = 8192 * 4320
"""Largest image that is decoded by default: 8K DCI, which takes 106 MB as BGR."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One frame as it is displayed.

    Attributes:
        index: Position in display order, counted from 0.
        timestamp_ms: Presentation time in milliseconds; it never decreases.
        image: `(H, W, 3)` uint8 BGR, contiguous, rotation applied.
    """

    index: int
    timestamp_ms: float
    image: Image


@dataclass(frozen=True, slots=True, eq=False)
class DecodedFrame(Frame):
    """One frame as it is displayed and as it is stored, for a copy of the video.

    Attributes:
        pts: Presentation time of the file in units of the track's time base; None if the file has none.
        stored: The decoded frame, before any rotation.
        orientation: How the stored frame becomes the displayed one.
    """

    pts: int | None
    stored: "VideoFrame"
    orientation: "Orientation"


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What a copy of a video must keep.

    Attributes:
        time_base: Unit of the frames' presentation times in seconds.
        rate: Average frames per second.
        sample_aspect_ratio: Width of a pixel divided by its height; None if the file states none.
    """

    time_base: Fraction
    rate: Fraction
    sample_aspect_ratio: Fraction | None
