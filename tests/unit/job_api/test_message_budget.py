"""Charging answers to the budget of messages."""

from collections.abc import Callable

import pytest

from job_api.errors import Overloaded
from job_api.message_budget import MessageBudget
from tests.support.waiting import in_thread

pytestmark = pytest.mark.unit

SHORT_SECONDS = 0.02


class Call:
    """A call whose end is announced when told."""

    def __init__(self) -> None:
        self._at_end: list[Callable[[], None]] = []

    def add_callback(self, callback: Callable[[], None]) -> bool:
        self._at_end.append(callback)
        return True

    def end(self) -> None:
        for callback in self._at_end:
            callback()


def test_an_answer_counts_until_it_is_made_and_its_call_has_ended() -> None:
    budget, sent, cut_off = MessageBudget(100), Call(), Call()
    with budget.charged(60, sent.add_callback):
        assert budget.used_bytes == 60
    assert budget.used_bytes == 60
    sent.end()
    assert budget.used_bytes == 0
    with budget.charged(60, cut_off.add_callback):
        cut_off.end()
        assert budget.used_bytes == 60
    assert budget.used_bytes == 0


def test_one_waits_until_there_is_room_for_it() -> None:
    budget, call = MessageBudget(100), Call()
    budget.add(50)

    def charge() -> None:
        with budget.charged(51, call.add_callback):
            call.end()

    waiting = in_thread(charge)
    budget.add(-50)
    assert waiting.result(20) is None


def test_one_that_waits_too_long_is_refused_with_a_time_to_try_again_and_is_not_counted() -> None:
    budget = MessageBudget(100, SHORT_SECONDS)
    budget.add(50)
    with pytest.raises(Overloaded) as refusal, budget.charged(51, Call().add_callback):
        raise AssertionError("there is no room")
    assert refusal.value.retry_after_seconds
    assert budget.used_bytes == 50


def test_one_larger_than_the_budget_takes_all_of_it() -> None:
    budget = MessageBudget(100)
    with budget.charged(1000, Call().add_callback):
        assert budget.used_bytes == 100


def test_one_whose_call_has_ended_already_counts_while_it_is_made() -> None:
    budget = MessageBudget(100)
    with budget.charged(60, lambda _: False):
        assert budget.used_bytes == 60
    assert budget.used_bytes == 0


def test_one_that_fails_is_no_longer_counted_once_its_call_has_ended() -> None:
    budget, call = MessageBudget(100), Call()
    with pytest.raises(ZeroDivisionError), budget.charged(60, call.add_callback):
        raise ZeroDivisionError
    call.end()
    assert budget.used_bytes == 0
