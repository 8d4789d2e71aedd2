"""Roads as a driver sees them: vehicles ahead, signs beside and above, each as large as its distance makes it."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from training.boxes import LabelledBox
from training.scenes.backgrounds import Backgrounds
from training.scenes.chance import Rng, a_colour, choose, log_uniform, noise
from training.scenes.drawing import read_rgba
from training.scenes.patch import Patch, Pixels, place, put, rectangle, view
from training.scenes.plates import vehicle
from training.scenes.shops import shop_sign
from training.scenes.signs import Signs
from training.scenes.text import Fonts

LANE = 3.5
"""A lane's width in metres."""

HIGH = 5.3
"""The clearance below what is over the road, in metres."""


class _Road(NamedTuple):
    """A level road and where it is seen from; `near` is 1 at the frame's lower edge and 0 at the horizon.

    Attributes:
        width: Of the frame, in pixels.
        height: Of the frame, in pixels.
        horizon: Its row.
        vanish: The column where the road ends.
        middle: The column of the road's middle at the lower edge.
        eye: The camera's height above the road, in metres.
        lanes: How many it has.
    """

    width: int
    height: int
    horizon: int
    vanish: float
    middle: float
    eye: float
    lanes: int

    @property
    def half(self) -> float:
        """Metres from the road's middle to its edge."""
        return self.lanes * LANE / 2

    def metre(self, near: float) -> float:
        """Return the pixels of a metre."""
        return (self.height - self.horizon) * near / self.eye

    def point(self, aside: float, up: float, near: float) -> tuple[float, float]:
        """Return the pixel of a point so many metres right of the road's middle and above it."""
        x = self.vanish + (self.middle - self.vanish) * near + aside * self.metre(near)
        return x, self.horizon + (self.eye - up) * self.metre(near)

    def pixel(self, aside: float, up: float, near: float) -> tuple[int, int]:
        """Return the whole pixel of a point so many metres right of the road's middle and above it."""
        x, y = self.point(aside, up, near)
        return int(x), int(y)


@dataclass
class _Scene:
    """A road that is being drawn.

    Attributes:
        rng: Where chance comes from.
        road: What it looks like.
        pixels: What is drawn.
        boxes: What is labelled.
    """

    rng: Rng
    road: _Road
    pixels: Pixels
    boxes: list[LabelledBox] = field(default_factory=list)

    def stand(self, patch: Patch, wide: float, foot: tuple[float, float], *, turn: float, lean: float) -> None:
        """Put up a patch, so many pixels wide, on the point of its lower edge's middle; turned as `view` says."""
        high = wide * patch.size[1] / patch.size[0]
        corners = view(self.rng, wide, high, turn, lean) + np.array([foot[0], foot[1] - high / 2], np.float32)
        put(self.pixels, patch, corners, self.boxes)


