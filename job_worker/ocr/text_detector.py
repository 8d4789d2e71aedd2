"""Find lines of text with a detection network of PaddleOCR (DB)."""

from collections.abc import Callable, Sequence
from typing import cast

import cv2
import numpy as np

from job_worker.ocr.text_boxes import Logits, TextBox, find_text_boxes
from shared.video.image import Image

SIDE_STEP = 32
"""Both sides of the network's input are multiples of this."""
MAX_LONG_SIDE = 4000
"""Larger images are scaled down to this, in pixels; PaddleOCR's limit."""
MIN_HALF_PERIMETER = 64
"""A smaller image is padded before it is scaled, so that a line of one pixel does not become a square."""

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
"""Mean and deviation of the channels in BGR order, with values from 0 to 1, as in the network's training."""


class TextDetector:
    """Finds lines of text. As thread-safe as the network is.

    Args:
        heat_map: The network: returns the heat map of an image whose sides are multiples of 32.
        short_side: An image whose shorter side is smaller is enlarged to this for the search, in pixels.
    """

    def __init__(self, heat_map: Callable[[Image], Logits], short_side: int = 0) -> None:
        self._heat_map = heat_map
        self._short_side = short_side

    def find(self, image: Image, long_side: int = MAX_LONG_SIDE) -> list[TextBox]:
        """Find the lines in an image.

        Args:
            image: `(H, W, 3)` uint8 BGR.
            long_side: A larger image is scaled down to this for the search, in pixels.

        Returns:
            The lines in pixels of `image`, in no particular order.
        """
        height, width, _ = image.shape
        searched = scaled(_padded(image), min(long_side, MAX_LONG_SIDE), self._short_side)
        return find_text_boxes(self._heat_map(searched), width, height)


def _padded(image: Image) -> Image:
    height, width, _ = image.shape
    if height + width >= MIN_HALF_PERIMETER:
        return image
    padded = np.zeros((max(height, SIDE_STEP), max(width, SIDE_STEP), 3), np.uint8)
    padded[:height, :width] = image
    return padded


def scaled(image: Image, long_side: int, short_side: int = 0) -> Image:
    """Return an image enlarged to a short side, then scaled down to a long side, rounded to multiples of 32."""
    size = image.shape[1::-1]
    enlarged = _times(size, max(short_side / min(size), 1.0))
    shrunk = _times(enlarged, min(long_side / max(enlarged), 1.0))
    sides = [max(round(side / SIDE_STEP) * SIDE_STEP, SIDE_STEP) for side in shrunk]
    return image if sides == [*size] else cast("Image", cv2.resize(image, sides))


def _times(sides: Sequence[int], ratio: float) -> list[int]:
    return [int(side * ratio) for side in sides]
