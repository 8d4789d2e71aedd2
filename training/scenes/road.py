"""Roads as a driver sees them: vehicles ahead, signs beside and above, each as large as its distance makes it."""

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from training.scenes.backgrounds import Backgrounds
from training.scenes.drawing import a_colour, log_uniform, noise, read_rgba
from training.scenes.patch import Box, Patch, Pixels, place, put, rectangle, view
from training.scenes.plates import vehicle
from training.scenes.signs import Signs
from training.scenes.text import Fonts, choose

__all__ = ["Roads"]

LANE = 3.5
"""A lane's width in metres."""

HIGH = 5.3
"""The clearance below what is over the road, in metres."""


class _View(NamedTuple):
    """Where a level road is seen from; `near` is 1 at the frame's lower edge and 0 at the horizon.

    Attributes:
        width: Of the frame, in pixels.
        height: Of the frame, in pixels.
        horizon: Its row.
        vanish: The column where the road ends.
        middle: The column of the road's middle at the lower edge.
        eye: The camera's height above the road, in metres.
    """

    width: int
    height: int
    horizon: int
    vanish: float
    middle: float
    eye: float

    def metre(self, near: float) -> float:
        """Pixels of a metre."""
        return (self.height - self.horizon) * near / self.eye

    def point(self, aside: float, up: float, near: float) -> tuple[float, float]:
        """The pixel of a point so many metres right of the road's middle and above it."""
        x = self.vanish + (self.middle - self.vanish) * near + aside * self.metre(near)
        return x, self.horizon + (self.eye - up) * self.metre(near)


