"""A flat thing that is drawn once and then put into a scene, turned and seen from the side."""

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

__all__ = [
    "CLASSES",
    "LEAST_SHOWN",
    "Box",
    "Colour",
    "Patch",
    "Pixels",
    "Points",
    "Thing",
    "blank",
    "place",
    "put",
    "rectangle",
    "view",
]  # fmt: skip

CLASSES = ("license_plate", "traffic_sign", "caption", "qr_code", "barcode")
"""What is labelled, in the order of the class numbers."""

Pixels = npt.NDArray[np.uint8]
"""RGB or RGBA, height x width x 3 or 4."""

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""

Points = npt.NDArray[np.float32]
"""Corners, n x 2."""


@dataclass(frozen=True)
class Thing:
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


@dataclass(frozen=True)
class Box:
    """A labelled box in a frame: `x1, y1, x2, y2` in pixels."""

    label: str
    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def area(self) -> float:
        """Its area in pixels; 0 where it is turned inside out."""
        return max(0.0, self.x2 - self.x1) * max(0.0, self.y2 - self.y1)

    def overlap(self, other: "Box") -> float:
        """The area that both cover."""
        shared = Box("", max(self.x1, other.x1), max(self.y1, other.y1), min(self.x2, other.x2), min(self.y2, other.y2))
        return shared.area if shared.x2 > shared.x1 and shared.y2 > shared.y1 else 0.0

    def cut_to(self, width: int, height: int) -> "Box":
        """What of it lies inside the frame."""
        return Box(self.label, max(self.x1, 0), max(self.y1, 0), min(self.x2, width), min(self.y2, height))


def rectangle(x1: float, y1: float, x2: float, y2: float) -> Points:
    """The corners of an upright rectangle."""
    return np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]], np.float32)


def blank(width: int, height: int, colour: Colour | None = None) -> Pixels:
    """A patch's pixels: transparent, or of one opaque colour."""
    pixels = np.zeros((height, width, 4), np.uint8)
    if colour is not None:
        pixels[:] = (*colour, 255)
    return pixels


def view(rng: np.random.Generator, width: float, height: float, turn: float, lean: float = 1.0) -> Points:
    """The corners of a rectangle of the given size about the origin, turned in space and seen through a lens.

    Args:
        rng: Where chance comes from.
        width: Its width in pixels, seen from the front.
        height: Its height.
        turn: The spread of its turn in the picture's plane, in degrees.
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
    return (seen @ rotation.T).astype(np.float32)


LEAST_SHOWN = 0.25
"""The share of a thing that must be inside the frame for it to be drawn, and labelled."""


def put(frame: Pixels, patch: Patch, corners: Points, boxes: list[Box]) -> None:
    """Places a patch unless it would hide what is labelled or be hardly seen, and adds the boxes that are inside."""
    height, width = frame.shape[:2]
    around = Box("", *corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())
    if around.cut_to(width, height).area < LEAST_SHOWN * around.area:
        return
    if any(around.overlap(box) > 0.05 * box.area for box in boxes):
        return
    for box in place(frame, patch, corners):
        shown = box.cut_to(width, height)
        if shown.area >= LEAST_SHOWN * box.area:
            boxes.append(shown)


def place(frame: Pixels, patch: Patch, corners: Points, opacity: float = 1.0) -> list[Box]:
    """Draws the patch into the frame, its corners onto the four given ones.

    Returns:
        The boxes of its things, not cut to the frame.
    """
    width, height = patch.size
    to_frame = cv2.getPerspectiveTransform(rectangle(0, 0, width, height), corners.astype(np.float32))
    left, top = np.floor(corners.min(axis=0)).astype(int)
    right, bottom = np.ceil(corners.max(axis=0)).astype(int)
    left, top = max(left, 0), max(top, 0)
    right, bottom = min(right, frame.shape[1]), min(bottom, frame.shape[0])
    if right > left and bottom > top:
        # OpenCV's transforms map the middles of pixels, which lie half a pixel from their corners.
        to_corner = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]], np.float64)
        shift = np.array([[1, 0, -left - 0.5], [0, 1, -top - 0.5], [0, 0, 1]], np.float64)
        pixels = patch.pixels
        shrink = max(width, height) / max(float(np.ptp(corners, axis=0).max()), 1.0)
        scale = np.eye(3)
        if shrink > 2:  # else a perspective transform would skip pixels
            pixels = cv2.resize(pixels, None, fx=1 / shrink, fy=1 / shrink, interpolation=cv2.INTER_AREA)
            scale = np.diag([width / pixels.shape[1], height / pixels.shape[0], 1.0])
        seen = cv2.warpPerspective(
            pixels, shift @ to_frame @ scale @ to_corner, (right - left, bottom - top), flags=cv2.INTER_LINEAR
        )
        alpha = seen[..., 3:].astype(np.float32) * (opacity / 255)
        part = frame[top:bottom, left:right]
        part[:] = (part * (1 - alpha) + seen[..., :3] * alpha).astype(np.uint8)
    boxes = []
    for thing in patch.things:
        outline = cv2.perspectiveTransform(thing.outline[None], to_frame)[0]
        (x1, y1), (x2, y2) = outline.min(axis=0), outline.max(axis=0)
        boxes.append(Box(thing.label, float(x1), float(y1), float(x2), float(y2)))
    return boxes
