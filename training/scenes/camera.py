"""What light, lens, sensor and compression do to a picture."""

import cv2
import numpy as np

from training.scenes.drawing import noise
from training.scenes.patch import Picture

__all__ = ["compressed", "filmed"]


def filmed(rng: np.random.Generator, frame: Picture) -> Picture:
    """The scene as a camera sees it: light, haze, blur, noise, and no colour now and then."""
    height, width = frame.shape[:2]
    seen = frame.astype(np.float32)
    if rng.random() < 0.4:  # uneven light and shadows
        seen *= (rng.uniform(0.4, 0.9) + 0.7 * noise(rng, width, height, 3))[..., None]
    if rng.random() < 0.15:  # haze
        haze = rng.uniform(0.1, 0.55)
        seen = seen * (1 - haze) + 215 * haze
    seen *= rng.normal(1, 0.08, 3).astype(np.float32) * rng.uniform(0.55, 1.25)
    seen = 255 * (np.clip(seen, 0, 255) / 255) ** rng.uniform(0.7, 1.5)
    if rng.random() < 0.3:  # out of focus
        seen = cv2.GaussianBlur(seen, (0, 0), rng.uniform(0.4, 1.8))
    if rng.random() < 0.3:  # moved
        seen = cv2.filter2D(seen, -1, _streak(int(rng.integers(3, 10)), rng.uniform(0, 180)))
    if rng.random() < 0.5:
        seen += rng.normal(0, rng.uniform(1, 14), seen.shape).astype(np.float32)
    seen = np.clip(seen, 0, 255)
    if rng.random() < 0.1:
        seen = np.repeat(seen.mean(axis=2, keepdims=True), 3, axis=2)
    return seen.astype(np.uint8)


def compressed(rng: np.random.Generator, frame: Picture) -> Picture:
    """The picture after having been stored small, or with loss, as most videos are."""
    height, width = frame.shape[:2]
    if rng.random() < 0.35:
        scale = rng.uniform(0.4, 0.95)
        small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        frame = cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.7:
        quality = int(rng.uniform(12, 90))
        _, coded = cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, quality])
        frame = cv2.imdecode(coded, cv2.IMREAD_COLOR)
    return frame


def _streak(length: int, angle: float) -> np.ndarray:
    """The kernel of a straight movement over so many pixels, angle in degrees."""
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1
    turn = cv2.getRotationMatrix2D(((length - 1) / 2, (length - 1) / 2), angle, 1)
    kernel = cv2.warpAffine(kernel, turn, (length, length))
    return kernel / max(float(kernel.sum()), 1e-6)
