"""An upright image can be stored again as it was."""

import numpy as np
import pytest

from shared.video.orientation import Orientation

pytestmark = [pytest.mark.unit, pytest.mark.worker]


@pytest.mark.parametrize("quarter_turns", [-2, -1, 0, 1, 2])
@pytest.mark.parametrize("mirrored", [False, True])
def test_storing_undoes_what_displaying_does(quarter_turns: int, mirrored: bool) -> None:
    orientation = Orientation(quarter_turns, mirrored, None)
    stored = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    shown = np.rot90(stored[::-1] if mirrored else stored, quarter_turns)
    assert np.array_equal(orientation.upright(stored), shown)
    assert np.array_equal(orientation.as_stored(orientation.upright(stored)), stored)
