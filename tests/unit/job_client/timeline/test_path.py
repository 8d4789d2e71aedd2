"""Which points a path keeps."""

import math
from itertools import pairwise

import pytest

from job_client.timeline.path import MAX_POINTS, TOLERANCE, Path, PathPoint

pytestmark = pytest.mark.unit

HEIGHT = 40.0


def path_of(points: list[PathPoint]) -> tuple[PathPoint, ...]:
    path = Path()
    for point in points:
        path.add(point, HEIGHT)
    return path.points


def test_what_stands_or_moves_evenly_is_two_points() -> None:
    for speed in (0.0, 3.0):
        moving = [PathPoint(40.0 * step, 100 + speed * step + step % 2, 50.0) for step in range(101)]
        assert path_of(moving) == (moving[0], moving[-1])


def test_no_point_is_far_from_the_path() -> None:
    shaken = [PathPoint(40.0 * step, 50 * math.sin(step / 5), 30 * math.cos(step / 3)) for step in range(300)]
    kept = path_of(shaken)
    assert len(kept) < 200
    for begin, end in pairwise(kept):
        for ms, x, y in (point for point in shaken if begin.ms <= point.ms <= end.ms):
            share = (ms - begin.ms) / (end.ms - begin.ms)
            assert abs(begin.x + share * (end.x - begin.x) - x) <= TOLERANCE * HEIGHT + 1e-6
            assert abs(begin.y + share * (end.y - begin.y) - y) <= TOLERANCE * HEIGHT + 1e-6


def test_what_shakes_for_ever_has_no_end_of_points_all_the_same() -> None:
    shaken = [PathPoint(40.0 * step, 500.0 * (step % 2), 0.0) for step in range(5000)]
    assert len(path_of(shaken)) <= MAX_POINTS + 2


def test_a_point_that_is_not_later_is_left_out() -> None:
    assert path_of([PathPoint(40.0, 1.0, 1.0), PathPoint(40.0, 9.0, 9.0)]) == (PathPoint(40.0, 1.0, 1.0),)
