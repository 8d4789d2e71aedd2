"""Which connections are read too slowly."""

from collections.abc import Collection, Mapping

import pytest

from job_api.backpressure.slow_readers import PATIENCE_SECONDS, SlowReaders
from tests.support.clock import FakeClock

pytestmark = pytest.mark.unit

RATE = 1000
LEAST = int(RATE * PATIENCE_SECONDS / 2)


class Connections:
    """What was sent to peers, as a test says."""

    def __init__(self) -> None:
        self.sent: dict[str, int] = {}

    def __call__(self, peers: Collection[str]) -> Mapping[str, int]:
        return {peer: size for peer, size in self.sent.items() if peer in peers}


@pytest.fixture
def connections() -> Connections:
    return Connections()


@pytest.fixture
def slow_readers(connections: Connections, clock: FakeClock) -> SlowReaders:
    return SlowReaders(RATE, connections, clock)


def test_one_that_reads_nothing_is_found_after_a_while(
    slow_readers: SlowReaders, connections: Connections, clock: FakeClock
) -> None:
    connections.sent = {"unread": 7, "read": 7}
    assert slow_readers.among(["read", "unread"]) == set()
    clock.advance(PATIENCE_SECONDS - 1)
    assert slow_readers.among(["read", "unread"]) == set()
    clock.advance(1)
    connections.sent["read"] += LEAST
    assert slow_readers.among(["read", "unread"]) == {"unread"}


def test_the_slowest_link_is_never_found_however_long_others_wait_and_although_it_stalls(
    slow_readers: SlowReaders, connections: Connections, clock: FakeClock
) -> None:
    connections.sent = {"slow": 0}
    for second in range(1000):
        is_stalled = second % 50 < PATIENCE_SECONDS / 4
        connections.sent["slow"] += 0 if is_stalled else int(0.97 * RATE)  # the headers of its packets take the rest
        assert slow_readers.among(["slow"]) == set()
        clock.advance(1)


def test_what_one_has_read_long_ago_helps_it_no_more(
    slow_readers: SlowReaders, connections: Connections, clock: FakeClock
) -> None:
    connections.sent = {"stopped": 0}
    slow_readers.among(["stopped"])
    connections.sent["stopped"] = 1000 * LEAST
    slow_readers.among(["stopped"])
    clock.advance(PATIENCE_SECONDS)
    assert slow_readers.among(["stopped"]) == {"stopped"}


@pytest.mark.parametrize("meanwhile", ["nobody waits", "it is sent nothing"])
def test_a_look_that_is_long_past_counts_no_more(
    meanwhile: str, slow_readers: SlowReaders, connections: Connections, clock: FakeClock
) -> None:
    connections.sent = {"other": 0, "quiet": 0}
    slow_readers.among(["quiet"])
    if meanwhile == "nobody waits":
        slow_readers.forget()
    else:
        slow_readers.among(["other"])
    clock.advance(PATIENCE_SECONDS)
    assert slow_readers.among(["quiet"]) == set()


def test_one_whose_bytes_nobody_counts_is_never_found(slow_readers: SlowReaders, clock: FakeClock) -> None:
    slow_readers.among(["unix:"])
    clock.advance(PATIENCE_SECONDS)
    assert slow_readers.among(["unix:"]) == set()
