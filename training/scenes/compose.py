"""A whole frame: a road or a background with things, the camera, captions, compression."""

from typing import NamedTuple

import numpy as np

from training.boxes import LabelledBox
from training.materials import Materials
from training.scenes.backgrounds import Backgrounds
from training.scenes.camera import compressed, filmed
from training.scenes.captions import Captions
from training.scenes.chance import Rng, choose, log_uniform
from training.scenes.clutter import Clutter
from training.scenes.codes import barcode_label, qr_label
from training.scenes.cutouts import Cutouts
from training.scenes.patch import Patch, Pixels, put, view
from training.scenes.plates import plate, vehicle
from training.scenes.road import Roads
from training.scenes.screens import Screens
from training.scenes.signs import Signs
from training.scenes.text import Fonts

SHAPES = ((640, 360), (640, 360), (640, 360), (640, 480), (640, 268), (360, 640), (480, 640), (512, 512))
"""Frame sizes, the longer side as the detector sees it."""

SMALLEST = {"license_plate": 6, "traffic_sign": 8, "caption": 5, "qr_code": 14, "barcode": 8}
"""The least height in pixels at which a thing can be recognised in a sharp image."""

FAINTEST = 5.0
"""The least spread of the grey levels (standard deviation, of 255) of a thing that can be recognised."""

ROADS = 0.3
"""The share of frames that show a road."""

SCREENS = 0.08
"""The share of the other frames that a screen fills, as recordings of screens do."""

ALONE = 0.25
"""The share of frames that show no class at all."""

CUTOUTS = 0.3
"""The share of the frames with classes into which cut-outs of real plates and signs are pasted, where there are any."""


class RenderedFrame(NamedTuple):
    """A rendered frame.

    Attributes:
        pixels: What is seen.
        boxes: What is labelled in it.
        ignored: What is there too, but too small or too faint: it is neither to be found nor wrong to find.
    """

    pixels: Pixels
    boxes: list[LabelledBox]
    ignored: list[LabelledBox]


class Painter:
    """Renders frames from materials: the same seed and number give the same frame."""

    def __init__(self, materials: Materials, cutouts: Cutouts | None = None) -> None:
        self._cutouts = cutouts
        self._fonts = Fonts(materials.fonts)
        self._backgrounds = Backgrounds(materials.photos, materials.textures)
        self._signs = Signs(self._fonts, materials.signs, materials.symbol_font)
        self._captions = Captions(self._fonts)
        self._roads = Roads(self._fonts, self._signs, self._backgrounds, materials.roadside)
        self._screens = Screens(self._fonts, self._backgrounds)
        self._clutter = Clutter(self._fonts, self._backgrounds, materials.cutouts + materials.roadside)

    def frame(self, seed: int, number: int) -> RenderedFrame:
        """Render one frame."""
        rng = np.random.default_rng([seed, number])
        width, height = choose(rng, SHAPES)
        empty = rng.random() < ALONE
        if rng.random() < ROADS:
            pixels, boxes = self._roads.draw(rng, width, height, empty=empty)
        else:
            pixels, boxes = self._ground(rng, width, height), []
            self._things(rng, pixels, boxes, empty=empty)
        if self._cutouts and not empty and rng.random() < CUTOUTS:
            self._cutouts.paste(rng, pixels, boxes)
        return self.shot(rng, pixels, boxes, empty=empty)

    def shot(
        self, rng: Rng, pixels: Pixels, boxes: list[LabelledBox], *, empty: bool, filmed_share: float = 0.85
    ) -> RenderedFrame:
        """Return a scene after camera, captions and compression.

        Args:
            rng: Where chance comes from.
            pixels: The scene.
            boxes: What is labelled in it.
            empty: Whether it gets no captions.
            filmed_share: The share of scenes that a camera's effects are applied to.
        """
        spot = 1.0
        if rng.random() < filmed_share:
            pixels, spot = filmed(rng, pixels)
        clear = [box for box in boxes if _is_large_enough(box, spot)]
        if not empty and rng.random() < 0.5:
            captions = self._captions.draw(rng, pixels, clear)
            clear, boxes = clear + captions, boxes + captions
        pixels, spot = compressed(rng, pixels)
        clear = [box for box in clear if _is_large_enough(box, spot) and _stands_out(box, pixels)]
        return RenderedFrame(pixels, clear, [box for box in boxes if box not in clear])

    def _ground(self, rng: Rng, width: int, height: int) -> Pixels:
        if rng.random() < SCREENS:
            return self._screens.screen(rng, width, height)[..., :3].copy()
        return self._backgrounds.draw(rng, width, height)

    def _things(self, rng: Rng, pixels: Pixels, boxes: list[LabelledBox], *, empty: bool) -> None:
        """Draw things here and there, in front of anything."""
        for _ in range(int(rng.integers(0, 5))):
            _put(rng, pixels, self._clutter.thing(rng), boxes, log_uniform(rng, 20, 420))
        if not empty and rng.random() < 0.9:
            for _ in range(int(rng.choice([1, 2, 3, 5, 8], p=[0.15, 0.25, 0.25, 0.2, 0.15]))):
                self._labelled(rng, pixels, boxes)

    def _labelled(self, rng: Rng, pixels: Pixels, boxes: list[LabelledBox]) -> None:
        kind = rng.random()
        if kind < 0.2:
            _put(rng, pixels, vehicle(rng, self._fonts), boxes, log_uniform(rng, 50, 520), turn=4.0)
        elif kind < 0.3:
            _put(rng, pixels, plate(rng, self._fonts), boxes, log_uniform(rng, 20, 260))
        elif kind < 0.65:
            _put(rng, pixels, self._signs.sign(rng), boxes, log_uniform(rng, 16, 300), turn=4.0)
        elif kind < 0.83:
            _put(rng, pixels, qr_label(rng, self._fonts), boxes, log_uniform(rng, 30, 400))
        else:
            _put(rng, pixels, barcode_label(rng, self._fonts), boxes, log_uniform(rng, 40, 400))


def _is_large_enough(box: LabelledBox, spot: float) -> bool:
    """Return whether a thing is large enough, where a point of it was smeared over so many pixels."""
    return box.y2 - box.y1 >= SMALLEST[box.label] * (0.75 + spot / 4)


def _stands_out(box: LabelledBox, frame: Pixels) -> bool:
    part = frame[int(box.y1) : int(np.ceil(box.y2)), int(box.x1) : int(np.ceil(box.x2))]
    return float(part.mean(axis=2).std()) >= FAINTEST


def _put(
    rng: Rng, pixels: Pixels, patch: Patch, boxes: list[LabelledBox], long_side: float, turn: float = 14.0
) -> None:
    """Put a patch somewhere in the frame."""
    height, width = pixels.shape[:2]
    scale = long_side / max(patch.size)
    corners = view(rng, patch.size[0] * scale, patch.size[1] * scale, turn)
    put(pixels, patch, corners + np.array([rng.uniform(0, width), rng.uniform(0, height)], np.float32), boxes)
