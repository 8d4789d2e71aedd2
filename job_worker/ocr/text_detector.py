"""Finds lines of text with a detection network of PaddleOCR (DB)."""

from collections.abc import Callable
from typing import cast

import cv2
import numpy as np

from job_worker.ocr.text_boxes import Logits, TextBox, find_text_boxes
from shared.video.frame import Image

SIDE_STEP = 32
"""Both sides of the network's input are multiples of this."""
MAX_SIDE = 4000
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
    """

    def __init__(self, heat_map: Callable[[Image], Logits]) -> None:
        self._heat_map = heat_map

    def find(self, image: Image, long_side: int = MAX_SIDE) -> list[TextBox]:
        """Find the lines in an image.

        Args:
            image: `(H, W, 3)` uint8 BGR.
            long_side: A larger image is scaled down to this for the search, in pixels.

        Returns:
            The lines in pixels of `image`, in no particular order.
        """
        height, width, _ = image.shape
        return find_text_boxes(self._heat_map(scaled(_padded(image), min(long_side, MAX_SIDE))), width, height)


def _padded(image: Image) -> Image:
    height, width, _ = image.shape
    if height + width >= MIN_HALF_PERIMETER:
        return image
    padded = np.zeros((max(height, SIDE_STEP), max(width, SIDE_STEP), 3), np.uint8)
    padded[:height, :width] = image
    return padded


def scaled(image: Image, long_side: int) -> Image:
    """Return an image scaled down to a long side, both sides rounded to multiples of 32."""
    height, width, _ = image.shape
    ratio = min(long_side / max(height, width), 1.0)
    sides = [max(round(int(side * ratio) / SIDE_STEP) * SIDE_STEP, SIDE_STEP) for side in (width, height)]
    return image if sides == [width, height] else cast("Image", cv2.resize(image, sides))
