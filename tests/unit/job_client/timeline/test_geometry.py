"""Which things are near a box."""

import pytest

from job_client.timeline.geometry import BoxIndex
from shared.results import Box

pytestmark = pytest.mark.unit

BOX = (100.0, 100.0, 200.0, 120.0)


@pytest.mark.parametrize(
    ("box", "is_near"),
    [
        (BOX, True),
        ((100.0, 140.0, 200.0, 160.0), True),
        ((100.0, 141.0, 200.0, 161.0), False),
        ((230.0, 100.0, 300.0, 120.0), True),
        ((231.0, 100.0, 300.0, 120.0), False),
        ((0.0, 100.0, 69.0, 120.0), False),
    ],
)
def test_only_what_is_near_in_both_directions_is_found(box: Box, is_near: bool) -> None:
    assert BoxIndex([("thing", box)]).near(BOX, down=40.0, across=30.0) == ["thing"] * is_near
