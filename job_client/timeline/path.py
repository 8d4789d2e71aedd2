"""Where a line was, as few points between which it moves straight and evenly."""

from typing import NamedTuple

from shared.results import Box

TOLERANCE = 0.25
"""How far off a line may be of where it was, in its heights."""

MAX_POINTS = 256
"""More are thinned out: what shakes for long has no end of them."""


class PathPoint(NamedTuple):
    """Where the middle of a line was, in pixels of the frame, and when, in milliseconds."""

    ms: float
    x: float
    y: float


class Path:
    """Keeps those of its points that the others do not follow from ("swinging door" compression)."""

    __slots__ = ("_latest", "_points", "_slopes")

    def __init__(self) -> None:
        self._points: list[PathPoint] = []
        self._latest: PathPoint | None = None
        self._slopes = _ANY

    @property
    def points(self) -> tuple[PathPoint, ...]:
        """The points from the first one to the latest."""
        return (*self._points, *((self._latest,) if self._latest else ()))

    def add(self, point: PathPoint, height: float) -> None:
        """Take in a later point of a line that is so high; one that is not later is left out."""
        if not self._points:
            self._points.append(point)
            return
        if point.ms <= (self._latest or self._points[-1]).ms:
            return
        if self._latest and not self._goes_on(point):
            self._points.append(self._latest)
            self._slopes = _ANY
            if len(self._points) > MAX_POINTS:
                self._points = self._points[::2]
        self._narrow(point, TOLERANCE * height)
        self._latest = point

    def _goes_on(self, point: PathPoint) -> bool:
        """Return whether what moves from the last point kept straight to this one meets all those between."""
        across, down = self._speed_to(point)
        left, right, up, lowest = self._slopes
        return left <= across <= right and up <= down <= lowest

    def _narrow(self, point: PathPoint, most: float) -> None:
        """Leave the speeds, across and down, at which this point is met too."""
        across, down = self._speed_to(point)
        off = most / (point.ms - self._points[-1].ms)
        left, right, up, lowest = self._slopes
        self._slopes = max(left, across - off), min(right, across + off), max(up, down - off), min(lowest, down + off)

    def _speed_to(self, point: PathPoint) -> tuple[float, float]:
        ms, x, y = self._points[-1]
        return (point.x - x) / (point.ms - ms), (point.y - y) / (point.ms - ms)


_ANY = (float("-inf"), float("inf"), float("-inf"), float("inf"))


def middle_of(ms: float, box: Box) -> PathPoint:
    """Return where the middle of a box is."""
    return PathPoint(ms, box[0] / 2 + box[2] / 2, box[1] / 2 + box[3] / 2)
