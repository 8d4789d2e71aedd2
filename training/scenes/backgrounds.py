"""What is behind everything: photographs, roads, and drawn surfaces."""

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np

from training.scenes.drawing import a_colour, noise
from training.scenes.patch import Picture
from training.scenes.text import choose

__all__ = ["Backgrounds"]

LARGEST = 900
"""Photographs are kept at no more than so many pixels a side."""


@lru_cache(maxsize=600)
def _photo(file: Path) -> Picture:
    pixels = cv2.imread(str(file), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError(f"{file} is no picture")
    scale = LARGEST / max(pixels.shape[:2])
    if scale < 1:
        pixels = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


class Backgrounds:
    """Draws backgrounds; without photographs all of them are drawn."""

    def __init__(self, photos: list[Path], textures: list[Path]) -> None:
        self._photos = photos
        self._textures = textures

    def draw(self, rng: np.random.Generator, width: int, height: int) -> Picture:
        """A background of the given size."""
        chance = rng.random()
        if chance < 0.6 and self._photos:
            return self.piece(rng, width, height)
        if chance < 0.8:
            return self._road(rng, width, height)
        if chance < 0.9:
            return np.full((height, width, 3), choose(rng, ((0, 0, 0), (255, 255, 255), a_colour(rng))), np.uint8)
        return _clouds(rng, width, height)

    def piece(self, rng: np.random.Generator, width: int, height: int) -> Picture:
        """A piece of a photograph, or of a texture, mirrored now and then."""
        files = self._textures if self._textures and rng.random() < 0.1 else self._photos
        if not files:
            return _clouds(rng, width, height)
        photo = _photo(choose(rng, files))
        if rng.random() < 0.5:
            photo = photo[:, ::-1]
        part = rng.uniform(0.35, 1.0)
        h = int(min(photo.shape[0], photo.shape[1] * height / width) * part)
        w = int(h * width / height)
        y, x = int(rng.integers(photo.shape[0] - h + 1)), int(rng.integers(max(1, photo.shape[1] - w + 1)))
        return cv2.resize(
            np.ascontiguousarray(photo[y : y + h, x : x + w]), (width, height), interpolation=cv2.INTER_AREA
        )

    def _road(self, rng: np.random.Generator, width: int, height: int) -> Picture:
        """A road into the distance between two banks, under a sky."""
        horizon = int(height * rng.uniform(0.3, 0.6))
        sky_top, sky_low = (
            np.array(a_colour(rng, 1.0, 0.3), np.float32),
            np.array([225, 230, 235], np.float32) * rng.uniform(0.4, 1),
        )
        share = np.linspace(0, 1, horizon)[:, None, None]
        frame = np.zeros((height, width, 3), np.uint8)
        frame[:horizon] = (sky_top * (1 - share) + sky_low * share).astype(np.uint8)
        if self._photos and rng.random() < 0.6:
            frame[:horizon] = self.piece(rng, width, horizon)
        ground = (
            self.piece(rng, width, height - horizon) if rng.random() < 0.5 else _clouds(rng, width, height - horizon)
        )
        green = np.array([70, 95, 50], np.float32) * rng.uniform(0.4, 1.4)
        frame[horizon:] = np.clip(0.4 * ground + 0.6 * green, 0, 255).astype(np.uint8)
        vanish, half = width * rng.uniform(0.3, 0.7), width * rng.uniform(0.3, 0.9)
        grey = int(rng.uniform(50, 140))
        middle = width * rng.uniform(0.3, 0.7)
        road = np.array(
            [[vanish - 4, horizon], [vanish + 4, horizon], [middle + half, height], [middle - half, height]], np.int32
        )
        cv2.fillPoly(frame, [road], (grey, grey, grey + 4))
        for lane in (-0.95, -0.33, 0.33, 0.95):
            for start in np.arange(0.05, 1.0, 0.2):
                ends = start**2, min(1.0, start + (0.2 if abs(lane) > 0.9 else 0.1)) ** 2
                (x1, y1), (x2, y2) = (
                    (vanish + (middle + lane * half - vanish) * end, horizon + (height - horizon) * end) for end in ends
                )
                cv2.line(
                    frame,
                    (int(x1), int(y1)),
                    (int(x2), int(y2)),
                    (225, 225, 220),
                    max(1, int(8 * ends[0])),
                    cv2.LINE_AA,
                )
        shade = 0.8 + 0.3 * noise(rng, width, height, 6)
        return np.clip(frame * shade[..., None], 0, 255).astype(np.uint8)


def _clouds(rng: np.random.Generator, width: int, height: int) -> Picture:
    one, other = np.array(a_colour(rng), np.float32), np.array(a_colour(rng), np.float32)
    share = noise(rng, width, height, int(rng.integers(2, 7)))[..., None]
    return (one * (1 - share) + other * share).astype(np.uint8)
