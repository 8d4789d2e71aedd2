"""Whether a linear code ends where its reading does, wherever it is said to be."""

import numpy as np
import pytest

from job_worker.codes.ends import bars_behind

pytestmark = pytest.mark.unit

GREY = np.tile(np.repeat(np.array([255, 0, 255], np.uint8), (20, 2, 20)), (30, 1))
PLACE = np.array([[0.0, 0], [30, 0], [30, 10], [0, 10]])


@pytest.mark.parametrize("offset", [(-31, 0), (0, -11), (42, 0), (0, 30), (500, 500)])
def test_what_is_read_beyond_the_edge_of_the_frame_is_no_code(offset: tuple[int, int]) -> None:
    assert bars_behind(GREY, PLACE + offset, 30) is None


@pytest.mark.parametrize("length", [0.0, 0.01, 5.0])
def test_what_is_too_short_for_its_characters_is_no_code(length: float) -> None:
    assert bars_behind(GREY, PLACE * (length / 30, 1) + 5, 30) is None


def test_any_place_in_a_frame_of_any_size_can_be_looked_at() -> None:
    chance = np.random.default_rng(1)
    for _ in range(200):
        grey = chance.integers(0, 255, (int(chance.integers(1, 30)), int(chance.integers(1, 30))), np.uint8)
        along = np.exp(1j * chance.uniform(0, 7)) * chance.choice([5, 20, 300])
        begin, down = complex(*chance.uniform(-10, 40, 2)), 1j * along / abs(along) * chance.choice([8, 40])
        corners = np.array([begin, begin + along, begin + along + down, begin + down])
        found = bars_behind(grey, np.column_stack([corners.real, corners.imag]), int(chance.choice([16, 60, 400])))
        assert found is None or all(place.shape == (2,) for place in found)
