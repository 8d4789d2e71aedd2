"""Charging answers to the budget of messages."""

import threading
from collections.abc import Collection
from functools import partial

import pytest

from job_api.backpressure.message_budget import MAX_WAITING, OVERTAKEN_SECONDS, MessageBudget
from job_api.backpressure.slow_readers import PATIENCE_SECONDS, SlowReaders
from job_api.errors import Overloaded
from tests.support.calls import Call
from tests.support.clock import FakeClock
from tests.support.waiting import eventually, in_thread, opened_at_the_end

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

SHORT_SECONDS = 0.02
ANSWERS = 50
"""What answers may take of a budget of 100 bytes."""


def charge(budget: MessageBudget, size_bytes: int, call: Call | None = None) -> None:
    """Make an answer of a call that does not end."""
    with budget.charged(size_bytes, call or Call()):
        pass


def test_an_answer_counts_until_it_is_made_and_its_call_has_ended() -> None:
    budget, sent, cut_off = MessageBudget(100), Call(), Call()
    with budget.charged(30, sent):
        assert budget.used_bytes == 30
    assert budget.used_bytes == 30
    sent.end()
    assert budget.used_bytes == 0
    with budget.charged(30, cut_off):
        cut_off.end()
        assert budget.used_bytes == 30
    assert budget.used_bytes == 0


def test_one_that_is_made_counts_as_what_is_sent() -> None:
    budget, call = MessageBudget(100), Call()
    with budget.charged(30, call) as charge:
        charge(10)
        assert budget.used_bytes == 10
    assert budget.used_bytes == 10
    call.end()
    assert budget.used_bytes == 0


def test_one_that_grows_while_it_is_made_waits_for_room_again() -> None:
    budget, other = MessageBudget(100), Call()
    charge(budget, 30, other)
    with budget.charged(10, Call()) as grow:
        grow(20)
        assert budget.used_bytes == 30 + 20
        growing = in_thread(lambda: grow(40))
        other.end()
        assert growing.result(20) is None
        assert budget.used_bytes == 40
        grow(1000)
    assert budget.used_bytes == ANSWERS


def test_one_that_has_waited_for_a_while_is_not_overtaken_any_more() -> None:
    clock = FakeClock()
    budget, slow, overtaking = MessageBudget(1280, clock=clock), Call(), Call()
    charge(budget, 320, slow)
    large = in_thread(lambda: charge(budget, 640))
    eventually(lambda: budget.waiting == 1)
    charge(budget, 100, overtaking)
    overtaking.end()
    clock.advance(OVERTAKEN_SECONDS)
    later = in_thread(lambda: charge(budget, 100))
    eventually(lambda: budget.waiting == 2 or later.done())
    assert not later.done()
    slow.end()
    assert large.result(20) is None
    assert not later.done()


def test_one_that_grows_does_not_wait_behind_those_that_wait_for_what_it_has() -> None:
    clock = FakeClock()
    budget = MessageBudget(1280, clock=clock)
    with budget.charged(320, Call()) as grow:
        large = in_thread(lambda: charge(budget, 640))
        eventually(lambda: budget.waiting == 1)
        clock.advance(OVERTAKEN_SECONDS)
        in_thread(lambda: grow(640)).result(20)
        assert budget.used_bytes == 640
        grow(0)
    assert large.result(20) is None


class Slow(SlowReaders):
    """Finds every connection too slow but those that are named."""

    def __init__(self, *fast: str) -> None:
        super().__init__()
        self._fast = fast

    def among(self, peers: Collection[str]) -> set[str]:
        return {*peers}.difference(self._fast)


def test_one_that_is_read_too_slowly_is_ended_where_another_waits() -> None:
    budget = MessageBudget(1280, slow_readers=Slow())
    charge(budget, 600)
    assert budget.used_bytes == 600
    charge(budget, 640)
    assert budget.used_bytes == 640


def test_the_largest_of_those_on_slow_connections_is_ended_first() -> None:
    budget = MessageBudget(1280, slow_readers=Slow("fast"))
    with budget.charged(300, Call("fast")):
        pass
    charge(budget, 130)
    charge(budget, 140)
    charge(budget, 200)
    assert budget.used_bytes == 300 + 130 + 200


def test_looks_at_slow_readers_count_no_more_once_nobody_waits() -> None:
    clock, sent = FakeClock(), {"quiet": 0}
    slow_readers = SlowReaders(1000, lambda peers: sent, clock)
    budget, other = MessageBudget(1280, slow_readers=slow_readers, clock=clock), Call("other")
    charge(budget, 600, Call("quiet"))
    slow_readers.among(["quiet"])
    waiting = in_thread(lambda: charge(budget, 640, other))
    eventually(lambda: budget.waiting == 1)
    other.end()
    assert isinstance(waiting.exception(20), Overloaded)
    clock.advance(PATIENCE_SECONDS)
    assert slow_readers.among(["quiet"]) == set()


