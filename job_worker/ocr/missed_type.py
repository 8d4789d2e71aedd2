"""Decide by an image's fine detail whether small type may be missing from the lines that were found."""

from collections.abc import Iterable

import cv2
import numpy as np

from job_worker.ocr.text_boxes import TextBox
from job_worker.ocr.text_detector import scaled
from shared.video.image import Image

CELL_PIXELS = (8, 4)
"""Width and height of the parts in which detail is measured: one or two letters of the smallest type."""
CELLS_IN_A_ROW = np.ones((1, 3), np.uint8)
"""Type has detail in so many cells side by side; a vertical edge has it in one or two."""
TYPE_DETAIL = 16
"""Mean detail of a cell of type, 0 to 255. Flat parts of a screen have none, photographs mostly less."""
MIN_ROWS_OF_CELLS = 2
"""So many make a short word."""


def shows_missed_type(image: Image, long_side: int, boxes: Iterable[TextBox]) -> bool:
    """Return whether an image has detail like that of small type outside of the lines that were found.

    Along a row, small type becomes brighter and darker from pixel to pixel: the second difference is large.

    Args:
        image: `(H, W, 3)` uint8 BGR.
        long_side: Of the smaller image whose detail counts, in pixels.
        boxes: The lines that were found, in pixels of `image`.
    """
    grey = cv2.cvtColor(scaled(image, long_side), cv2.COLOR_BGR2GRAY)
    detail = cv2.convertScaleAbs(cv2.Sobel(grey, cv2.CV_16S, 2, 0, ksize=1), alpha=0.5)
    size = grey.shape[1] // CELL_PIXELS[0], grey.shape[0] // CELL_PIXELS[1]
    cells = cv2.erode(cv2.resize(detail, size, interpolation=cv2.INTER_AREA), CELLS_IN_A_ROW)
    scale = np.divide(size, image.shape[1::-1])
    for box in boxes:
        left, top = (np.floor(box.min(axis=0) * scale).astype(int) - 1).clip(0).tolist()
        right, bottom = (np.ceil(box.max(axis=0) * scale).astype(int) + 1).tolist()
        cells[top:bottom, left:right] = 0
    return int(np.count_nonzero(cells > TYPE_DETAIL)) >= MIN_ROWS_OF_CELLS
