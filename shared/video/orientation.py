"""The orientation of stored frames: rotation and mirroring for display."""

import struct
from dataclasses import dataclass
from typing import Self, cast

import cv2
from av.sidedata.sidedata import SideDataContainer
from av.video.frame import VideoFrame

from shared.video.image import Image

_ROTATIONS = {
    1: cv2.ROTATE_90_COUNTERCLOCKWISE,
    -1: cv2.ROTATE_90_CLOCKWISE,
    2: cv2.ROTATE_180,
    -2: cv2.ROTATE_180,
}
"""By quarter turns counterclockwise; the angle of an invalid matrix is none of these."""


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored image becomes the one that is displayed.

    Attributes:
        quarter_turns: Rotations by 90 degrees counterclockwise, after mirroring; more than two rotate nothing.
        mirrored: Whether it is mirrored, top to bottom, before it is rotated.
        matrix: The display matrix of the file, nine numbers; None if none can be read.
    """

    quarter_turns: int
    mirrored: bool
    matrix: tuple[int, ...] | None

    @classmethod
    def of(cls, frame: VideoFrame) -> Self:
        """Return the orientation of a decoded frame."""
        matrix = _display_matrix(frame)
        a, b, _, c, d, *_ = matrix or (1, 0, 0, 0, 1)
        has_negative_determinant = a * d < b * c
        return cls(quarter_turns=round(frame.rotation / 90), mirrored=has_negative_determinant, matrix=matrix)

    def upright(self, stored: Image) -> Image:
        """Return the displayed image of a stored one."""
        return _rotated(_flipped(stored) if self.mirrored else stored, self.quarter_turns)

    def as_stored(self, upright: Image) -> Image:
        """Return the stored image of a displayed one."""
        rotated = _rotated(upright, -self.quarter_turns)
        return _flipped(rotated) if self.mirrored else rotated


def _flipped(image: Image) -> Image:
    return cast("Image", cv2.flip(image, 0))


def _rotated(image: Image, quarter_turns: int) -> Image:
    rotation = _ROTATIONS.get(quarter_turns)
    return image if rotation is None else cast("Image", cv2.rotate(image, rotation))


def _display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    try:
        # Not `frame.side_data`: it makes a reference cycle, and memory grows until the next garbage collection.
        return struct.unpack("=9i", bytes(SideDataContainer(frame)["DISPLAYMATRIX"]))  # type: ignore[call-arg]
    except (KeyError, ValueError):
        # ValueError: the library has no name for other side data of the frame (spatial video has such).
        return None
