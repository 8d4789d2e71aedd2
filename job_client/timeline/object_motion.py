"""How an object moves, and how much of it is covered by others."""

from collections.abc import Sequence

from job_client.timeline.geometry import VELOCITY_WEIGHT, Motion
from shared.results import Box

REMEMBERED_MS = 3000.0
"""In which time a part that is not seen is forgotten, to a third: the thing may have turned, or be farther away."""

COVERED = 0.25
"""From which share of the length that is seen on a part of a thing counts as covered: less is jitter."""


class ObjectMotion(Motion):
    """The latest box of an object, and how much of it is covered on each side.

    Others cover an object from one side, and the other side goes on as before. So motion is only what both sides have
    in common; what one side has beyond it covers or uncovers a part of the object. While a part is covered, the object
    is taken to move on as before, and the part with it, until both sides go the same way, one of them beyond the whole.
    """

    __slots__ = ("_covered",)

    def __init__(self, box: Box, clock_ms: float) -> None:
        super().__init__(box, clock_ms)
        self._covered = _NOTHING

    @property
    def is_covered(self) -> bool:
        """Whether so much is covered that another part may be seen next."""
        x1, y1, x2, y2 = self.box
        left, top, right, bottom = self._covered
        return max(left, right) > COVERED * (x2 - x1) or max(top, bottom) > COVERED * (y2 - y1)

    def expected_whole(self, clock_ms: float) -> Box:
        """Return where it is expected at a later time, with what is covered of it."""
        x1, y1, x2, y2 = self.expected(clock_ms)
        left, top, right, bottom = self._covered
        return x1 - left, y1 - top, x2 + right, y2 + bottom

    def uncover(self) -> None:
        """Go on from the whole object, of which another part is seen next."""
        self.box, self._covered = self.expected_whole(self._clock_ms), _NOTHING

    def moved_to(self, box: Box, clocks_ms: Sequence[float]) -> None:
        """Take in where it is seen later, and that one of these times has passed for it: the one that fits best."""
        at_ms = clocks_ms[0] if len(clocks_ms) == 1 else self._fitting(box, clocks_ms)
        passed_ms = at_ms - self._clock_ms
        (x1, y1, x2, y2), (left, top, right, bottom) = box, self._covered
        expected = self.expected(at_ms)
        across, left, right = _compared(x1 - expected[0], x2 - expected[2], left, right, x2 - x1)
        down, top, bottom = _compared(y1 - expected[1], y2 - expected[3], top, bottom, y2 - y1)
        if across or down:
            vx, vy = self._velocity
            weight = VELOCITY_WEIGHT / passed_ms
            self._velocity = vx + weight * across, vy + weight * down
        kept = REMEMBERED_MS / (REMEMBERED_MS + passed_ms)
        self._covered = left * kept, top * kept, right * kept, bottom * kept
        self.box, self._clock_ms = box, clocks_ms[0]


_NOTHING = (0.0, 0.0, 0.0, 0.0)


def _compared(first: float, last: float, before: float, behind: float, length: float) -> tuple[float, float, float]:
    """Return how far off its place a thing is, and what is covered before and behind what is seen of it.

    Args:
        first: How far off the side is that comes first, the left or the upper one.
        last: The same for the other side.
        before: What was covered before the first side.
        behind: What was covered behind the last one.
        length: From one side to the other.
    """
    off, least = 0.0, COVERED * length
    if first * last > 0 and ((before <= least and behind <= least) or before + first < 0 or behind < last):
        off = first if abs(first) < abs(last) else last
    before, behind = before + first - off, behind + off - last
    return off, before if before > 0 else 0.0, behind if behind > 0 else 0.0  # few calls: for each detection
