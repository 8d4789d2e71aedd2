"""What is behind everything: photographs and drawn surfaces."""

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from training.scenes.chance import Rng, a_colour, choose, noise
from training.scenes.patch import Pixels

LARGEST = 900
"""Photographs are kept at no more than so many pixels a side."""


@lru_cache(maxsize=600)
def _photo(file: Path) -> Pixels:
    with Image.open(file) as image:
        image.thumbnail((LARGEST, LARGEST))
        return np.asarray(image.convert("RGB"))


class Backgrounds:
    """Draws backgrounds; without photographs all of them are drawn."""

    def __init__(self, photos: list[Path], textures: list[Path]) -> None:
        self._photos = photos
        self._textures = textures

    def draw(self, rng: Rng, width: int, height: int) -> Pixels:
        """Draw a background of the given size."""
        chance = rng.random()
        if chance < 0.8 and self._photos:
            return self.photo(rng, width, height)
        if chance < 0.87:
            return np.full((height, width, 3), choose(rng, ((0, 0, 0), (255, 255, 255), a_colour(rng))), np.uint8)
        return (_test_pattern if chance < 0.91 else _clouds)(rng, width, height)

    def photo(self, rng: Rng, width: int, height: int) -> Pixels:
        """Cut out a part of a photograph, or of a texture, mirrored now and then."""
        return self._cut(rng, self._textures if self._textures and rng.random() < 0.1 else self._photos, width, height)

    def texture(self, rng: Rng, width: int, height: int) -> Pixels:
        """Cut out a part of a surface."""
        return self._cut(rng, self._textures, width, height)

    def _cut(self, rng: Rng, files: list[Path], width: int, height: int) -> Pixels:
        if not files:
            return _clouds(rng, width, height)
        photo = _photo(choose(rng, files))
        if rng.random() < 0.5:
            photo = photo[:, ::-1]
        part = rng.uniform(0.35, 1.0)
        h = max(1, int(min(photo.shape[0], photo.shape[1] * height / width) * part))
        w = max(1, int(h * width / height))
        y, x = int(rng.integers(photo.shape[0] - h + 1)), int(rng.integers(max(1, photo.shape[1] - w + 1)))
        cut = np.ascontiguousarray(photo[y : y + h, x : x + w])
        return cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA)


def _clouds(rng: Rng, width: int, height: int) -> Pixels:
    one, other = np.array(a_colour(rng), np.float32), np.array(a_colour(rng), np.float32)
    share = noise(rng, width, height, int(rng.integers(2, 7)))[..., None]
    return (one * (1 - share) + other * share).astype(np.uint8)


def _test_pattern(rng: Rng, width: int, height: int) -> Pixels:
    """Return bars of full colours, as generators of test video draw, with a ramp below now and then."""
    colours = rng.permutation(np.array(np.meshgrid(*[[0, 255]] * 3)).reshape(3, -1).T)[: int(rng.integers(3, 9))]
    pattern = cv2.resize(colours[None].astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
    if rng.random() < 0.5:
        pattern[int(height * rng.uniform(0.6, 0.9)) :] = np.linspace(0, 255, width, dtype=np.uint8)[None, :, None]
    return pattern
