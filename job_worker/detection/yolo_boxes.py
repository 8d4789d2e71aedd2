"""A YOLO network's picture and boxes: fitting a picture into its input, and its output back into the picture.

The arithmetic is that of Ultralytics' predictor (letterbox, best class of each box, non-maximum suppression within a
class, boxes scaled back and clipped), so that both give the same boxes for the same network.
"""

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt

from job_worker.video.frame import Image

__all__ = ["ROW_COLUMNS", "Fit", "Rows", "fitted", "most_likely_boxes"]

Rows = npt.NDArray[np.float32]
"""`(N, 6)` float32: x1, y1, x2, y2, confidence, class."""

MARGIN_GREY = 114
MAX_BOXES = 300
"""The most boxes of one picture."""
CLASS_OFFSET_PIXELS = 7680
"""Boxes of different classes are moved so far apart that they cannot overlap."""
ROW_COLUMNS = 6
"""Columns of the output of a network that suppresses by itself."""


@dataclass(frozen=True, slots=True)
class Fit:
    """How a picture was fitted into a network's input.

    Attributes:
        image: `(H, W, 3)` uint8 BGR: the picture, scaled with its proportions kept, with grey margins.
        scale: Width and height of the scaled picture by those of the picture.
        margin: Of the left and of the top, in pixels.
        size: Width and height of the picture, in pixels.
    """

    image: Image
    scale: tuple[float, float]
    margin: tuple[int, int]
    size: tuple[int, int]

    def scaled_back(self, rows: Rows) -> Rows:
        """Returns boxes in pixels of the picture instead of the network's input, clipped to it."""
        back = rows.copy()
        for axis in (0, 1):
            corners = (back[:, axis:4:2] - np.float32(self.margin[axis])) / np.float32(self.scale[axis])
            back[:, axis:4:2] = corners.clip(0, self.size[axis])
        return back


def fitted(image: Image, height: int, width: int, stride: int = 0) -> Fit:
    """Fits a picture into a network's input.

    Args:
        image: `(H, W, 3)` uint8 BGR.
        height: Of the input, in pixels.
        width: Of the input, in pixels.
        stride: Margins are cut to what makes both sides a multiple of it; 0 keeps them whole.
    """
    old_height, old_width, _ = image.shape
    ratio = min(height / old_height, width / old_width)
    new_height, new_width = max(round(old_height * ratio), 1), max(round(old_width * ratio), 1)
    spare = width - new_width, height - new_height
    across, down = (side % stride if stride else side for side in spare)
    left, top = round(across / 2 - 0.1), round(down / 2 - 0.1)
    if (new_height, new_width) != (old_height, old_width):
        image = cast("Image", cv2.resize(image, (new_width, new_height)))
    framed = cv2.copyMakeBorder(
        image, top, down - top, left, across - left, cv2.BORDER_CONSTANT, value=(MARGIN_GREY,) * 3
    )
    return Fit(
        cast("Image", framed),
        (new_width / old_width, new_height / old_height),
        (left, top),
        (old_width, old_height),
    )


def most_likely_boxes(output: npt.NDArray[np.float32], confidence: float, iou: float) -> Rows:
    """Returns the boxes of one picture, surest first.

    Args:
        output: Of the network: `(4 + classes, N)` with centre, width and height of each box and a score a class, or
            `(N, 6)` rows where it suppresses by itself.
        confidence: Boxes that the network is not surer of are dropped, 0 to 1.
        iou: Of two boxes of a class that overlap more than this, the surer one stays, 0 to 1.
    """
    if output.shape[-1] == ROW_COLUMNS:
        return output[output[:, 4] > confidence][:MAX_BOXES]
    scores = output[4:].max(axis=0)
    likely = scores > confidence
    boxes, classes = output[:4, likely].T, output[4:, likely].argmax(axis=0)
    half = boxes[:, 2:] / 2
    corners = np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)
    rows = np.column_stack([corners, scores[likely], classes]).astype(np.float32)
    surest_first = rows[np.argsort(-rows[:, 4], kind="stable")]
    return surest_first[_kept(surest_first, iou)][:MAX_BOXES]


def _kept(rows: Rows, iou: float) -> list[int]:
    """Returns which boxes overlap none that is kept before them by more than `iou`."""
    moved = rows[:, :4] + rows[:, 5:] * np.float32(CLASS_OFFSET_PIXELS)
    areas = (moved[:, 2] - moved[:, 0]) * (moved[:, 3] - moved[:, 1])
    kept: list[int] = []
    left = np.arange(len(rows))
    while left.size:
        first, left = left[0], left[1:]
        kept.append(int(first))
        low = np.maximum(moved[first, :2], moved[left, :2])
        high = np.minimum(moved[first, 2:], moved[left, 2:])
        shared = (high - low).clip(0).prod(axis=1)
        left = left[shared <= np.float32(iou) * (areas[first] + areas[left] - shared)]
    return kept