class Roads:
    """Draws roads with what stands and drives there."""

    def __init__(self, fonts: Fonts, signs: Signs, backgrounds: Backgrounds, roadside: list[Path]) -> None:
        self._fonts = fonts
        self._roadside = roadside
        self._signs = signs
        self._backgrounds = backgrounds

    def draw(self, rng: np.random.Generator, width: int, height: int, *, empty: bool) -> tuple[Pixels, list[Box]]:
        """A road of the given size and the boxes of its plates and signs; an empty one has neither."""
        seen = _View(
            width,
            height,
            int(height * rng.uniform(0.35, 0.62)),
            width * rng.uniform(0.3, 0.7),
            width * rng.uniform(0.2, 0.8),
            rng.uniform(1.1, 2.4),
        )
        lanes = int(rng.integers(1, 5))
        pixels = self._surroundings(rng, seen)
        self._along(rng, pixels, seen, lanes)
        _surface(rng, pixels, seen, lanes)
        boxes: list[Box] = []
        if rng.random() < 0.35:
            self._above(rng, pixels, boxes, seen, lanes, empty=empty)
        if not empty:
            for _ in range(int(rng.choice([0, 1, 2, 3, 4], p=[0.1, 0.25, 0.3, 0.2, 0.15]))):
                self._beside(rng, pixels, boxes, seen, lanes)
            for near in sorted(np.exp(rng.uniform(np.log(0.06), np.log(0.9), int(rng.integers(0, 6))))):
                self._ahead(rng, pixels, boxes, seen, lanes, float(near))
        shade = 0.75 + 0.35 * noise(rng, width, height, 6)
        return np.clip(pixels * shade[..., None], 0, 255).astype(np.uint8), boxes

    def _surroundings(self, rng: np.random.Generator, seen: _View) -> Pixels:
        """The sky, what rises at the horizon, and the ground."""
        width, height, horizon = seen.width, seen.height, seen.horizon
        blue = np.array([90, 140, 215], np.float32) * rng.uniform(0.4, 1.1)
        top = blue + rng.uniform(0, 0.9) * (blue.mean() - blue) if rng.random() < 0.7 else np.float32(a_colour(rng))
        low = np.array([225, 230, 235], np.float32) * rng.uniform(0.4, 1)
        share = np.linspace(0, 1, horizon)[:, None, None]
        pixels = np.zeros((height, width, 3), np.uint8)
        pixels[:horizon] = (top * (1 - share) + low * share).astype(np.uint8)
        if rng.random() < 0.4:
            pixels[:horizon] = self._backgrounds.piece(rng, width, horizon)
        if rng.random() < 0.7:  # trees or hills
            line = (
                cv2.resize(noise(rng, width, 8, 7)[:1], (width, 1), interpolation=cv2.INTER_LINEAR)[0]
                * horizon
                * rng.uniform(0.1, 0.9)
            )
            mask = np.arange(horizon)[:, None] > horizon - line[None]
            leaves = np.array([60, 80, 45], np.float32) * rng.uniform(0.25, 1.4) + rng.normal(0, 14, 3)
            texture = 0.35 + noise(rng, width, horizon, 8)[..., None] * 1.2
            pixels[:horizon][mask] = np.clip(leaves * texture, 0, 255).astype(np.uint8)[mask]
        for _ in range(int(rng.choice([0, 0, 1, 2, 4]))):
            self._building(rng, pixels, seen)
        texture = (
            self._backgrounds.piece(rng, width, height - horizon)
            if rng.random() < 0.5
            else 255 * noise(rng, width, height - horizon, 8)[..., None]
        )
        ground = np.array(choose(rng, ((75, 95, 50), (120, 110, 90), (110, 110, 112))), np.float32)
        pixels[horizon:] = np.clip(0.35 * texture + 0.65 * ground * rng.uniform(0.4, 1.4), 0, 255).astype(np.uint8)
        return pixels

    def _along(self, rng: np.random.Generator, pixels: Pixels, seen: _View, lanes: int) -> None:
        """Trees and people beside the road, the far ones first."""
        if not self._roadside:
            return
        for near in sorted(np.exp(rng.uniform(np.log(0.04), np.log(0.8), int(rng.integers(0, 14))))):
            file = choose(rng, self._roadside)
            patch = Patch(read_rgba(file))
            metres = rng.uniform(1.5, 1.9) if "_ppl" in file.name else rng.uniform(3, 13)
            high = metres * seen.metre(near)
            wide = high * patch.size[0] / patch.size[1]
            aside = (lanes * LANE / 2 + wide / seen.metre(near) / 2 + rng.uniform(0.5, 18)) * choose(rng, (-1, 1))
            x, y = seen.point(aside, -0.1, near)
            place(pixels, patch, rectangle(x - wide / 2, y - high, x + wide / 2, y))

    def _building(self, rng: np.random.Generator, pixels: Pixels, seen: _View) -> None:
        """A block behind the road: a wall, or one with rows of windows."""
        left, wide = int(rng.uniform(-0.1, 0.9) * seen.width), int(rng.uniform(0.08, 0.4) * seen.width)
        top = int(seen.horizon * rng.uniform(0.05, 0.8))
        block = pixels[top : seen.horizon, max(left, 0) : left + wide]
        if rng.random() < 0.5:
            block[:] = self._backgrounds.texture(rng, block.shape[1], block.shape[0])
            return
        block[:] = a_colour(rng, 0.9, 0.2)
        glass, step = a_colour(rng, 0.7), int(rng.uniform(8, 30))
        for x in range(step // 3, block.shape[1] - step // 2, step):
            for y in range(step // 3, block.shape[0] - step // 2, step):
                block[y : y + step // 2, x : x + step // 2] = glass

    def _above(
        self,
        rng: np.random.Generator,
        pixels: Pixels,
        boxes: list[Box],
        seen: _View,
        lanes: int,
        *,
        empty: bool,
    ) -> None:
        """A bridge or a gantry over the road, with panels side by side."""
        near = log_uniform(rng, 0.1, 0.6)
        side = lanes * LANE / 2 + rng.uniform(1, 4)
        tall = rng.uniform(0.8, 2.2) if rng.random() < 0.4 else 0.3
        wide = 40.0 if tall > 0.5 else side
        (left, y2), (right, y1) = seen.point(-wide, HIGH, near), seen.point(wide, HIGH + tall, near)
        grey = np.array([105, 105, 103]) * rng.uniform(0.3, 1.5)
        colour = tuple(int(value) for value in np.clip(grey, 0, 255))
        cv2.rectangle(pixels, (int(left), int(y1)), (int(right), int(max(y2, y1 + 2))), colour, -1)
        for aside in (-side, side):
            x, y = seen.point(aside, 0, near)
            half = max(1, int(seen.metre(near) * (0.15 if tall < 0.5 else 0.6)))
            cv2.rectangle(pixels, (int(x) - half, int(y1)), (int(x) + half, int(y)), colour, -1)
        if empty:
            return
        aside = -side + rng.uniform(0, side)
        for _ in range(int(rng.integers(1, 4))):
            panel = self._signs.panel(rng)
            metres = rng.uniform(2.2, 4.5)
            foot = seen.point(aside + metres / 2, HIGH + rng.uniform(0, 0.5), near)
            _stand(rng, pixels, boxes, panel, metres * seen.metre(near), foot, turn=1.0, lean=0.3)
            aside += metres + rng.uniform(0.2, 2.0)

    def _beside(self, rng: np.random.Generator, pixels: Pixels, boxes: list[Box], seen: _View, lanes: int) -> None:
        """A sign on its pole."""
        patch = self._signs.sign(rng)
        near = log_uniform(rng, 0.08, 0.9)
        high = rng.uniform(2.2, 4.2) * seen.metre(near)
        aside = (lanes * LANE / 2 + rng.uniform(0.8, 5)) * choose(rng, (1, 1, -1))
        foot = seen.point(aside, rng.uniform(-0.3, 1.5), near)
        _stand(rng, pixels, boxes, patch, high * patch.size[0] / patch.size[1], foot, turn=2.0, lean=0.5)

    def _ahead(
        self, rng: np.random.Generator, pixels: Pixels, boxes: list[Box], seen: _View, lanes: int, near: float
    ) -> None:
        """A vehicle in one of the lanes, or at the kerb."""
        patch = vehicle(rng, self._fonts)
        wide = rng.uniform(1.6, 2.3) * seen.metre(near)
        aside = (int(rng.integers(lanes + 1)) - lanes / 2) * LANE + rng.normal(0, 0.4)
        _stand(rng, pixels, boxes, patch, wide, seen.point(aside, 0, near), turn=1.0, lean=0.6)


def _stand(
    rng: np.random.Generator,
    pixels: Pixels,
    boxes: list[Box],
    patch: Patch,
    wide: float,
    foot: tuple[float, float],
    *,
    turn: float,
    lean: float,
) -> None:
    """Puts up a patch, so many pixels wide, on the point of its lower edge's middle; turned as `view` says."""
    high = wide * patch.size[1] / patch.size[0]
    put(pixels, patch, view(rng, wide, high, turn, lean) + np.float32([foot[0], foot[1] - high / 2]), boxes)


def _surface(rng: np.random.Generator, pixels: Pixels, seen: _View, lanes: int) -> None:
    """The road and its lines."""
    grey, half = int(rng.uniform(45, 150)), lanes * LANE / 2
    corners = [seen.point(-half, 0, 0.01), seen.point(half, 0, 0.01), seen.point(half, 0, 1), seen.point(-half, 0, 1)]
    cv2.fillPoly(pixels, [np.int32(corners)], (grey, grey, grey + 4))
    white = int(rng.uniform(150, 240))
    for lane in range(lanes + 1):
        aside, edge = (lane - lanes / 2) * LANE, lane in {0, lanes}
        for start in (seen.eye / far for far in np.arange(seen.eye, 60, 4 if edge else 8)):
            end = seen.eye / (seen.eye / start + 4)
            ends = [np.int32(seen.point(aside, 0, near)).tolist() for near in (start, end)]
            cv2.line(pixels, *ends, (white, white, white - 5), max(1, int(0.12 * seen.metre(start))), cv2.LINE_AA)
