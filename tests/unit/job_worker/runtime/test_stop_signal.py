"""The request to stop, once and twice."""

import pytest

from job_worker.runtime.stop_signal import StopSignal
from tests.support.clock import FakeClock

pytestmark = [pytest.mark.unit, pytest.mark.worker]


def test_nothing_is_requested_at_first(clock: FakeClock) -> None:
    stop = StopSignal(drain_seconds=30, clock=clock)
    clock.advance(1e6)
    assert not stop.requested.is_set()
    assert not stop.must_release


def test_the_first_request_leaves_the_job_in_hand_its_drain_time(clock: FakeClock) -> None:
    stop = StopSignal(drain_seconds=30, clock=clock)
    stop.request()
    assert stop.requested.is_set()
    clock.advance(29.9)
    assert not stop.must_release


def test_the_job_must_be_released_on_the_drain_deadline(clock: FakeClock) -> None:
    stop = StopSignal(drain_seconds=30, clock=clock)
    stop.request()
    clock.advance(30)
    assert stop.must_release


def test_the_second_request_releases_at_once(clock: FakeClock) -> None:
    stop = StopSignal(drain_seconds=30, clock=clock)
    stop.request()
    stop.request()
    assert stop.must_release


def test_a_later_request_takes_nothing_back(clock: FakeClock) -> None:
    stop = StopSignal(drain_seconds=30, clock=clock)
    for _ in range(3):
        stop.request()
    assert stop.must_release


def test_no_drain_time_releases_at_once(clock: FakeClock) -> None:
    stop = StopSignal(drain_seconds=0, clock=clock)
    stop.request()
    assert stop.must_release


def test_the_time_after_which_nothing_is_repeated_counts_from_the_drain_deadline(clock: FakeClock) -> None:
    stop = StopSignal(drain_seconds=30, clock=clock)
    assert stop.overdue_seconds < 0
    stop.request()
    clock.advance(33)
    assert stop.overdue_seconds == 3


def test_after_a_second_request_it_counts_from_that(clock: FakeClock) -> None:
    stop = StopSignal(drain_seconds=30, clock=clock)
    stop.request()
    clock.advance(20)
    stop.request()
    clock.advance(1)
    assert stop.overdue_seconds == 1
