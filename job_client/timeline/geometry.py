"""Where things are, and where they will be in the next frame."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from typing import Generic, TypeVar

from shared.results import Box, Polygon

T = TypeVar("T")

WITHIN = 0.7
"""How much of a box must be in another one for it to be a part of it."""

VELOCITY_WEIGHT = 0.3
"""How much the latest step counts in the velocity: boxes jitter by some pixels a frame, motion goes on for many."""


def enclosing_box(polygon: Polygon) -> Box:
    """Return the upright box around a polygon, in pixels of the frame."""
    columns, rows = zip(*polygon, strict=True)
    return min(columns), min(rows), max(columns), max(rows)


def union_of(boxes: Iterable[Box]) -> Box:
    """Return the box around boxes, of which there is at least one."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def area(box: Box) -> float:
    """Return the area of a box in square pixels."""
    return (box[2] - box[0]) * (box[3] - box[1])


def intersection(one: Box, other: Box) -> float:
    """Return the area that two boxes share, in square pixels."""
    if one[0] >= other[2] or other[0] >= one[2] or one[1] >= other[3] or other[1] >= one[3]:
        return 0.0  # most pairs: decided without a call
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0  # a plugin's box may have its corners swapped


def overlap(one: Box, other: Box) -> float:
    """Return the shared area over that of both, 0 to 1 (intersection over union)."""
    shared = intersection(one, other)
    return shared / (area(one) + area(other) - shared) if shared else 0.0


def is_within(box: Box, whole: Box) -> bool:
    """Return whether most of a box is in another one."""
    return intersection(box, whole) >= WITHIN * area(box)


def cover(one: Box, other: Box) -> float:
    """Return the shared area over that of the smaller box, 0 to 1."""
    shared = intersection(one, other)
    return shared / min(area(one), area(other)) if shared else 0.0


def grown(box: Box, share: float) -> Box:
    """Return the box with this share of its width and height added on each side."""
    x1, y1, x2, y2 = box
    wide, high = (x2 - x1) * share, (y2 - y1) * share
    return x1 - wide, y1 - high, x2 + wide, y2 + high


def middle(box: Box) -> float:
    """Return how far down the middle of a box is."""
    return (box[1] + box[3]) / 2


def shifted(box: Box, across: float, down: float) -> Box:
    """Return the box that far away."""
    x1, y1, x2, y2 = box
    return x1 + across, y1 + down, x2 + across, y2 + down


class BoxIndex(Generic[T]):
    """Things in the order of their middles, so that those near a box are found without a look at all.

    Args:
        boxes: Each thing with its box.
    """

    def __init__(self, boxes: Iterable[tuple[T, Box]]) -> None:
        self._things = sorted(((thing, box, middle(box)) for thing, box in boxes), key=lambda entry: entry[2])
        self._middles = [place for _, _, place in self._things]

    def near(self, box: Box, down: float, across: float = 0.0) -> list[T]:
        """Return the things that are not far from a box.

        Args:
            box: Where they are looked for.
            down: How many pixels the middle of a thing may be above or below that of the box.
            across: How many pixels may be between the sides of a thing and those of the box.
        """
        row = middle(box)
        first, last = bisect_left(self._middles, row - down), bisect_right(self._middles, row + down)
        left, right = box[0] - across, box[2] + across
        return [thing for thing, of, _ in self._things[first:last] if of[0] <= right and left <= of[2]]


class Motion:
    """The latest box of something that moves steadily.

    Attributes:
        box: Where it was seen last.
    """

    __slots__ = ("_clock_ms", "_velocity", "box")

    def __init__(self, box: Box, clock_ms: float) -> None:
        self.box = box
        self._clock_ms = clock_ms
        self._velocity = (0.0, 0.0)

    def expected(self, clock_ms: float) -> Box:
        """Return where it is expected at a later time."""
        vx, vy = self._velocity
        if not (vx or vy):
            return self.box
        passed_ms = clock_ms - self._clock_ms
        dx, dy = vx * passed_ms, vy * passed_ms
        return shifted(self.box, dx, dy)

    def moved_to(self, box: Box, clocks_ms: Sequence[float]) -> None:
        """Take in where it is seen later, and that one of these times has passed for it: the one that fits best."""
        if box != self.box or self._velocity != (0.0, 0.0):
            at_ms = clocks_ms[0] if len(clocks_ms) == 1 else self._fitting(box, clocks_ms)
            passed_ms = 2 * (at_ms - self._clock_ms)  # twice: the sum of two sides is twice the centre
            steps = ((box[0] + box[2] - self.box[0] - self.box[2]) / passed_ms,
                     (box[1] + box[3] - self.box[1] - self.box[3]) / passed_ms)  # fmt: skip
            vx, vy = self._velocity
            self._velocity = (vx + VELOCITY_WEIGHT * (steps[0] - vx), vy + VELOCITY_WEIGHT * (steps[1] - vy))
        self.box, self._clock_ms = box, clocks_ms[0]

    def _fitting(self, box: Box, clocks_ms: Sequence[float]) -> float:
        """Return the time at which it is expected nearest to a box; the first of them where both are as near."""

        def offset(clock_ms: float) -> float:
            expected = self.expected(clock_ms)
            across, down = box[0] + box[2] - expected[0] - expected[2], box[1] + box[3] - expected[1] - expected[3]
            return abs(across) + abs(down)

        return min(clocks_ms, key=offset)
