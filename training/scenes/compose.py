"""A whole frame: background, things in the scene, the camera, captions, compression."""

from dataclasses import dataclass

import numpy as np

from training.materials import Materials
from training.scenes.backgrounds import Backgrounds
from training.scenes.camera import compressed, filmed
from training.scenes.captions import Captions
from training.scenes.clutter import Clutter
from training.scenes.codes import barcode_label, qr_label
from training.scenes.patch import Box, Patch, Picture, Points, place
from training.scenes.plates import plate, vehicle
from training.scenes.signs import Signs
from training.scenes.text import Fonts, choose

__all__ = ["Frame", "Painter"]

SHAPES = ((640, 360), (640, 360), (640, 360), (640, 480), (640, 268), (360, 640), (480, 640), (512, 512))
"""Frame sizes, the longer side as the detector sees it."""

SMALLEST = {"license_plate": 6, "traffic_sign": 8, "caption": 5, "qr_code": 14, "barcode": 8}
"""The least height in pixels at which a thing can be told for what it is."""

ALONE = 0.2
"""The share of frames that show no class at all."""


@dataclass(frozen=True)
class Frame:
    """A rendered frame and what is labelled in it."""

    pixels: Picture
    boxes: list[Box]


class Painter:
    """Renders frames from materials: the same seed and number give the same frame."""

    def __init__(self, materials: Materials) -> None:
        self._fonts = Fonts(materials.fonts)
        self._backgrounds = Backgrounds(materials.photos, materials.textures)
        self._signs = Signs(self._fonts, materials.signs, materials.symbol_font)
        self._captions = Captions(self._fonts)
        self._clutter = Clutter(self._fonts, self._backgrounds, materials.cutouts)

    def frame(self, seed: int, number: int) -> Frame:
        """Renders one frame."""
        rng = np.random.default_rng([seed, number])
        width, height = choose(rng, SHAPES)
        pixels = self._backgrounds.draw(rng, width, height)
        boxes: list[Box] = []
        empty = rng.random() < ALONE
        for _ in range(int(rng.integers(0, 5))):
            _put(rng, pixels, self._clutter.thing(rng), boxes, _log_uniform(rng, 20, 420))
        if not empty and rng.random() < 0.8:
            for _ in range(int(rng.choice([1, 2, 3, 5, 8], p=[0.3, 0.3, 0.2, 0.15, 0.05]))):
                self._labelled(rng, pixels, boxes)
        pixels = filmed(rng, pixels) if rng.random() < 0.85 else pixels
        if not empty and rng.random() < 0.6:
            boxes += self._captions.draw(rng, pixels, boxes)
        return Frame(compressed(rng, pixels), boxes)

    def _labelled(self, rng: np.random.Generator, pixels: Picture, boxes: list[Box]) -> None:
        kind = rng.random()
        if kind < 0.2:
            _put(rng, pixels, vehicle(rng, self._fonts), boxes, _log_uniform(rng, 50, 520), upright=True)
        elif kind < 0.3:
            _put(rng, pixels, plate(rng, self._fonts), boxes, _log_uniform(rng, 20, 260))
        elif kind < 0.65:
            _put(rng, pixels, self._signs.sign(rng), boxes, _log_uniform(rng, 12, 300), upright=True)
        elif kind < 0.83:
            _put(rng, pixels, qr_label(rng, self._fonts), boxes, _log_uniform(rng, 30, 400))
        else:
            _put(rng, pixels, barcode_label(rng, self._fonts), boxes, _log_uniform(rng, 40, 400))


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _put(
    rng: np.random.Generator,
    pixels: Picture,
    patch: Patch,
    boxes: list[Box],
    long_side: float,
    *,
    upright: bool = False,
) -> None:
    """Puts a patch somewhere, unless it would hide what is labelled; adds the boxes of what can be told."""
    height, width = pixels.shape[:2]
    scale = long_side / max(patch.size)
    corners = _view(rng, patch.size[0] * scale, patch.size[1] * scale, turn=4.0 if upright else 14.0)
    centre = np.array([rng.uniform(0, width), rng.uniform(0, height)], np.float32)
    corners = (corners + centre).astype(np.float32)
    around = Box("", *corners.min(axis=0).tolist(), *corners.max(axis=0).tolist())
    if any(around.overlap(box) > 0.05 * box.area for box in boxes):
        return
    for box in place(pixels, patch, corners):
        shown = box.cut_to(width, height)
        if shown.y2 - shown.y1 >= SMALLEST[box.label] and shown.area >= 0.35 * box.area:
            boxes.append(shown)


def _view(rng: np.random.Generator, width: float, height: float, turn: float) -> Points:
    """The corners of a rectangle of the given size about the origin, turned in space and seen through a lens."""
    yaw, pitch, roll = rng.normal(0, [22, 12, turn]) * np.pi / 180
    yaw, pitch = np.clip([yaw, pitch], -1.1, 1.1)
    if rng.random() < 0.04 and turn > 5:
        roll += choose(rng, (np.pi / 2, -np.pi / 2, np.pi))
    x = np.array([-1, 1, 1, -1]) * width / 2
    y = np.array([-1, -1, 1, 1]) * height / 2
    far = 3.5 * max(width, height)
    z = far + x * np.sin(yaw) + y * np.sin(pitch)
    seen = np.stack([x * np.cos(yaw), y * np.cos(pitch)], axis=1) * (far / z)[:, None]
    rotation = np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    return (seen @ rotation.T).astype(np.float32)
