"""The thread that takes jobs back: now and then, at once when it is due, and a last time at the stop."""

import threading
from collections.abc import Callable, Iterator

import pytest

from job_api.housekeeper import Housekeeper
from tests.support.adapters import raises
from tests.support.clock import FakeClock
from tests.support.waiting import eventually, in_thread

pytestmark = pytest.mark.unit

LONG_SECONDS = 60.0


class CountsRounds:
    """Stands for the expiry of leases: counts how often it was to expire leases."""

    def __init__(self) -> None:
        self.due = threading.Event()
        self.rounds = 0
        self.calls: list[str | float] = []
        self.meanwhile: Callable[[], object] = lambda: None

    def extend_leases(self, seconds: float) -> None:
        self.calls.append(seconds)

    def retry(self) -> None:
        """Stands for what else is done in a round."""
        self.calls.append("retry")

    def expire_leases(self) -> int:
        self.rounds += 1
        self.calls.append("expire")
        self.meanwhile()
        return 0


@pytest.fixture
def expiry() -> CountsRounds:
    return CountsRounds()


@pytest.fixture
def housekeeper(expiry: CountsRounds) -> Iterator[Housekeeper]:
    """One that would do nothing by itself for as long as a test takes."""
    housekeeper = Housekeeper(expiry, [expiry.retry], LONG_SECONDS)  # type: ignore[arg-type]
    housekeeper.start()
    yield housekeeper
    housekeeper.stop()


def test_it_looks_now_and_then(expiry: CountsRounds) -> None:
    housekeeper = Housekeeper(expiry, [expiry.retry], 0.01)  # type: ignore[arg-type]
    housekeeper.start()
    eventually(lambda: expiry.rounds > 2, "some rounds")
    housekeeper.stop()


def test_what_is_due_is_done_at_once_and_once(expiry: CountsRounds, housekeeper: Housekeeper) -> None:
    for number in (1, 2):
        expiry.due.set()
        eventually(lambda number=number: expiry.rounds == number, "a round")  # type: ignore[misc]
    assert not expiry.due.is_set()


def test_it_goes_on_after_an_error(
    expiry: CountsRounds, housekeeper: Housekeeper, caplog: pytest.LogCaptureFixture
) -> None:
    expiry.meanwhile = raises(RuntimeError("once"))
    expiry.due.set()
    eventually(lambda: "housekeeping failed, trying again" in caplog.messages, "the failed round")
    expiry.meanwhile = lambda: None
    expiry.due.set()
    eventually(lambda: expiry.rounds == 2, "another round")


def test_what_is_due_at_the_stop_is_done_before_it_ends(expiry: CountsRounds, housekeeper: Housekeeper) -> None:
    housekeeper.stop()
    assert expiry.rounds == 1


def test_what_becomes_due_in_the_middle_of_a_round_is_done_although_it_is_to_stop(
    expiry: CountsRounds, housekeeper: Housekeeper
) -> None:
    def stop() -> None:
        expiry.meanwhile = lambda: None
        in_thread(housekeeper.stop)
        eventually(expiry.due.is_set, "the stop to begin")

    expiry.meanwhile = stop
    expiry.due.set()
    eventually(lambda: expiry.rounds == 2, "a round after the one in which the stop began")


@pytest.mark.parametrize(("late_seconds", "extended"), [(LONG_SECONDS, []), (LONG_SECONDS + 1, [LONG_SECONDS + 1])])
def test_a_round_that_comes_late_extends_the_leases_before_it_looks_at_them(
    expiry: CountsRounds, clock: FakeClock, late_seconds: float, extended: list[float]
) -> None:
    housekeeper = Housekeeper(expiry, [expiry.retry], LONG_SECONDS, clock)  # type: ignore[arg-type]
    housekeeper.start()
    expiry.due.set()
    eventually(lambda: expiry.calls == ["expire", "retry"], "a round in time")
    clock.advance(LONG_SECONDS + late_seconds)
    expiry.due.set()
    eventually(lambda: expiry.calls == ["expire", "retry", *extended, "expire", "retry"], "a late round")
    housekeeper.stop()


def test_a_stop_in_the_middle_of_a_round_extends_the_leases_before_the_next_one(
    expiry: CountsRounds, clock: FakeClock
) -> None:
    def stopped() -> None:
        expiry.meanwhile = lambda: None
        clock.advance(LONG_SECONDS)
        eventually(lambda: len(expiry.calls) > 1, "the leases to be extended while the round goes on")

    expiry.meanwhile = stopped
    housekeeper = Housekeeper(expiry, [expiry.retry], 0.01, clock)  # type: ignore[arg-type]
    housekeeper.start()
    eventually(lambda: expiry.rounds > 1, "another round")
    housekeeper.stop()
    assert expiry.calls[:2] == ["expire", pytest.approx(LONG_SECONDS - 0.01)]
