"""Where labels go: near what they name, and neither on each other nor on what can be read."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shared.results import Box

OBJECT_WEIGHT = 0.05
"""What covering an object counts, against covering text: a label may be inside of a large box."""

_Boxes = npt.NDArray[np.float64]
"""`(N, 4)`, x1, y1, x2, y2 in pixels."""


class Placement:
    """The places for the labels of one image.

    Args:
        width: Width of the image in pixels.
        height: Its height.
        texts: The boxes of what can be read in it.
        objects: The boxes of what else is marked in it.
    """

    def __init__(self, width: int, height: int, texts: Sequence[Box], objects: Sequence[Box]) -> None:
        self._size = np.array([width, height])
        self._texts = np.array(texts).reshape(-1, 4)
        self._objects = np.array(objects).reshape(-1, 4)
        self._labels: list[Box] = []

    def place(self, label_width: int, label_height: int, box: Box) -> tuple[int, int] | None:
        """Return the top left corner of a label of this size, and keep its place; None if each would cover a label.

        Args:
            label_width: Width of the label in pixels, at most that of the image.
            label_height: Its height, likewise.
            box: What it names.
        """
        label = np.array([label_width, label_height])
        corners = np.clip(_candidates(label_width, label_height, box), 0, self._size - label)
        places = np.hstack([corners, corners + label])
        cost = _covered(places, self._texts) + OBJECT_WEIGHT * _covered(places, self._objects)
        cost[_covered(places, np.array(self._labels).reshape(-1, 4)) > 0] = np.inf
        best = int(np.argmin(cost))  # of equal ones the first
        if np.isinf(cost[best]):
            return None
        left, top, right, bottom = (int(side) for side in places[best])
        self._labels.append((left, top, right, bottom))
        return left, top


def _candidates(width: int, height: int, box: Box) -> _Boxes:
    """Return corners of labels, `(N, 2)`, the preferred one first: above the box, below, beside, inside."""
    x1, y1, x2, y2 = map(int, box)
    above, below = y1 - height, y2 + 1
    corners = [
        (x1, above), (x1, below), (x2 - width, above), (x2 - width, below),
        (x2 + 1, y1), (x1 - width, y1), (x2 + 1, y2 - height), (x1 - width, y2 - height),
        (x1, y1), (x1, y2 - height), (x2 - width, y1), (x2 - width, y2 - height),
    ]  # fmt: skip
    return np.array(corners, float)


def _covered(places: _Boxes, boxes: _Boxes) -> npt.NDArray[np.float64]:
    """Return how many pixels of the boxes each place covers."""
    first = np.maximum(places[:, None, :2], boxes[None, :, :2])
    last = np.minimum(places[:, None, 2:], boxes[None, :, 2:])
    covered: npt.NDArray[np.float64] = np.clip(last - first, 0, None).prod(axis=2).sum(axis=1)
    return covered
