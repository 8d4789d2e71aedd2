"""Where a frame may have codes: the areas that are full of edges, and those whose edges all have one direction."""

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from shared.results import Box
from shared.video.image import Image

Matrix = npt.NDArray[np.float64]

MAX_AREA_SIDE = 1200
"""The longer side of an enlarged area in pixels."""
ENLARGED = 3.0
"""At two pixels a module and blurred, codes are read at three times their size that are not at twice."""
MARGIN = 8
"""Pixels around an area, for the quiet zone."""
EDGE_WINDOW = 17
"""Edges are counted in squares of so many pixels, wider than the gaps within a code."""
MIN_SIDE = 16
"""The least side of an area in pixels: what is smaller holds no code of two pixels a module."""

BAR_SHRINK = 3
"""Bars are looked for on the frame shrunk so many times: where their modules are wide, `EDGE_WINDOW` is too narrow."""
BAR_CELL = 4
"""Of the shrunk frame's slopes, squares of so many pixels are averaged first."""
BAR_WINDOW = 5
"""Bars are looked for in squares of so many cells, wider than the gaps within a code."""
MIN_BAR_CELLS = 20, 8
"""The least width, across bars, and height of an area of bars in cells, `BAR_WINDOW` of which lie around the bars."""
MIN_BAR_SLOPE = 500.0
"""The least mean square of the slopes of bars, in squares of grey levels."""
MIN_BAR_SHARE = 0.2
"""Bars have at least this share of the steepest such mean around them, which sets them apart from a label's edge."""
MIN_BAR_COHERENCE = 0.2
"""How far the edges in a cell with bars have one direction, at least: from 0, all alike, to 1."""
MIN_BAR_FILL = 0.12
"""The least share of an area of bars that has bars, times how far all of their edges have one direction."""
MAX_BAR_AREAS = 8


class Area(NamedTuple):
    """A rectangle of a frame that is read enlarged and upright.

    Attributes:
        centre: Its centre in pixels.
        size: Its width and height in pixels before it is turned.
        degrees: Its turn, clockwise.
        enlarged: How many times its size it is read, unless that exceeds `MAX_AREA_SIDE`.
        has_bars: Whether it has bars, which stand upright in it.
    """

    centre: tuple[float, float]
    size: tuple[float, float]
    degrees: float
    enlarged: float = ENLARGED
    has_bars: bool = False

    def upright(self) -> tuple[Matrix, tuple[int, int]]:
        """Return the transform that enlarges the area and turns it upright, and the size of its image."""
        x, y = self.centre
        width, height = (side + 2 * MARGIN for side in self.size)
        scale = min(self.enlarged, MAX_AREA_SIDE / max(width, height))
        to_area: Any = cv2.getRotationMatrix2D((x, y), self.degrees, scale)
        to_area[:, 2] += (width * scale / 2 - x, height * scale / 2 - y)
        return to_area, (max(1, int(width * scale)), max(1, int(height * scale)))


def areas_of_boxes(boxes: Iterable[Box]) -> list[Area]:
    """Return the areas that are these boxes, in pixels."""
    return [Area(((x1 + x2) / 2, (y1 + y2) / 2), (x2 - x1, y2 - y1), 0.0) for x1, y1, x2, y2 in boxes]


def areas_of_edges(grey: Image) -> list[Area]:
    """Return the areas with many edges, as those of codes, the largest first."""
    across, down = cv2.Scharr(grey, cv2.CV_16S, 1, 0), cv2.Scharr(grey, cv2.CV_16S, 0, 1)
    slopes = [cv2.convertScaleAbs(slope, alpha=1 / 16) for slope in (across, down)]
    dense = cv2.blur(cv2.addWeighted(slopes[0], 0.5, slopes[1], 0.5, 0), (EDGE_WINDOW, EDGE_WINDOW))
    _, mask = cv2.threshold(dense, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    outlines, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    areas = [Area(*cv2.minAreaRect(outline)) for outline in outlines]  # type: ignore[arg-type]
    return _largest_first(area for area in areas if min(area.size) >= MIN_SIDE)


def areas_of_bars(grey: Image) -> list[Area]:
    """Return the areas whose edges have one direction, as those of wide bars, the largest first.

    What tells them is the structure tensor, https://en.wikipedia.org/wiki/Structure_tensor.
    """
    across_across, down_down, across_down = _tensor(grey)
    slope, stretch, shear = across_across + down_down, across_across - down_down, 2 * across_down
    steepest = cv2.dilate(slope, np.ones((2 * BAR_WINDOW + 1, 2 * BAR_WINDOW + 1), np.uint8))
    is_bar = np.hypot(stretch, shear) >= MIN_BAR_COHERENCE * slope
    is_bar &= slope >= np.maximum(MIN_BAR_SLOPE, MIN_BAR_SHARE * steepest)
    outlines, _ = cv2.findContours(is_bar.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    areas: list[Area] = []
    for outline in outlines:
        x, y, width, height = cv2.boundingRect(outline)
        if math.hypot(width, height) >= MIN_BAR_CELLS[0]:
            inside = np.s_[y : y + height, x : x + width]
            within = np.zeros((height, width), np.uint8)
            cv2.drawContours(within, [outline], -1, (1,), cv2.FILLED, offset=(-x, -y))
            cells = is_bar[inside] & (within > 0)
            sums = [float(part[inside][cells].sum()) for part in (slope, stretch, shear)]
            areas += _area_of_cells(outline.reshape(-1, 2).astype(np.float64), int(cells.sum()), *sums)
    return _largest_first(areas)[:MAX_BAR_AREAS]


def _area_of_cells(outline: Matrix, count: int, slope: float, stretch: float, shear: float) -> Iterator[Area]:
    """Yield the area of so many adjacent cells, whose slopes are summed, if it may be one of bars."""
    direction = math.atan2(shear, stretch) / 2
    axes = np.array([[math.cos(direction), math.sin(direction)], [-math.sin(direction), math.cos(direction)]])
    turned = (outline + 0.5) @ axes.T
    least, most = turned.min(axis=0), turned.max(axis=0)
    width, height = (most - least + 1).tolist()
    is_large = width >= MIN_BAR_CELLS[0] and height >= MIN_BAR_CELLS[1]
    coherence = math.hypot(stretch, shear) / slope
    if is_large and count * coherence >= MIN_BAR_FILL * width * height:
        pixels = BAR_CELL * BAR_SHRINK
        x, y = ((least + most) / 2 @ axes * pixels).tolist()
        size = width * pixels, height * pixels
        yield Area((x, y), size, math.degrees(direction), ENLARGED / BAR_SHRINK, has_bars=True)


def _tensor(grey: Image) -> list[Matrix]:
    """Return the means of the products of the slopes across and down, by cells of the shrunk frame."""
    height, width = grey.shape
    size = max(1, width // BAR_SHRINK), max(1, height // BAR_SHRINK)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    across, down = (cv2.Scharr(small, cv2.CV_16S, *axis, scale=1 / 16) for axis in ((1, 0), (0, 1)))
    cells = max(1, size[0] // BAR_CELL), max(1, size[1] // BAR_CELL)
    products: list[Any] = [
        cv2.multiply(one, other, dtype=cv2.CV_32F) for one, other in ((across, across), (down, down), (across, down))
    ]
    means = (cv2.resize(product, cells, interpolation=cv2.INTER_AREA) for product in products)
    return [cv2.blur(mean, (BAR_WINDOW, BAR_WINDOW)) for mean in means]


def _largest_first(areas: Iterable[Area]) -> list[Area]:
    return sorted(areas, key=lambda area: (-area.size[0] * area.size[1], area))
