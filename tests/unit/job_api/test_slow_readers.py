"""Which answers are read too slowly."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import pytest

from job_api.slow_readers import GRACE_SECONDS, SLOWEST_BYTES_PER_SECOND, SlowReaders
from tests.support.clock import FakeClock

pytestmark = pytest.mark.unit

RATE = SLOWEST_BYTES_PER_SECOND


@dataclass(eq=False)
class Answer:
    peer: str
    size_bytes: int


class Connections:
    """What was sent to peers, as a test says."""

    def __init__(self) -> None:
        self.sent: dict[str, int] = {}

    def __call__(self, peers: Collection[str]) -> Mapping[str, int]:
        return {peer: size for peer, size in self.sent.items() if peer in peers}


def test_one_of_which_nothing_is_read_is_found_after_a_while_however_large_it_is() -> None:
    clock, connections = FakeClock(), Connections()
    slow_readers = SlowReaders(connections, clock)
    connections.sent = {"unread": 7, "read": 7}
    answers = [Answer("read", 1000 * RATE), Answer("unread", 1000 * RATE)]
    assert slow_readers.largest(answers) is None
    clock.advance(GRACE_SECONDS)
    assert slow_readers.largest(answers) is None
    clock.advance(2)
    connections.sent["read"] += 2 * RATE
    assert slow_readers.largest(answers) is answers[1]


def test_the_largest_is_ended_first() -> None:
    clock, connections = FakeClock(), Connections()
    slow_readers = SlowReaders(connections, clock)
    connections.sent = {"a": 0}
    answers = [Answer("a", size * RATE) for size in (100, 300, 200)]
    slow_readers.largest(answers)
    clock.advance(GRACE_SECONDS + 1)
    assert slow_readers.largest(answers) is answers[1]


def test_what_others_on_the_connection_read_helps_none_for_ever() -> None:
    clock, connections = FakeClock(), Connections()
    slow_readers = SlowReaders(connections, clock)
    connections.sent = {"a": 0}
    answer = Answer("a", 5 * RATE)
    slow_readers.largest([answer])
    clock.advance(GRACE_SECONDS + 6)
    connections.sent["a"] += 1000 * RATE
    assert slow_readers.largest([answer]) is answer


def test_where_nobody_counts_bytes_one_has_the_time_for_its_size() -> None:
    clock = FakeClock()
    slow_readers, answer = SlowReaders(Connections(), clock), Answer("unix:", 5 * RATE)
    slow_readers.largest([answer])
    clock.advance(GRACE_SECONDS + 5)
    assert slow_readers.largest([answer]) is None
    clock.advance(1)
    assert slow_readers.largest([answer]) is answer
