"""What light, lens, sensor and compression do to an image."""

import cv2
import numpy as np

from training.scenes.chance import Rng, noise
from training.scenes.patch import Pixels


def filmed(rng: Rng, frame: Pixels) -> tuple[Pixels, float]:
    """Return the scene as a camera sees it: light, haze, blur, noise, and no colour now and then.

    Returns:
        The image, and over how many pixels a point was smeared.
    """
    spot = 1.0
    height, width = frame.shape[:2]
    seen: Pixels = frame.astype(np.float32)
    if rng.random() < 0.4:  # uneven light and shadows
        seen *= (rng.uniform(0.4, 0.9) + 0.7 * noise(rng, width, height, 3))[..., None]
    if rng.random() < 0.15:  # haze
        haze = rng.uniform(0.1, 0.55)
        seen = seen * (1 - haze) + 215 * haze
    seen *= rng.normal(1, 0.08, 3).astype(np.float32) * _exposure(rng)
    seen = 255 * (np.clip(seen, 0, 255) / 255) ** rng.uniform(0.7, 1.5)
    if rng.random() < 0.3:  # out of focus
        sigma = rng.uniform(3, 10) if rng.random() < 0.1 else rng.uniform(0.4, 1.8)
        seen = cv2.GaussianBlur(seen, (0, 0), sigma)
        spot = max(spot, 2.35 * sigma)  # the width at half its height
    if rng.random() < 0.3:  # moved
        length = int(rng.integers(3, 10))
        seen = cv2.filter2D(seen, -1, _streak(length, rng.uniform(0, 180)))
        spot = float(np.hypot(spot, length))
    if rng.random() < 0.5:
        seen += rng.normal(0, rng.uniform(1, 14), seen.shape).astype(np.float32)
    seen = np.clip(seen, 0, 255)
    if rng.random() < 0.1:
        seen = np.repeat(seen.mean(axis=2, keepdims=True), 3, axis=2)
    return seen.astype(np.uint8), spot


def compressed(rng: Rng, frame: Pixels) -> tuple[Pixels, float]:
    """Return the image after having been stored small, or with loss, as most videos are.

    Returns:
        The image, and over how many pixels a point was smeared.
    """
    height, width = frame.shape[:2]
    spot = 1.0
    if rng.random() < 0.35:
        scale = rng.uniform(0.4, 0.95)
        spot = 1 / scale
        small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        frame = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.7:
        quality = int(rng.uniform(12, 90))
        _, coded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
        frame = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return frame, spot


def _exposure(rng: Rng) -> float:
    """Return how bright an image is: one in eight is taken at dusk or of something unlit."""
    return rng.uniform(0.15, 0.55) if rng.random() < 0.125 else rng.uniform(0.55, 1.25)


def _streak(length: int, angle: float) -> Pixels:
    """Return the kernel of a straight movement over so many pixels, angle in degrees."""
    kernel: Pixels = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), angle, 1)
    kernel = cv2.warpAffine(kernel, turn, (length, length))
    return kernel / max(float(kernel.sum()), 1e-6)
