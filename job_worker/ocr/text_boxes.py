"""Text boxes, the four corners around a line of text: found in a heat map, ordered, and cut out of the image.

The heat map is that of a network with differentiable binarization (DB: Liao et al., AAAI 2020, arXiv 1911.08947);
thresholds, rounding and order are those of PaddleOCR's pipeline, so that both find the same lines.
"""

import math
from collections.abc import Iterable, Sequence
from typing import cast

import cv2
import numpy as np
import numpy.typing as npt
import pyclipper

from shared.results import Polygon
from shared.video.frame import Image

Logits = npt.NDArray[np.float32]
"""`(H, W)` float32: how likely each pixel is text, before the sigmoid."""

TextBox = npt.NDArray[np.int32]
"""`(4, 2)` int32: corners in pixels, clockwise from the one that is nearest to the image's top left."""

Corners = npt.NDArray[np.float32]
"""`(4, 2)` float32: corners in pixels, clockwise from the image's top left."""

_Points = npt.NDArray[np.int32]

TEXT_PROBABILITY = 0.3
"""A pixel above this belongs to text."""
MIN_MEAN_PROBABILITY = 0.6
"""A region whose mean is below this is not a line."""
UNCLIP_RATIO = 1.5
"""The network marks shrunken lines; they are expanded by this times their area divided by their perimeter."""
MIN_SIDE_PIXELS = 3
MIN_EXPANDED_SIDE_PIXELS = MIN_SIDE_PIXELS + 2
MAX_REGIONS = 3000
SAME_ROW_PIXELS = 10
"""Lines whose tops differ by less are in one row."""
COVERED_SHARE = 0.3
"""Two lines whose upright boxes share more than this of the smaller one are the same line."""
VERTICAL_FROM_RATIO = 1.5
"""A line at least this much higher than wide is rotated by 90 degrees to the left before it is read."""
MAX_WARP_SIDE_PIXELS = 2**15 - 2
"""Largest side of an image that OpenCV warps: its coordinates have 16 bits."""
WARP_MARGIN_PIXELS = 4
"""Margin around a line that is cut out of a larger image for the warp; cubic interpolation reads 2 pixels beyond it."""


def find_text_boxes(logits: Logits, width: int, height: int) -> list[TextBox]:
    """Find the lines of text in a heat map.

    Args:
        logits: The heat map of the image, scaled or not.
        width: Width of the image, in pixels.
        height: Height of the image, in pixels.

    Returns:
        The lines in pixels of the image, in no particular order.
    """
    threshold = math.log(TEXT_PROBABILITY / (1 - TEXT_PROBABILITY))
    regions, _ = cv2.findContours((logits > threshold).view(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    scale = np.array([width / logits.shape[1], height / logits.shape[0]])
    limit = np.array([width, height])
    lines = (_expanded(cast("_Points", region), logits) for region in regions[:MAX_REGIONS])
    return [np.clip(np.round(corners * scale), 0, limit).astype(np.int32) for corners in lines if corners is not None]


def _expanded(region: _Points, logits: Logits) -> Corners | None:
    """Return the corners of the whole line around a marked region, or None if it is not a line."""
    marked, short_side = _rectangle_around(region)
    if short_side < MIN_SIDE_PIXELS or _mean_probability(marked, logits) < MIN_MEAN_PROBABILITY:
        return None
    distance = cv2.contourArea(marked) * UNCLIP_RATIO / cv2.arcLength(marked, closed=True)
    offset = pyclipper.PyclipperOffset()
    offset.AddPath(marked, pyclipper.JT_ROUND, pyclipper.ET_CLOSEDPOLYGON)
    outlines = offset.Execute(distance)
    if not outlines:
        return None
    line, short_side = _rectangle_around(np.array(outlines[0], np.int32))
    return line if short_side >= MIN_EXPANDED_SIDE_PIXELS else None


def _rectangle_around(points: _Points) -> tuple[Corners, float]:
    """Return the corners of the smallest rectangle around points, and the length of its shorter sides."""
    rectangle = cv2.minAreaRect(points)
    left_to_right = sorted(cv2.boxPoints(rectangle).tolist(), key=lambda point: point[0])
    top_left, bottom_left = sorted(left_to_right[:2], key=lambda point: point[1])
    top_right, bottom_right = sorted(left_to_right[2:], key=lambda point: point[1])
    corners = np.array([top_left, top_right, bottom_right, bottom_left], np.float32)
    return corners, min(rectangle[1])


def _mean_probability(corners: Corners, logits: Logits) -> float:
    height, width = logits.shape
    left, top = np.clip(np.floor(corners.min(axis=0)), 0, (width - 1, height - 1)).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(axis=0)), 0, (width - 1, height - 1)).astype(int)
    mask = np.zeros((bottom - top + 1, right - left + 1), np.uint8)
    cv2.fillPoly(mask, [(corners - np.array([left, top], np.float32)).astype(np.int32)], (1,))
    within = logits[top : bottom + 1, left : right + 1]
    return cv2.mean(1 / (1 + np.exp(-within)), mask)[0]