def test_many_small_ones_that_are_read_too_slowly_are_ended_as_far_as_another_needs_it() -> None:
    budget = MessageBudget(1280, slow_readers=Slow())
    for _ in range(128):
        charge(budget, 10)
    charge(budget, 10)
    assert budget.used_bytes == 1280
    charge(budget, 640)
    assert budget.used_bytes == 640


def test_those_that_are_still_made_are_not_ended_and_no_others_in_vain() -> None:
    budget = MessageBudget(1280, SHORT_SECONDS, slow_readers=Slow())
    charge(budget, 10)
    with budget.charged(300, Call()), pytest.raises(Overloaded):
        charge(budget, 640)
    assert budget.used_bytes == 310


def test_bytes_are_counted_while_another_looks_for_those_that_are_read_too_slowly() -> None:
    """Bytes are counted on gRPC's own thread, and a look reads files."""
    is_looking, may_end = threading.Event(), threading.Event()

    class Looking(SlowReaders):
        def among(self, peers: Collection[str]) -> set[str]:
            is_looking.set()
            assert may_end.wait(20)
            return set()

    budget = MessageBudget(100, slow_readers=Looking())
    budget.add(100)
    waiting = in_thread(lambda: charge(budget, 10))
    with opened_at_the_end(may_end):
        assert is_looking.wait(20)
        in_thread(lambda: budget.add(-100)).result(5)
    assert waiting.result(20) is None


def test_what_has_waited_for_long_is_due_unless_other_answers_leave_no_room() -> None:
    clock = FakeClock()
    budget = MessageBudget(1280, clock=clock)
    charge(budget, 320)
    budget.add(960)
    calls = [Call(), Call()]
    large, small = (in_thread(partial(charge, budget, size, call)) for size, call in zip((640, 10), calls, strict=True))
    eventually(lambda: budget.waiting == 2)
    assert budget.due_bytes == 0
    clock.advance(OVERTAKEN_SECONDS)
    assert budget.due_bytes == 10
    budget.add(-960)
    assert small.result(20) is None
    calls[0].end()
    assert isinstance(large.exception(20), Overloaded)


def test_one_waits_until_there_is_room_for_it() -> None:
    budget = MessageBudget(100)
    budget.add(80)
    waiting = in_thread(lambda: charge(budget, 30))
    budget.add(-10)
    assert waiting.result(20) is None
    assert budget.used_bytes == 100


def test_answers_that_are_read_slowly_leave_room_for_requests() -> None:
    budget = MessageBudget(100, SHORT_SECONDS)
    charge(budget, 20)
    charge(budget, 30)
    with pytest.raises(Overloaded):
        charge(budget, 1)
    assert budget.used_bytes == ANSWERS


def test_small_answers_do_not_wait_for_those_that_are_read_slowly() -> None:
    budget = MessageBudget(1280, SHORT_SECONDS)
    charge(budget, 640)
    charge(budget, 10)
    with pytest.raises(Overloaded):
        charge(budget, 11)
    assert budget.used_bytes == 650


def test_one_that_waits_too_long_is_refused_with_a_time_to_try_again_and_is_not_counted() -> None:
    budget, call = MessageBudget(100, SHORT_SECONDS), Call()
    budget.add(80)
    with pytest.raises(Overloaded) as refusal:
        charge(budget, 30, call)
    assert refusal.value.retry_after_seconds
    call.end()
    assert budget.used_bytes == 80


def test_no_more_wait_for_room_than_there_are_threads_to_spare() -> None:
    budget, calls = MessageBudget(100), [Call() for _ in range(MAX_WAITING + 1)]
    budget.add(100)
    waiting = [in_thread(partial(charge, budget, 1, call)) for call in calls]
    eventually(lambda: [each.done() for each in waiting].count(True) == 1, "one to be refused")
    for call in calls:
        call.end()
    assert all(isinstance(each.exception(20), Overloaded) for each in waiting)


def test_one_whose_call_has_ended_waits_no_longer() -> None:
    budget, call = MessageBudget(100), Call()
    budget.add(100)
    waiting = in_thread(lambda: charge(budget, 1, call))
    call.end()
    assert isinstance(waiting.exception(20), Overloaded)
    assert budget.used_bytes == 100


def test_one_larger_than_all_answers_may_be_takes_all_that_they_may() -> None:
    budget = MessageBudget(100)
    charge(budget, 1000)
    assert budget.used_bytes == ANSWERS


def test_one_whose_call_has_ended_already_is_not_made() -> None:
    budget, call = MessageBudget(100), Call()
    call.end()
    with pytest.raises(Overloaded), budget.charged(30, call):
        raise AssertionError("nobody would get it")
    assert budget.used_bytes == 0


def test_one_that_fails_is_no_longer_counted_once_its_call_has_ended() -> None:
    budget, call = MessageBudget(100), Call()
    with pytest.raises(ZeroDivisionError), budget.charged(30, call):
        raise ZeroDivisionError
    call.end()
    assert budget.used_bytes == 0
