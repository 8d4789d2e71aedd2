"""Whether a linear code ends where its reading does: with light beside its bars, and no bars behind that."""

import math
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from job_worker.codes.areas import Matrix
from shared.video.image import Image

QUIET_MODULES = 6.0
"""Beside a code's ends so many modules are light. The standards ask for more, and zxing-cpp for none at the border of
what it is given."""
BLUR_MODULES = 1.5
"""Of these, so many at the bars may be grey."""
MAX_GAP_MODULES = 7.0
"""A wider gap within a code is something that lies over it."""
LEAST_LIGHT = 0.6
"""How light a quiet zone is at least: from 0, as the bars beside it, to 1, as the spaces."""
BARS_BEHIND = 3
"""So many bars behind a quiet zone are another code, or the rest of this one."""
MIN_REACH_MODULES = 80
"""They are looked for as far as the code is wide, and at least so far."""
MIN_SLOPES = 0.5
"""The bars reach as far as rows have at least this share of the slopes of those that were read."""
MAX_REACH = 2000
"""What is beside a code is shrunk to so many pixels."""
MIN_MODULE = 0.25
"""Of a code that is really there a module has more pixels than this."""
HEIGHTS = np.array([[1 / 8], [1 / 2], [7 / 8]])
"""The lines along which a gap is looked for, from the top of what was read to its bottom."""
ROWS_BESIDE = 0.25
"""Up to so much of a code's length above and below what was read, its bars are looked at too."""


def bars_behind(grey: Image, corners: Matrix, modules: int) -> list[Matrix] | None:
    """Return where bars follow behind the quiet zones of a linear code; None where it has not both quiet zones.

    What follows is another code, or the rest of this one, of which something hides the middle.

    Args:
        grey: The frame, `(H, W)` uint8.
        corners: Those of what was read, `(4, 2)` in pixels, from its top left in reading direction.
        modules: About how many modules wide the code is.
    """
    if not ((corners.max(axis=0) >= 1) & (corners.min(axis=0) <= np.array(grey.shape[::-1]) - 2)).all():
        return None  # it is read in what continues the frame beyond its edge
    across = _across_bars(grey, corners)
    if across @ (corners[1] + corners[2] - corners[0] - corners[3]) < 0:
        across = -across
    module = float((corners[[1, 2]] - corners[[0, 3]]).mean(axis=0) @ across) / modules
    if module < MIN_MODULE or _has_gap(grey, corners, module):
        return None
    found: list[Matrix] = []
    for side, outwards in ((corners[[0, 3]], -across), (corners[[1, 2]], across)):
        end = _End(grey, side, outwards, module, modules)
        if not end.is_quiet():
            return None
        found.extend(end.bars_behind())
    return found


