"""Small helpers that several kinds of patches are drawn with."""

import colorsys
from pathlib import Path

import cv2
import numpy as np

from training.scenes.patch import Colour, Pixels

__all__ = [
    "a_colour",
    "a_contrast",
    "log_uniform",
    "noise",
    "paste",
    "paste_centred",
    "read_rgba",
    "rounded",
    "stack",
    "weathered",
]


def a_colour(rng: np.random.Generator, lightest: float = 1.0, darkest: float = 0.0) -> Colour:
    """Any colour, its value between the two bounds (0 to 1)."""
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), rng.random(), rng.uniform(darkest, lightest))
    return int(red * 255), int(green * 255), int(blue * 255)


def a_contrast(rng: np.random.Generator) -> tuple[Colour, Colour]:
    """A dark and a light colour, in either order."""
    dark, light = a_colour(rng, lightest=0.35), tuple(255 - value // 4 for value in a_colour(rng))
    pair = (dark, (light[0], light[1], light[2]))
    return pair if rng.random() < 0.5 else (pair[1], pair[0])


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """A number between two, each of its magnitudes as likely as the others."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def paste(onto: Pixels, pixels: Pixels, x: int, y: int) -> None:
    """Puts an RGBA picture over another one, cut to it; the one below keeps its alpha or becomes opaque."""
    x1, y1 = max(x, 0), max(y, 0)
    x2, y2 = min(x + pixels.shape[1], onto.shape[1]), min(y + pixels.shape[0], onto.shape[0])
    if x2 <= x1 or y2 <= y1:
        return
    source = pixels[y1 - y : y2 - y, x1 - x : x2 - x]
    alpha = source[..., 3:].astype(np.float32) / 255
    below = onto[y1:y2, x1:x2]
    below[..., :3] = (below[..., :3] * (1 - alpha) + source[..., :3] * alpha).astype(np.uint8)
    if onto.shape[2] == 4:
        below[..., 3] = np.maximum(below[..., 3], source[..., 3])


def paste_centred(onto: Pixels, pixels: Pixels, x: float, y: float, fit: tuple[float, float] | None = None) -> None:
    """Puts a picture with its middle at a point, made smaller where it is larger than `fit` (width, height)."""
    if fit is not None:
        scale = min(fit[0] / pixels.shape[1], fit[1] / pixels.shape[0])
        size = max(1, int(pixels.shape[1] * scale)), max(1, int(pixels.shape[0] * scale))
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    paste(onto, pixels, int(x - pixels.shape[1] / 2), int(y - pixels.shape[0] / 2))


def stack(lines: list[Pixels], gap: int, align: str) -> Pixels:
    """Puts pictures of lines below each other: `left`, `centre` or `right`."""
    width = max(line.shape[1] for line in lines)
    height = sum(line.shape[0] for line in lines) + gap * (len(lines) - 1)
    block = np.zeros((height, width, 4), np.uint8)
    y = 0
    for line in lines:
        free = width - line.shape[1]
        x = {"left": 0, "centre": free // 2, "right": free}[align]
        block[y : y + line.shape[0], x : x + line.shape[1]] = line
        y += line.shape[0] + gap
    return block


def noise(rng: np.random.Generator, width: int, height: int, octaves: int = 5) -> np.ndarray:
    """Cloudy noise, height x width, 0 to 1: random values at several sizes, each half as strong as the one before."""
    cloud = np.zeros((height, width), np.float32)
    strength = 1.0
    for octave in range(octaves):
        cells = 2 ** (octave + 1)
        values = rng.random((cells * height // max(width, height) + 2, cells * width // max(width, height) + 2))
        cloud += strength * cv2.resize(values.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
        strength /= 2
    low, high = float(cloud.min()), float(cloud.max())
    return (cloud - low) / max(high - low, 1e-6)


def weathered(rng: np.random.Generator, pixels: Pixels) -> Pixels:
    """The same under dirt, fading and uneven light."""
    strength = rng.uniform(0, 0.5)
    light = 1 - strength * noise(rng, pixels.shape[1], pixels.shape[0], 4)
    faded = pixels[..., :3] * light[..., None]
    wash = rng.uniform(0, 0.35)
    faded = faded * (1 - wash) + np.array(a_colour(rng, 0.8, 0.4)) * wash
    return np.dstack([faded.astype(np.uint8), pixels[..., 3]])


def rounded(onto: Pixels, inset: int, radius: int, colour: int | tuple[int, ...]) -> None:
    """Fills a rectangle with round corners, so many pixels inside the picture's edge."""
    x1, y1, x2, y2 = inset, inset, onto.shape[1] - 1 - inset, onto.shape[0] - 1 - inset
    cv2.rectangle(onto, (x1 + radius, y1), (x2 - radius, y2), colour, -1)
    cv2.rectangle(onto, (x1, y1 + radius), (x2, y2 - radius), colour, -1)
    for x in (x1 + radius, x2 - radius):
        for y in (y1 + radius, y2 - radius):
            cv2.circle(onto, (x, y), radius, colour, -1, cv2.LINE_AA)


def read_rgba(file: Path) -> Pixels:
    """Reads a picture with its alpha channel."""
    pixels = cv2.imread(str(file), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise ValueError(f"{file} is no picture")
    if pixels.dtype != np.uint8:
        pixels = (pixels >> 8).astype(np.uint8)
    if pixels.ndim == 2:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGBA)
    if pixels.shape[2] == 3:
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGBA)
    return cv2.cvtColor(pixels, cv2.COLOR_BGRA2RGBA)