class Roads:
    """Draws roads with what stands and drives there."""

    def __init__(self, fonts: Fonts, signs: Signs, backgrounds: Backgrounds, roadside: list[Path]) -> None:
        self._fonts = fonts
        self._roadside = roadside
        self._signs = signs
        self._backgrounds = backgrounds

    def draw(self, rng: Rng, width: int, height: int, *, empty: bool) -> tuple[Pixels, list[LabelledBox]]:
        """Draw a road of the given size; return it and the boxes of its plates and signs; an empty one has neither."""
        horizon, vanish = int(height * rng.uniform(0.35, 0.62)), width * rng.uniform(0.3, 0.7)
        middle, eye, lanes = width * rng.uniform(0.2, 0.8), rng.uniform(1.1, 2.4), int(rng.integers(1, 5))
        road = _Road(width, height, horizon, vanish, middle, eye, lanes)
        scene = _Scene(rng, road, np.zeros((height, width, 3), np.uint8))
        self._sky(scene)
        self._ground(scene)
        self._along(scene)
        _surface(scene)
        if rng.random() < 0.35:
            self._above(scene, empty=empty)
        if not empty:
            for _ in range(int(rng.choice([0, 1, 2, 3, 4], p=[0.1, 0.25, 0.3, 0.2, 0.15]))):
                self._beside(scene)
            for near in _distances(rng, 0.06, 0.9, 6):
                self._ahead(scene, near)
        shade = 0.75 + 0.35 * noise(rng, width, height, 6)
        return np.clip(scene.pixels * shade[..., None], 0, 255).astype(np.uint8), scene.boxes

    def _sky(self, scene: _Scene) -> None:
        """Draw the sky and what rises at the horizon."""
        rng, width, horizon = scene.rng, scene.road.width, scene.road.horizon
        sky = scene.pixels[:horizon]
        blue = np.array([90, 140, 215], np.float32) * rng.uniform(0.4, 1.1)
        greyed = rng.random() < 0.7
        top = blue + rng.uniform(0, 0.9) * (blue.mean() - blue) if greyed else np.array(a_colour(rng), np.float32)
        low = np.array([225, 230, 235], np.float32) * rng.uniform(0.4, 1)
        share = np.linspace(0, 1, horizon)[:, None, None]
        sky[:] = (top * (1 - share) + low * share).astype(np.uint8)
        if rng.random() < 0.4:
            sky[:] = self._backgrounds.photo(rng, width, horizon)
        if rng.random() < 0.7:  # trees or hills
            heights = cv2.resize(noise(rng, width, 8, 7)[:1], (width, 1), interpolation=cv2.INTER_LINEAR)[0]
            line = heights * horizon * rng.uniform(0.1, 0.9)
            mask = np.arange(horizon)[:, None] > horizon - line[None]
            leaves = np.array([60, 80, 45], np.float32) * rng.uniform(0.25, 1.4) + rng.normal(0, 14, 3)
            texture = 0.35 + noise(rng, width, horizon, 8)[..., None] * 1.2
            sky[mask] = np.clip(leaves * texture, 0, 255).astype(np.uint8)[mask]
        for _ in range(int(rng.choice([0, 0, 1, 2, 4]))):
            self._building(scene)

    def _ground(self, scene: _Scene) -> None:
        """Draw the land below the horizon."""
        rng, width, height = scene.rng, scene.road.width, scene.road.height - scene.road.horizon
        known = rng.random() < 0.5
        texture = (
            self._backgrounds.photo(rng, width, height) if known else 255 * noise(rng, width, height, 8)[..., None]
        )
        colour = np.array(choose(rng, ((75, 95, 50), (120, 110, 90), (110, 110, 112))), np.float32)
        ground = np.clip(0.35 * texture + 0.65 * colour * rng.uniform(0.4, 1.4), 0, 255)
        scene.pixels[scene.road.horizon :] = ground.astype(np.uint8)

    def _along(self, scene: _Scene) -> None:
        """Draw trees and people beside the road, the far ones first."""
        if not self._roadside:
            return
        rng, road = scene.rng, scene.road
        for near in _distances(rng, 0.04, 0.8, 14):
            file = choose(rng, self._roadside)
            patch = Patch(read_rgba(file))
            metres = rng.uniform(1.5, 1.9) if "_ppl" in file.name else rng.uniform(3, 13)
            high = metres * road.metre(near)
            wide = high * patch.size[0] / patch.size[1]
            aside = (road.half + wide / road.metre(near) / 2 + rng.uniform(0.5, 18)) * choose(rng, (-1, 1))
            x, y = road.point(aside, -0.1, near)
            place(scene.pixels, patch, rectangle(x - wide / 2, y - high, x + wide / 2, y))

    def _building(self, scene: _Scene) -> None:
        """Draw a block behind the road: a wall, or one with rows of windows."""
        rng, road = scene.rng, scene.road
        left, wide = int(rng.uniform(-0.1, 0.9) * road.width), int(rng.uniform(0.08, 0.4) * road.width)
        top = int(road.horizon * rng.uniform(0.05, 0.8))
        block = scene.pixels[top : road.horizon, max(left, 0) : max(left + wide, 1)]
        if rng.random() < 0.5:
            block[:] = self._backgrounds.texture(rng, block.shape[1], block.shape[0])
            self._shops(scene, left, wide, top)
            return
        block[:] = a_colour(rng, 0.9, 0.2)
        glass, step = a_colour(rng, 0.7), int(rng.uniform(8, 30))
        for x in range(step // 3, block.shape[1] - step // 2, step):
            for y in range(step // 3, block.shape[0] - step // 2, step):
                block[y : y + step // 2, x : x + step // 2] = glass
        self._shops(scene, left, wide, top)

    def _shops(self, scene: _Scene, left: int, wide: int, top: int) -> None:
        """Put up boards of shops on a building."""
        rng, horizon = scene.rng, scene.road.horizon
        for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.4, 0.3, 0.2, 0.1]))):
            patch = shop_sign(rng, self._fonts)
            size = min(wide * rng.uniform(0.15, 0.7), 220)
            foot = left + wide * rng.uniform(0.1, 0.9), rng.uniform(top + (horizon - top) * 0.3, horizon)
            scene.stand(patch, size, foot, turn=1.0, lean=0.6)

    def _above(self, scene: _Scene, *, empty: bool) -> None:
        """Draw a bridge or a gantry over the road, with panels side by side."""
        rng, road = scene.rng, scene.road
        near = log_uniform(rng, 0.1, 0.6)
        side = road.half + rng.uniform(1, 4)
        tall = rng.uniform(0.8, 2.2) if rng.random() < 0.4 else 0.3
        wide = 40.0 if tall > 0.5 else side
        (left, low), (right, high) = road.point(-wide, HIGH, near), road.point(wide, HIGH + tall, near)
        grey = np.array([105, 105, 103]) * rng.uniform(0.3, 1.5)
        colour = np.clip(grey, 0, 255).astype(int).tolist()
        cv2.rectangle(scene.pixels, (int(left), int(high)), (int(right), int(max(low, high + 2))), colour, -1)
        half = max(1, int(road.metre(near) * (0.15 if tall < 0.5 else 0.6)))
        for x, y in (road.pixel(-side, 0, near), road.pixel(side, 0, near)):
            cv2.rectangle(scene.pixels, (x - half, int(high)), (x + half, y), colour, -1)
        if empty:
            return
        aside = -side + rng.uniform(0, side)
        for _ in range(int(rng.integers(1, 4))):
            panel = self._signs.panel(rng)
            metres = rng.uniform(2.2, 4.5)
            foot = road.point(aside + metres / 2, HIGH + rng.uniform(0, 0.5), near)
            scene.stand(panel, metres * road.metre(near), foot, turn=1.0, lean=0.3)
            aside += metres + rng.uniform(0.2, 2.0)

    def _beside(self, scene: _Scene) -> None:
        """Draw a sign on its pole."""
        rng, road = scene.rng, scene.road
        patch = self._signs.sign(rng)
        near = log_uniform(rng, 0.08, 0.9)
        high = rng.uniform(2.2, 4.2) * road.metre(near)
        aside = (road.half + rng.uniform(0.8, 5)) * choose(rng, (1, 1, -1))
        foot = road.point(aside, rng.uniform(-0.3, 1.5), near)
        scene.stand(patch, high * patch.size[0] / patch.size[1], foot, turn=2.0, lean=0.5)

    def _ahead(self, scene: _Scene, near: float) -> None:
        """Draw a vehicle in one of the lanes, or at the kerb."""
        rng, road = scene.rng, scene.road
        patch = vehicle(rng, self._fonts)
        wide = rng.uniform(1.6, 2.3) * road.metre(near)
        aside = (int(rng.integers(road.lanes + 1)) - road.lanes / 2) * LANE + rng.normal(0, 0.4)
        scene.stand(patch, wide, road.point(aside, 0, near), turn=1.0, lean=0.6)


