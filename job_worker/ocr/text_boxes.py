"""Text boxes, the four corners around a line of text: found in a heat map, ordered, and cut out of the image.

The heat map is that of a network with differentiable binarization (DB: Liao et al., AAAI 2020, arXiv 1911.08947);
thresholds, rounding and order are those of PaddleOCR's pipeline, so that both find the same lines.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from shared.results import Polygon
from shared.video.image import MAX_WARP_SIDE_PIXELS, Image

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
ARC_TOLERANCE_PIXELS = 0.25
"""The corners of an expanded line are round; their outline's points are at most this far inside of the arc."""
VERTICAL_FROM_RATIO = 1.5
"""A line at least this much higher than wide is rotated by 90 degrees to the left before it is read."""
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
    marked = _rectangles_around(regions[:MAX_REGIONS], MIN_SIDE_PIXELS)
    marked = marked[[mean >= MIN_MEAN_PROBABILITY for mean in _mean_probabilities(marked, logits)]]
    lines = _rectangles_around(_outlines(marked), MIN_EXPANDED_SIDE_PIXELS)
    scale = np.array([width / logits.shape[1], height / logits.shape[0]])
    return [*np.clip(np.round(lines * scale), 0, (width, height)).astype(np.int32)]


def _rectangles_around(point_sets: Iterable[Any], min_side: int) -> npt.NDArray[np.float32]:
    """Return the corners of the smallest rectangle around each set of points: `(N, 4, 2)`; small ones are left out."""
    rectangles = [corners for corners, side in map(_rectangle_around, point_sets) if side >= min_side]
    return np.array(rectangles, np.float32).reshape(-1, 4, 2)


def _rectangle_around(points: _Points) -> tuple[Corners, float]:
    """Return the corners of the smallest rectangle around points, and the length of its shorter sides."""
    rectangle = cv2.minAreaRect(points)
    left_to_right = sorted(cv2.boxPoints(rectangle).tolist(), key=lambda point: point[0])
    top_left, bottom_left = sorted(left_to_right[:2], key=lambda point: point[1])
    top_right, bottom_right = sorted(left_to_right[2:], key=lambda point: point[1])
    corners = np.array([top_left, top_right, bottom_right, bottom_left], np.float32)
    return corners, min(rectangle[1])


def _mean_probabilities(marked: npt.NDArray[np.float32], logits: Logits) -> Iterator[float]:
    """Yield the mean probability within each of the marked rectangles."""
    last = logits.shape[1] - 1, logits.shape[0] - 1
    starts = np.clip(np.floor(marked.min(axis=1)), 0, last).astype(int)
    stops = np.clip(np.ceil(marked.max(axis=1)), 0, last).astype(int) + 1
    shapes = (marked - starts[:, None].astype(np.float32)).astype(np.int32)
    for shape, (left, top), (right, bottom) in zip(shapes, starts.tolist(), stops.tolist(), strict=True):
        mask = np.zeros((bottom - top, right - left), np.uint8)
        cv2.fillPoly(mask, [shape], (1,))
        probabilities = cast("Logits", cv2.exp(-logits[top:bottom, left:right]))
        probabilities += 1
        yield cv2.mean(np.reciprocal(probabilities, out=probabilities), mask)[0]


def _outlines(marked: npt.NDArray[np.float32]) -> npt.NDArray[np.int32]:
    """Return the outlines of marked rectangles that are expanded to whole lines: `(N, M, 2)`, with repeated points.

    They are those of Clipper (version 6, round joins), with which PaddleOCR expands a line: points on an arc around
    each corner, as few as the tolerance allows, rounded.
    """
    areas_by_lengths = [cv2.contourArea(one) / cv2.arcLength(one, closed=True) for one in marked]
    distances = UNCLIP_RATIO * np.array(areas_by_lengths)[:, None, None]
    corners = marked.astype(np.int32).astype(float).view(complex)
    sides = np.roll(corners, -1, axis=1) - corners
    after = -1j * sides * (1 / np.sqrt(sides.real**2 + sides.imag**2))
    before = np.roll(after, 1, axis=1)
    step = 2 * math.pi / np.minimum(math.pi / np.arccos(1 - ARC_TOLERANCE_PIXELS / distances), math.pi * distances)
    last = np.maximum(np.floor(np.abs(np.angle(after / before)) / step + 0.5), 1) - 1
    turns = np.minimum(np.arange(last.max(initial=0) + 1), last) * step
    directions = np.concatenate([before * np.exp(1j * turns), after], axis=2)
    points = (corners + distances * directions)[..., None].view(float)
    rounded = np.trunc(points + np.copysign(0.5, points)).astype(np.int64)
    return _ending_at_the_top(rounded.reshape(len(marked), 4 * points.shape[2], 2)).astype(np.int32)


def _ending_at_the_top(outlines: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return outlines rolled so that they end at their highest point, the rightmost of several.

    Clipper's do, and the last bits of OpenCV's smallest rectangle depend on it.
    """
    place = (outlines[..., 1] << 32) - outlines[..., 0]
    is_top = place == place.min(axis=1, keepdims=True)
    end = np.argmax(is_top & ~np.roll(is_top, -1, axis=1), axis=1, keepdims=True)
    order = (np.arange(outlines.shape[1]) + end + 1) % outlines.shape[1]
    return np.take_along_axis(outlines, order[..., None], axis=1)


def reading_order(boxes: Sequence[TextBox]) -> list[int]:
    """Return the indexes of the boxes from top to bottom, and within a row from left to right."""
    corners = [(int(box[0][0]), int(box[0][1])) for box in boxes]
    ordered = sorted(range(len(boxes)), key=lambda number: corners[number][::-1])
    for last in range(len(ordered) - 1):
        for index in range(last, -1, -1):
            (this_x, this_y), (next_x, next_y) = (corners[number] for number in ordered[index : index + 2])
            if abs(next_y - this_y) >= SAME_ROW_PIXELS or next_x >= this_x:
                break
            ordered[index], ordered[index + 1] = ordered[index + 1], ordered[index]
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
    """Return the part between corners, warped to an upright `(height, width, 3)` uint8 BGR.

    It is smaller, at the same ratio of the sides, where it or what it is cut from is larger than OpenCV can warp.
    """
    if max(image.shape) > MAX_WARP_SIDE_PIXELS:
        start = np.clip(np.floor(corners.min(axis=0)).astype(int) - WARP_MARGIN_PIXELS, 0, None)
        stop = np.ceil(corners.max(axis=0)).astype(int) + WARP_MARGIN_PIXELS
        image, corners = image[start[1] : stop[1], start[0] : stop[0]], corners - start.astype(np.float32)
        if (scale := MAX_WARP_SIDE_PIXELS / max(*image.shape, width, height)) < 1:
            image = cast("Image", cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
            corners, width, height = corners * np.float32(scale), int(width * scale), max(int(height * scale), 1)
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
