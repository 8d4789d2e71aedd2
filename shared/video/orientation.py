"""How the pictures of a video are stored, and how they are displayed."""

import struct
from dataclasses import dataclass
from typing import Self, cast

import cv2
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import VideoFrame

from shared.video.frame import Image

__all__ = ["Orientation"]

_ROTATIONS = {
    1: cv2.ROTATE_90_COUNTERCLOCKWISE,
    -1: cv2.ROTATE_90_CLOCKWISE,
    2: cv2.ROTATE_180,
    -2: cv2.ROTATE_180,
}
"""By quarter turns against the clock; the angle of a meaningless matrix is none of these."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored picture becomes the one that is displayed.

    Attributes:
        quarter_turns: Turns by 90 degrees against the clock, after mirroring; more than two turn nothing.
        mirrored: Whether it is mirrored, top to bottom, before it is turned.
        matrix: The display matrix as the file states it, nine numbers; None where none can be read.
    """

    quarter_turns: int
    mirrored: bool
    matrix: tuple[int, ...] | None

    @classmethod
    def of(cls, frame: VideoFrame) -> Self:
        """Returns the orientation of a decoded frame."""
        matrix = _display_matrix(frame)
        a, b, _, c, d, *_ = matrix or (1, 0, 0, 0, 1)
        has_negative_determinant = a * d < b * c
        return cls(quarter_turns=round(frame.rotation / 90), mirrored=has_negative_determinant, matrix=matrix)

    def upright(self, stored: Image) -> Image:
        """Turns a stored picture into the displayed one."""
        return _rotated(_flipped(stored) if self.mirrored else stored, self.quarter_turns)

    def as_stored(self, upright: Image) -> Image:
        """Turns a displayed picture back into the stored one."""
        rotated = _rotated(upright, -self.quarter_turns)
        return _flipped(rotated) if self.mirrored else rotated


def _flipped(image: Image) -> Image:
    return cast("Image", cv2.flip(image, 0))


def _rotated(image: Image, quarter_turns: int) -> Image:
    rotation = _ROTATIONS.get(quarter_turns)
    return image if rotation is None else cast("Image", cv2.rotate(image, rotation))


def _display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    try:
        # Not `frame.side_data`: that ties frame and side data to each other, and memory grows until a collection.
        return struct.unpack("=9i", bytes(SideDataContainer(frame)["DISPLAYMATRIX"]))  # type: ignore[call-arg]
    except (KeyError, ValueError):
        # ValueError: the library has no name for another piece of side data (spatial video has such).
        return None