def _distances(rng: Rng, low: float, high: float, most: int) -> list[float]:
    """Return fewer than so many values of `near`, the far ones first."""
    return sorted(np.exp(rng.uniform(np.log(low), np.log(high), int(rng.integers(0, most)))).tolist())


def _surface(scene: _Scene) -> None:
    """Draw the road and its lines."""
    rng, road = scene.rng, scene.road
    grey, half = int(rng.uniform(45, 150)), road.half
    corners = [road.pixel(*corner) for corner in ((-half, 0, 0.01), (half, 0, 0.01), (half, 0, 1), (-half, 0, 1))]
    cv2.fillPoly(scene.pixels, [np.array(corners)], (grey, grey, grey + 4))
    white = int(rng.uniform(150, 240))
    for lane in range(road.lanes + 1):
        aside, edge = (lane - road.lanes / 2) * LANE, lane in {0, road.lanes}
        for start in (road.eye / far for far in np.arange(road.eye, 60, 4 if edge else 8).tolist()):
            end = road.eye / (road.eye / start + 4)
            width = max(1, int(0.12 * road.metre(start)))
            ends = road.pixel(aside, 0, start), road.pixel(aside, 0, end)
            cv2.line(scene.pixels, *ends, (white, white, white - 5), width, cv2.LINE_AA)
