"""A flat thing that is drawn once and then put into a scene, turned and seen from the side."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from training.boxes import LabelledBox
from training.scenes.chance import Colour, Rng

Pixels = npt.NDArray[Any]
"""An image: `(H, W, 3)` RGB or `(H, W, 4)` RGBA, uint8."""

Points = npt.NDArray[Any]
"""Corners: `(N, 2)` float32, x before y."""

MIN_SHOWN = 0.25
"""The share of a thing that must be inside the frame for it to be drawn, and labelled."""

MAX_HIDDEN = 0.05
"""The share of a labelled thing that another one may cover."""


class Thing(NamedTuple):
    """Something labelled on a patch.

    Attributes:
        label: One of `CLASSES`.
        outline: Its corners in the patch's pixels.
    """

    label: str
    outline: Points


@dataclass
class Patch:
    """A drawing with an alpha channel.

    Attributes:
        pixels: RGBA.
        things: What is labelled on it.
    """

    pixels: Pixels
    things: list[Thing] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.pixels.shape[1], self.pixels.shape[0]


def rectangle(x1: float, y1: float, x2: float, y2: float) -> Points:
    """Return the corners of an upright rectangle."""
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32)


def blank(width: int, height: int, colour: Colour | None = None) -> Pixels:
    """Return a patch's pixels: transparent, or of one opaque colour."""
    return np.full((height, width, 4), (0, 0, 0, 0) if colour is None else (*colour, 255), np.uint8)


def view(rng: Rng, width: float, height: float, turn: float, lean: float = 1.0) -> Points:
    """Return the corners of a rectangle about the origin, turned in space and seen through a lens.

    Args:
        rng: Where chance comes from.
        width: Its width in pixels, seen from the front.
        height: Its height.
        turn: The spread of its turn in the image's plane, in degrees.
        lean: How far it turns away from the viewer: 1 for 22 degrees sideways and 12 backwards.
    """
    yaw, pitch, roll = rng.normal(0, [22 * lean, 12 * lean, turn]) * np.pi / 180
    yaw, pitch = np.clip([yaw, pitch], -1.1, 1.1)
    if rng.random() < 0.04 and turn > 5:
        roll += float(rng.choice([np.pi / 2, -np.pi / 2, np.pi]))
    x = np.array([-1, 1, 1, -1]) * width / 2
    y = np.array([-1, -1, 1, 1]) * height / 2
    far = 3.5 * max(width, height)
    z = far + x * np.sin(yaw) + y * np.sin(pitch)
    seen = np.stack([x * np.cos(yaw), y * np.cos(pitch)], axis=1) * (far / z)[:, None]
    rotation = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    return np.asarray(seen @ rotation.T, np.float32)


def put(frame: Pixels, patch: Patch, corners: Points, boxes: list[LabelledBox]) -> None:
    """Place a patch unless it would hide what is labelled or hardly be seen, and add the boxes inside the frame."""
    height, width = frame.shape[:2]
    around = LabelledBox("", *corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())
    if around.cut_to(width, height).area < MIN_SHOWN * around.area:
        return
    if any(around.overlap(box) > MAX_HIDDEN * box.area for box in boxes):
        return
    placed = [(box, box.cut_to(width, height)) for box in place(frame, patch, corners)]
    boxes += [shown for box, shown in placed if shown.area >= MIN_SHOWN * box.area]


def place(frame: Pixels, patch: Patch, corners: Points) -> list[LabelledBox]:
    """Draw the patch into the frame, its corners onto the four given ones.

    Returns:
        The boxes of its things, not cut to the frame.
    """
    to_frame = cv2.getPerspectiveTransform(rectangle(0, 0, *patch.size), corners.astype(np.float32))
    left, top = np.floor(corners.min(axis=0)).astype(int).clip(0)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int).clip(max=(frame.shape[1], frame.shape[0]))
    if right > left and bottom > top:
        span = max(float(np.ptp(corners, axis=0).max()), 1.0)
        seen = _seen(patch, to_frame, span, (left, top), (right - left, bottom - top))
        alpha = seen[..., 3:].astype(np.float32) * (1 / 255)
        part = frame[top:bottom, left:right]
        part[:] = (part * (1 - alpha) + seen[..., :3] * alpha).astype(np.uint8)
    boxes = []
    for thing in patch.things:
        outline = cv2.perspectiveTransform(thing.outline[None], to_frame)[0]
        boxes.append(LabelledBox(thing.label, *outline.min(axis=0).tolist(), *outline.max(axis=0).tolist()))
    return boxes


def _seen(patch: Patch, to_frame: Points, span: float, corner: tuple[int, int], size: tuple[int, int]) -> Pixels:
    """Return the part of the transformed patch, `span` pixels long in all, of that size from that corner on."""
    # OpenCV's transforms map the middles of pixels, which lie half a pixel from their corners.
    to_corner = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])
    shift = np.array([[1, 0, -corner[0] - 0.5], [0, 1, -corner[1] - 0.5], [0, 0, 1]])
    pixels, scale = patch.pixels, np.eye(3)
    shrink = max(patch.size) / span
    if shrink > 2:  # else a perspective transform would skip pixels
        pixels = cv2.resize(pixels, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
        scale = np.diag([patch.size[0] / pixels.shape[1], patch.size[1] / pixels.shape[0], 1.0])
    return cv2.warpPerspective(pixels, shift @ to_frame @ scale @ to_corner, size, flags=cv2.INTER_LINEAR)
