"""One decoded picture with what a copy of it needs, and what a copy of its video must keep."""

from dataclasses import dataclass
from fractions import Fraction

from av.video.frame import VideoFrame

from shared.video.frame import Image
from shared.video.orientation import Orientation

__all__ = ["DecodedFrame", "VideoFormat"]


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What a copy of the video must keep.

    Attributes:
        time_base: Unit of the frames' times in seconds.
        rate: Frames a second, on average.
        sample_aspect_ratio: Width of a pixel by its height; None where the file states none.
    """

    time_base: Fraction
    rate: Fraction
    sample_aspect_ratio: Fraction | None


@dataclass(frozen=True, slots=True, eq=False)
class DecodedFrame:
    """One frame as it is displayed and as it is stored.

    Attributes:
        index: Place in display order, counted from 0.
        pts: Presentation time in units of the track's time base, as the file states it; None where it does not.
        timestamp_ms: Presentation time in milliseconds; it never runs backwards.
        image: The frame as it is displayed: `(H, W, 3)` uint8 BGR, contiguous.
        stored: The decoded frame, before any rotation.
        orientation: How the stored frame becomes the displayed one.
    """

    index: int
    pts: int | None
    timestamp_ms: float
    image: Image
    stored: VideoFrame
    orientation: Orientation
