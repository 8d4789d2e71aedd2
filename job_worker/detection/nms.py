"""Select boxes of a network's output: the best class of each box, then non-maximum suppression (NMS) per class.

The arithmetic is that of Ultralytics' predictor, so that both give the same boxes for the same network.
"""

import numpy as np
import numpy.typing as npt

DetectionRows = npt.NDArray[np.float32]
"""`(N, 6)` float32: x1, y1, x2, y2, confidence, class."""

MAX_DETECTIONS = 300
"""The most boxes of one image."""
CLASS_OFFSET_PIXELS = 7680
"""Boxes of different classes are moved so far apart that they cannot overlap."""
ROW_COLUMNS = 6
"""Columns of the output of a network that includes NMS."""


def non_maximum_suppression(output: npt.NDArray[np.float32], confidence: float, iou: float) -> DetectionRows:
    """Return the boxes of one image, the highest confidence first.

    Args:
        output: The network's output: `(4 + classes, N)` with centre, width and height of each box and a score for each
            class, or `(N, 6)` rows if the network includes NMS.
        confidence: Boxes whose confidence is not above this are dropped, 0 to 1.
        iou: Of two boxes of one class whose intersection over union is above this, the one with the higher confidence
            is kept, 0 to 1.
    """
    if output.shape[-1] == ROW_COLUMNS:
        return output[output[:, 4] > confidence][:MAX_DETECTIONS]
    scores = output[4:].max(axis=0)
    likely = scores > confidence
    boxes, classes = output[:4, likely].T, output[4:, likely].argmax(axis=0)
    half = boxes[:, 2:] / 2
    corners = np.concatenate([boxes[:, :2] - half, boxes[:, :2] + half], axis=1)
    rows = np.column_stack([corners, scores[likely], classes]).astype(np.float32)
    by_confidence = rows[np.argsort(-rows[:, 4], kind="stable")]
    return by_confidence[_kept(by_confidence, iou)][:MAX_DETECTIONS]


def _kept(rows: DetectionRows, iou: float) -> list[int]:
    """Return the indexes of boxes that overlap no kept box of a higher confidence by more than `iou`."""
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
