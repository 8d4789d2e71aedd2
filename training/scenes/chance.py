"""Random values, all drawn from the one generator that a frame follows from."""

import colorsys
from collections.abc import Sequence
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

T = TypeVar("T")

Rng = np.random.Generator

Colour = tuple[int, int, int]
"""Red, green, blue, 0 to 255."""


def choose(rng: Rng, choices: Sequence[T]) -> T:
    """Return one of the choices, each as likely as the others."""
    return choices[int(rng.integers(len(choices)))]


def log_uniform(rng: Rng, low: float, high: float) -> float:
    """Return a number between two, each of its magnitudes as likely as the others."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def a_colour(rng: Rng, lightest: float = 1.0, darkest: float = 0.0) -> Colour:
    """Return any colour, its value between the two bounds (0 to 1)."""
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), rng.random(), rng.uniform(darkest, lightest))
    return int(red * 255), int(green * 255), int(blue * 255)


def a_contrast(rng: Rng) -> tuple[Colour, Colour]:
    """Return a dark and a light colour, in either order."""
    dark, (red, green, blue) = a_colour(rng, lightest=0.35), a_colour(rng)
    light = 255 - red // 4, 255 - green // 4, 255 - blue // 4
    return (dark, light) if rng.random() < 0.5 else (light, dark)


def noise(rng: Rng, width: int, height: int, octaves: int = 5) -> npt.NDArray[np.float32]:
    """Return cloudy noise, `(height, width)` float32, 0 to 1.

    It is the sum of random values at several sizes, each half as strong as the one before.
    """
    cloud = np.zeros((height, width), np.float32)
    strength = 1.0
    for octave in range(octaves):
        cells = 2 ** (octave + 1)
        values = rng.random((cells * height // max(width, height) + 2, cells * width // max(width, height) + 2))
        cloud += strength * cv2.resize(values.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        strength /= 2
    low, high = float(cloud.min()), float(cloud.max())
    return (cloud - low) / max(high - low, 1e-6)
