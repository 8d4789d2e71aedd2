"""The four corners around a line of text: from a heat map, into reading order, and out of the picture.

The heat map is that of a network with differentiable binarization (DB: Liao et al., AAAI 2020, arXiv 1911.08947);
thresholds, rounding and order are those of PaddleOCR's pipeline, so that both find the same lines.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
import pyclipper

from shared.results import Polygon
from shared.video.frame import Image

__all__ = ["Logits", "Quad", "corners_of_line", "is_covered", "quads_in", "reading_order", "straightened"]

Logits = npt.NDArray[np.float32]
"""`(H, W)` float32: how likely each pixel is text, before the sigmoid."""

Quad = npt.NDArray[np.int16]
"""`(4, 2)` int16: corners in pixels, clockwise from the picture's top left."""

_Corners = npt.NDArray[np.float32]
_Points = npt.NDArray[np.int32]

TEXT_PROBABILITY = 0.3
"""A pixel above this belongs to text."""
MIN_MEAN_PROBABILITY = 0.6
"""A region whose mean is below this is no line."""
UNCLIP_RATIO = 1.5
"""The network marks shrunken lines; they grow by this times area through length."""
MIN_SIDE_PIXELS = 3
MIN_GROWN_SIDE_PIXELS = MIN_SIDE_PIXELS + 2
MAX_REGIONS = 3000
SAME_ROW_PIXELS = 10
"""Lines whose tops differ by less stand side by side."""
COVERED_SHARE = 0.3
"""Two lines that share more of the smaller one, by the upright boxes around them, are one line."""
TURNED_FROM_RATIO = 1.5
"""A line at least this much higher than wide is turned a quarter to the left before it is read."""


@dataclass(frozen=True, slots=True)
class _Rectangle:
    corners: _Corners
    short_side: float


def quads_in(logits: Logits, width: int, height: int) -> list[Quad]:
    """Finds the lines of text in a heat map.

    Args:
        logits: The heat map of the picture, or of one of another size with the same content.
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.

    Returns:
        Their corners in pixels of the picture, in no particular order.
    """
    threshold = math.log(TEXT_PROBABILITY / (1 - TEXT_PROBABILITY))
    regions, _ = cv2.findContours((logits > threshold).view(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    scale = np.array([width / logits.shape[1], height / logits.shape[0]])
    limit = np.array([width, height])
    grown = (_grown(cast("_Points", region), logits) for region in regions[:MAX_REGIONS])
    return [np.clip(np.round(corners * scale), 0, limit).astype(np.int16) for corners in grown if corners is not None]


def _grown(region: _Points, logits: Logits) -> _Corners | None:
    """Returns the corners of the whole line around a marked region, or None where it is none."""
    marked = _rectangle_around(region)
    if marked.short_side < MIN_SIDE_PIXELS or _mean_probability(marked.corners, logits) < MIN_MEAN_PROBABILITY:
        return None
    distance = cv2.contourArea(marked.corners) * UNCLIP_RATIO / cv2.arcLength(marked.corners, closed=True)
    offset = pyclipper.PyclipperOffset()
    offset.AddPath(marked.corners, pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    outlines = offset.Execute(distance)
    if not outlines:
        return None
    line = _rectangle_around(np.array(outlines[0], np.int32))
    return line.corners if line.short_side >= MIN_GROWN_SIDE_PIXELS else None


def _rectangle_around(points: _Points) -> _Rectangle:
    """Returns the smallest rectangle around points, its corners clockwise from the picture's top left."""
    rectangle = cv2.minAreaRect(points)
    left_to_right = sorted(cv2.boxPoints(rectangle).tolist(), key=lambda point: point[0])
    top_left, bottom_left = sorted(left_to_right[:2], key=lambda point: point[1])
    top_right, bottom_right = sorted(left_to_right[2:], key=lambda point: point[1])
    corners = np.array([top_left, top_right, bottom_right, bottom_left], np.float32)
    return _Rectangle(corners, min(rectangle[1]))


def _mean_probability(corners: _Corners, logits: Logits) -> float:
    height, width = logits.shape
    left, top = np.clip(np.floor(corners.min(axis=0)), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(axis=0)), 0, (width - 1, height - 1)).astype(int)
    mask = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    cv2.fillPoly(mask, [(corners - np.array([left, top], np.float32)).astype(np.int32)], (1,))
    within = logits[top : bottom + 1, left : right + 1]
    return cv2.mean(1 / (1 + np.exp(-within)), mask)[0]


def reading_order(quads: Sequence[Quad]) -> list[int]:
    """Returns the lines' numbers from top to bottom, and for those in a row from left to right."""
    corners = [(int(quad[0][0]), int(quad[0][1])) for quad in quads]
    ordered = sorted(range(len(quads)), key=lambda number: corners[number][::-1])
    for last in range(len(ordered) - 1):
        for place in range(last, -1, -1):
            (this_x, this_y), (next_x, next_y) = (corners[number] for number in ordered[place : place + 2])
            if abs(next_y - this_y) >= SAME_ROW_PIXELS or next_x >= this_x:
                break
            ordered[place], ordered[place + 1] = ordered[place + 1], ordered[place]
    return ordered


def is_covered(quad: Quad, others: Iterable[Quad]) -> bool:
    """Tells whether a line lies where one of the others does, or holds one of them."""
    return any(_shared_area(quad, other) > COVERED_SHARE * min(_area(quad), _area(other)) for other in others)


def _shared_area(one: Quad, other: Quad) -> int:
    low, high = np.maximum(one.min(axis=0), other.min(axis=0)), np.minimum(one.max(axis=0), other.max(axis=0))
    return int((high - low).clip(0).astype(int).prod())


def _area(quad: Quad) -> int:
    return int((quad.max(axis=0) - quad.min(axis=0)).astype(int).prod())


def straightened(image: Image, quad: Quad) -> Image | None:
    """Cuts a line out of the picture, upright; a high one is turned a quarter to the left.

    Returns:
        `(H, W, 3)` uint8 BGR, or None where nothing is left of it.
    """
    corners = _rectangle_around(quad.astype(np.int32)).corners
    width, height = _size(corners)
    if not width or not height:
        return None
    crop = _cut_out(image, corners)
    if crop is None:
        target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
        transform = cv2.getPerspectiveTransform(corners, target)
        warped = cv2.warpPerspective(
            image, transform, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        crop = cast("Image", warped)
    return np.ascontiguousarray(np.rot90(crop)) if _is_turned(width, height) else crop


def _cut_out(image: Image, corners: _Corners) -> Image | None:
    """Returns the part between corners that stand upright on whole pixels, as a warp would; None for others."""
    (x1, y1), (x2, y2) = corners[0].astype(int).tolist(), corners[2].astype(int).tolist()
    is_upright = np.array_equal(corners, [[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
    return image[y1:y2, x1:x2] if is_upright else None


def corners_of_line(quad: Quad) -> Polygon:
    """Orders a line's corners from its own top left, as it is read, rather than from the picture's."""
    first, second, third, fourth = ((float(x), float(y)) for x, y in quad.tolist())
    turned = _is_turned(*_size(_rectangle_around(quad.astype(np.int32)).corners))
    return (second, third, fourth, first) if turned else (first, second, third, fourth)


def _size(corners: _Corners) -> tuple[int, int]:
    top, right, bottom, left = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    return int(max(top, bottom)), int(max(left, right))


def _is_turned(width: int, height: int) -> bool:
    return height >= TURNED_FROM_RATIO * width