def reading_order(boxes: Sequence[TextBox]) -> list[int]:
    """Return the indexes of the boxes from top to bottom, and within a row from left to right."""
    corners = [(int(box[0][0]), int(box[0][1])) for box in boxes]
    ordered = sorted(range(len(boxes)), key=lambda number: corners[number][::-1])
    for last in range(len(ordered) - 1):
        for place in range(last, -1, -1):
            (this_x, this_y), (next_x, next_y) = (corners[number] for number in ordered[place : place + 2])
            if abs(next_y - this_y) >= SAME_ROW_PIXELS or next_x >= this_x:
                break
            ordered[place], ordered[place + 1] = ordered[place + 1], ordered[place]
    return ordered


def is_covered(box: TextBox, others: Iterable[TextBox]) -> bool:
    """Return whether a box is at the place of one of the others, or contains one of them."""
    return any(_shared_area(box, other) > COVERED_SHARE * min(_area(box), _area(other)) for other in others)


def _shared_area(one: TextBox, other: TextBox) -> int:
    low, high = np.maximum(one.min(axis=0), other.min(axis=0)), np.minimum(one.max(axis=0), other.max(axis=0))
    return int((high - low).clip(0).astype(int).prod())


def _area(box: TextBox) -> int:
    return int((box.max(axis=0) - box.min(axis=0)).astype(int).prod())


def crop_line(image: Image, box: TextBox) -> Image | None:
    """Cut a line out of the image, upright; a high one is rotated by 90 degrees to the left.

    Returns:
        `(H, W, 3)` uint8 BGR, or None if it has no area.
    """
    corners, _ = _rectangle_around(box.astype(np.int32))
    width, height = _size(corners)
    if not width or not height:
        return None
    crop = sliced(image, corners)
    if crop is None:
        crop = warped(image, corners, width, height)
    return np.ascontiguousarray(np.rot90(crop)) if _is_vertical(width, height) else crop


def sliced(image: Image, corners: Corners) -> Image | None:
    """Return the part between upright corners on whole pixels, which a warp would copy; None for other corners."""
    (x1, y1), (x2, y2) = corners[0].astype(int).tolist(), corners[2].astype(int).tolist()
    is_upright = np.array_equal(corners, [[x1, y1], [x2, y1], [x2, y2], [x1, y2]])
    return image[y1:y2, x1:x2] if is_upright else None


def warped(image: Image, corners: Corners, width: int, height: int) -> Image:
    """Return the part between corners, warped to an upright `(height, width, 3)` uint8 BGR."""
    if max(image.shape) > MAX_WARP_SIDE_PIXELS:
        start = np.clip(np.floor(corners.min(axis=0)).astype(int) - WARP_MARGIN_PIXELS, 0, None)
        stop = np.ceil(corners.max(axis=0)).astype(int) + WARP_MARGIN_PIXELS
        image, corners = image[start[1] : stop[1], start[0] : stop[0]], corners - start.astype(np.float32)
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    transform = cv2.getPerspectiveTransform(corners, target)
    return cast(
        "Image",
        cv2.warpPerspective(image, transform, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE),
    )


def line_polygon(box: TextBox) -> Polygon:
    """Return a line's corners clockwise from its own top left as it is read, rather than from the image's."""
    first, second, third, fourth = ((float(x), float(y)) for x, y in box.tolist())
    turned = _is_vertical(*_size(_rectangle_around(box.astype(np.int32))[0]))
    return (second, third, fourth, first) if turned else (first, second, third, fourth)


def _size(corners: Corners) -> tuple[int, int]:
    top, right, bottom, left = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    return int(max(top, bottom)), int(max(left, right))


def _is_vertical(width: int, height: int) -> bool:
    return height >= VERTICAL_FROM_RATIO * width
