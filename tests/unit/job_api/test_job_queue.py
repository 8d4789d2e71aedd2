"""Where workers wait for a job."""

import threading
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from uuid import UUID, uuid4

import pytest

from job_api.queue.memory_queue import MemoryQueue
from job_api.services import job_queue
from job_api.services.job_queue import JobQueue, Waiter
from tests.support.waiting import eventually, in_thread

pytestmark = pytest.mark.unit

LONG_SECONDS = 60.0


@pytest.fixture(autouse=True)
def _no_polling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits end because somebody was woken, not because time passed."""
    monkeypatch.setattr(job_queue, "POLL_SECONDS", LONG_SECONDS)


@pytest.fixture
def line() -> JobQueue:
    return JobQueue(MemoryQueue(), max_waiters=10)


def waits(line: JobQueue, waiter: Waiter) -> Future[bool]:
    """Starts to wait in a thread and returns when the waiter stands in the line."""
    before = len(line._waiters)
    future = in_thread(lambda: line.wait(waiter, LONG_SECONDS))
    eventually(lambda: len(line._waiters) > before, "the waiter to stand in the line")
    return future


def test_jobs_are_taken_in_the_order_they_were_put(line: JobQueue) -> None:
    jobs = [uuid4() for _ in range(5)]
    for job in jobs:
        line.put(job)
    assert [line.take() for _ in range(6)] == [*jobs, None]


def test_a_job_wakes_the_waiter_that_came_first_and_no_other(line: JobQueue) -> None:
    waiters = [waits(line, Waiter()) for _ in range(3)]
    for number, waiter in enumerate(waiters):
        line.put(uuid4())
        assert waiter.result(10) is True
        assert not any(later.done() for later in waiters[number + 1 :])


def test_waiting_ends_at_once_when_a_job_is_there_already(line: JobQueue) -> None:
    line.put(uuid4())
    assert line.wait(Waiter(), LONG_SECONDS) is True
    assert not line._waiters


def test_waiting_ends_with_its_time_and_looking_again_makes_sense(line: JobQueue) -> None:
    assert line.wait(Waiter(), 0.01) is True
    assert not line._waiters


def test_a_long_wait_looks_again_now_and_then_for_a_queue_that_others_fill(
    line: JobQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_queue, "POLL_SECONDS", 0.01)
    assert in_thread(lambda: line.wait(Waiter(), LONG_SECONDS)).result(10) is True


def test_a_waiter_that_leaves_is_woken_and_told_not_to_look_again(line: JobQueue) -> None:
    waiter = Waiter()
    waiting = waits(line, waiter)
    waiter.leave()
    assert waiting.result(10) is False
    assert not line._waiters


def test_a_waiter_that_has_left_does_not_wait(line: JobQueue) -> None:
    waiter = Waiter()
    waiter.leave()
    line.put(uuid4())
    assert line.wait(waiter, LONG_SECONDS) is False


class TestAnswers:
    """What becomes of an answer whose caller leaves."""

    def test_one_that_its_caller_left_without_is_taken_back(self) -> None:
        waiter, taken_back = Waiter(), threading.Event()
        assert waiter.accept(taken_back.set)
        assert not taken_back.is_set()
        waiter.leave()
        assert taken_back.is_set()

    def test_one_that_its_caller_has_stays(self) -> None:
        waiter, taken_back = Waiter(), threading.Event()
        assert waiter.accept(taken_back.set)
        waiter.leave(is_answered=True)
        assert waiter.is_gone
        assert not taken_back.is_set()

    def test_one_for_a_caller_that_has_left_is_not_accepted_and_whoever_brought_it_keeps_it(self) -> None:
        waiter, taken_back = Waiter(), threading.Event()
        waiter.leave()
        assert not waiter.accept(taken_back.set)
        assert not taken_back.is_set()

    def test_none_is_lost_when_the_caller_leaves_in_the_very_instant(self) -> None:
        waiter, taken_back = LeavesWhileItIsAsked(), threading.Event()
        accepted = waiter.accept(taken_back.set)
        assert waiter.leaving
        waiter.leaving.result(10)
        assert accepted is taken_back.is_set()


class LeavesWhileItIsAsked(Waiter):
    """A caller that goes away just after it was seen to be there."""

    leaving: Future[None] | None = None

    @property  # type: ignore[override]
    def is_gone(self) -> bool:
        was_gone = self._is_gone
        if not self.leaving:
            self.leaving = in_thread(self.leave)
            wait_for([self.leaving], 0.1)
        return was_gone

    @is_gone.setter
    def is_gone(self, value: bool) -> None:
        self._is_gone = value


class LeavesWhenWoken(Waiter):
    """A caller that goes away in the instant in which a job wakes it."""

    def wake(self) -> None:
        self.is_gone = True
        super().wake()


def test_a_waiter_that_leaves_as_it_is_woken_passes_the_wake_on(line: JobQueue) -> None:
    leaving, next_one = waits(line, LeavesWhenWoken()), waits(line, Waiter())
    job = uuid4()
    line.put(job)
    assert leaving.result(10) is False
    assert next_one.result(10) is True
    assert line.take() == job


def test_a_waiter_that_leaves_passes_no_wake_on_when_no_job_is_left(line: JobQueue) -> None:
    leaving, next_one = waits(line, LeavesWhenWoken()), waits(line, Waiter())
    with line._lock:  # somebody else takes the job between the wake and the leaving
        line._queue.enqueue(str(uuid4()))
        line._wake_first()
        line._queue.dequeue()
    assert leaving.result(10) is False
    assert not next_one.done()
    line.close()
    next_one.result(10)


def test_closing_wakes_every_waiter_and_hands_out_nothing_more(line: JobQueue) -> None:
    waiting = [waits(line, Waiter()) for _ in range(4)]
    line.close()
    assert [waiter.result(10) for waiter in waiting] == [False] * 4
    line.put(uuid4())
    assert line.take() is None
    assert line.wait(Waiter(), LONG_SECONDS) is False


def test_a_full_line_does_not_let_another_wait() -> None:
    line = JobQueue(MemoryQueue(), max_waiters=2)
    waiting = [waits(line, Waiter()) for _ in range(2)]
    assert line.wait(Waiter(), LONG_SECONDS) is False
    line.put(uuid4())
    waiting[0].result(10)
    assert line.take()
    third = waits(line, Waiter())
    line.close()
    for future in (waiting[1], third):
        future.result(10)


def test_a_waiter_can_wait_again_after_it_was_woken(line: JobQueue) -> None:
    waiter = Waiter()
    for _ in range(3):
        waiting = waits(line, waiter)
        line.put(uuid4())
        assert waiting.result(10) is True
        assert line.take()


def test_every_job_reaches_exactly_one_of_many_waiters(line: JobQueue) -> None:
    taken: list[UUID] = []
    enough = threading.Event()

    def work() -> None:
        waiter = Waiter()
        while not enough.is_set():
            if job := line.take():
                taken.append(job)
            elif not line.wait(waiter, LONG_SECONDS):
                return

    workers = [in_thread(work) for _ in range(8)]
    jobs = [uuid4() for _ in range(300)]
    for job in jobs:
        line.put(job)
    eventually(lambda: len(taken) == len(jobs), "all jobs to be taken")
    enough.set()
    line.close()
    for worker in workers:
        worker.result(10)
    assert sorted(taken) == sorted(jobs)
