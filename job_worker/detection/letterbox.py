"""Fit an image into a network's input, and map boxes back into the image.

The arithmetic is that of Ultralytics' letterbox, so that both give the same boxes for the same network.
"""

from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np

from job_worker.detection.nms import DetectionRows
from shared.video.image import Image

MARGIN_GREY = 114


@dataclass(frozen=True, slots=True)
class Letterbox:
    """An image fitted into a network's input.

    Attributes:
        image: `(H, W, 3)` uint8 BGR: the original image, scaled with its proportions kept, with grey margins.
        scale: Width and height of the scaled image divided by those of the original.
        margin: Left and top margin, in pixels.
        size: Width and height of the original image, in pixels.
    """

    image: Image
    scale: tuple[float, float]
    margin: tuple[int, int]
    size: tuple[int, int]

    def scaled_back(self, rows: DetectionRows) -> DetectionRows:
        """Return boxes in pixels of the original image instead of the network's input, clipped to it."""
        back = rows.copy()
        for axis in (0, 1):
            corners = (back[:, axis:4:2] - np.float32(self.margin[axis])) / np.float32(self.scale[axis])
            back[:, axis:4:2] = corners.clip(0, self.size[axis])
        return back


def letterbox(image: Image, height: int, width: int, stride: int = 0) -> Letterbox:
    """Fit an image into a network's input.

    Args:
        image: `(H, W, 3)` uint8 BGR.
        height: Height of the input, in pixels.
        width: Width of the input, in pixels.
        stride: Margins are cut so that both sides are a multiple of it; 0 keeps them whole.
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
    return Letterbox(
        cast("Image", framed),
        (new_width / old_width, new_height / old_height),
        (left, top),
        (old_width, old_height),
    )