class _End:
    """One end of a linear code and what is beside it, turned so that the code lies to the left.

    Args:
        grey: The frame.
        side: The two corners of what was read at this end, `(2, 2)`.
        outwards: The direction across the bars, out of the code.
        module: How many pixels wide a module is.
        modules: How many modules wide the code is.
    """

    def __init__(self, grey: Image, side: Matrix, outwards: Matrix, module: float, modules: int) -> None:
        reach = max(modules, MIN_REACH_MODULES) * module
        step = max(1.0, reach / MAX_REACH)
        self._module = module / step
        self._inside, outside = math.ceil(modules * self._module / 4), math.ceil(reach / step)
        down = np.array([-outwards[1], outwards[0]])
        self._middle = math.ceil(abs((side[1] - side[0]) @ down) / step / 2 + ROWS_BESIDE * modules * self._module)
        begin = side.mean(axis=0) / step - outwards * self._inside - down * self._middle
        self._to_frame = np.column_stack([outwards, down, begin]) * step
        self._frame_size = grey.shape[::-1]
        upright: Any = cv2.warpAffine(
            grey,
            self._to_frame,
            (self._inside + outside, 2 * self._middle + 1),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderValue=(255,),
        )
        self._rows = _rows_with_bars(upright[:, : self._inside], self._middle)
        dark, light = np.percentile(upright[self._rows, : self._inside], (10, 90))
        self._lightness = (upright[self._rows, self._inside :].mean(axis=0) - dark) / max(light - dark, 1.0)

    def is_quiet(self) -> bool:
        """Return whether there is a quiet zone within the frame."""
        begin, end = round(BLUR_MODULES * self._module), math.ceil(QUIET_MODULES * self._module)
        corners = np.array([self._in_frame(end, row) for row in (self._rows.start, self._rows.stop - 1)])
        is_in_frame = ((corners >= 0) & (corners <= np.array(self._frame_size) - 1)).all()
        return bool(is_in_frame and self._lightness[begin:end].min() >= LEAST_LIGHT)

    def bars_behind(self) -> Iterator[Matrix]:
        """Yield where the last of `BARS_BEHIND` bars is, if so many follow."""
        begin = math.ceil(QUIET_MODULES * self._module)
        clear = np.flatnonzero(np.abs(self._lightness - 1 / 2) > LEAST_LIGHT - 1 / 2)
        clear = clear[clear >= begin]
        is_dark = self._lightness[clear] < 1 / 2
        bars = clear[np.diff(is_dark, prepend=False) & is_dark]
        if len(bars) >= BARS_BEHIND:
            yield self._in_frame(bars[BARS_BEHIND - 1], self._middle)

    def _in_frame(self, column: float, row: float) -> Matrix:
        """Return the place in the frame of a column outside the code."""
        place: Matrix = self._to_frame @ (column + self._inside, row, 1.0)
        return place


def _across_bars(grey: Image, corners: Matrix) -> Matrix:
    """Return the direction across the bars between these corners, of length 1, as their slopes have it."""
    x1, y1 = np.maximum(corners.min(axis=0).astype(int) - 1, 0)
    x2, y2 = corners.max(axis=0).astype(int) + 2
    part = np.ascontiguousarray(grey[y1:y2, x1:x2])
    within: Any = cv2.fillConvexPoly(np.zeros_like(part), np.round(corners - (x1, y1)).astype(np.int32), (1,))
    across, down = (cv2.Scharr(part, cv2.CV_32F, *axis)[within > 0] for axis in ((1, 0), (0, 1)))
    direction = math.atan2(2 * float(across @ down), float(across @ across - down @ down)) / 2
    return np.array([math.cos(direction), math.sin(direction)])


def _has_gap(grey: Image, corners: Matrix, module: float) -> bool:
    """Return whether what was read has a wide light gap from top to bottom."""
    begins, ends = ((1 - HEIGHTS) * corners[[top]] + HEIGHTS * corners[[low]] for top, low in ((0, 3), (1, 2)))
    count = math.ceil(math.dist(corners[0], corners[1])) + 1
    points = np.linspace(begins, ends, count, axis=1, dtype=np.float32)
    lines: Any = cv2.remap(grey, points[..., 0], points[..., 1], cv2.INTER_LINEAR)
    dark, light = np.percentile(lines, (10, 90))
    return all(_longest_run(line > (dark + light) / 2) > MAX_GAP_MODULES * module for line in lines)


def _longest_run(is_set: npt.NDArray[np.bool_]) -> int:
    changes = np.flatnonzero(np.diff(is_set, prepend=False, append=False))
    return int((changes[1::2] - changes[::2]).max(initial=0))


def _rows_with_bars(bars: Image, middle: int) -> slice:
    """Return the rows around the middle one along which bars stand, without the last at both ends."""
    slopes = np.abs(np.diff(bars.astype(np.int16))).mean(axis=1)
    without = np.flatnonzero(slopes < MIN_SLOPES * slopes[middle])
    begin = int(without[without < middle].max(initial=-1)) + 1
    end = int(without[without > middle].min(initial=len(slopes)))
    trimmed = (end - begin) // 10
    return slice(begin + trimmed, end - trimmed)
