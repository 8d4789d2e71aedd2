"""What several kinds of patches are drawn with: images pasted, stacked and resized, shapes, weather."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from training.scenes.chance import Colour, Rng, a_colour, noise
from training.scenes.patch import Pixels, Points


def paste(onto: Pixels, pixels: Pixels, x: int, y: int) -> None:
    """Put an RGBA image over another one, cut to it; the one below keeps its alpha or becomes opaque."""
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
    """Put an image with its middle at a point, scaled to `fit` (width, height) where that is given."""
    if fit is not None:
        pixels = resized(pixels, min(fit[0] / pixels.shape[1], fit[1] / pixels.shape[0]))
    paste(onto, pixels, int(x - pixels.shape[1] / 2), int(y - pixels.shape[0] / 2))


def resized(pixels: Pixels, scale: float) -> Pixels:
    """Return the image scaled, at least a pixel wide and high."""
    size = max(1, int(pixels.shape[1] * scale)), max(1, int(pixels.shape[0] * scale))
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)


def stack(lines: list[Pixels], gap: int, align: str) -> Pixels:
    """Put images of lines below each other: `left`, `centre` or `right`."""
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


def weathered(rng: Rng, pixels: Pixels) -> Pixels:
    """Return the RGBA image under dirt, fading and uneven light."""
    strength = rng.uniform(0, 0.5)
    light = 1 - strength * noise(rng, pixels.shape[1], pixels.shape[0], 4)
    faded = pixels[..., :3] * light[..., None]
    wash = rng.uniform(0, 0.35)
    faded = faded * (1 - wash) + np.array(a_colour(rng, 0.8, 0.4)) * wash
    return np.dstack([faded.astype(np.uint8), pixels[..., 3]])


def bar(onto: Pixels, x1: int, y1: int, x2: int, y2: int, colour: Colour, width: int = -1) -> None:
    """Fill an opaque rectangle, its corners included, or draw its edge so many pixels wide."""
    cv2.rectangle(onto, (x1, y1), (x2, y2), (*colour, 255), width)


def fill(onto: Pixels, corners: Points | Sequence[tuple[int, int]], colour: Colour) -> None:
    """Fill an opaque polygon."""
    cv2.fillPoly(onto, [np.array(corners, np.int32)], (*colour, 255), cv2.LINE_AA)


def rounded_rectangle(onto: Pixels, inset: int, radius: int, colour: tuple[int, ...]) -> None:
    """Fill a rectangle with round corners, so many pixels inside the image's edge."""
    x1, y1, x2, y2 = inset, inset, onto.shape[1] - 1 - inset, onto.shape[0] - 1 - inset
    cv2.rectangle(onto, (x1 + radius, y1), (x2 - radius, y2), colour, -1)
    cv2.rectangle(onto, (x1, y1 + radius), (x2, y2 - radius), colour, -1)
    for x in (x1 + radius, x2 - radius):
        for y in (y1 + radius, y2 - radius):
            cv2.circle(onto, (x, y), radius, colour, -1, cv2.LINE_AA)


def read_rgba(file: Path) -> Pixels:
    """Read an image with its alpha channel, opaque where it has none."""
    with Image.open(file) as image:
        return np.asarray(image.convert("RGBA"))
