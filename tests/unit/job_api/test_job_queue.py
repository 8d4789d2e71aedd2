"""Where workers wait for a job."""

import threading
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from uuid import UUID, uuid4

import pytest

from job_api.queue.memory_queue import MemoryQueue
from job_api.services.job_queue import JobQueue, Waiter
from tests.support.waiting import eventually, in_thread

pytestmark = pytest.mark.unit

LONG_SECONDS = 60.0


def new_queue(max_waiters: int = 10, poll_seconds: float = LONG_SECONDS) -> JobQueue:
    """Return a queue whose waits end because somebody was woken, not because time passed."""
    return JobQueue(MemoryQueue(), max_waiters, poll_seconds)


@pytest.fixture
def job_queue() -> JobQueue:
    return new_queue()


def waits(job_queue: JobQueue, waiter: Waiter) -> Future[bool]:
    """Start to wait in a thread and return once the waiter waits."""
    before = job_queue.waiting
    future = in_thread(lambda: job_queue.wait(waiter, LONG_SECONDS))
    eventually(lambda: job_queue.waiting > before, "the waiter to wait")
    return future


def test_jobs_are_taken_in_the_order_they_were_put(job_queue: JobQueue) -> None:
    jobs = [uuid4() for _ in range(5)]
    for job in jobs:
        job_queue.put(job)
    assert [job_queue.take() for _ in range(6)] == [*jobs, None]


def test_a_job_wakes_the_waiter_that_came_first_and_no_other(job_queue: JobQueue) -> None:
    waiters = [waits(job_queue, Waiter()) for _ in range(3)]
    for number, waiter in enumerate(waiters):
        job_queue.put(uuid4())
        assert waiter.result(10) is True
        assert not any(later.done() for later in waiters[number + 1 :])


def test_waiting_ends_at_once_when_a_job_is_there_already(job_queue: JobQueue) -> None:
    job_queue.put(uuid4())
    assert job_queue.wait(Waiter(), LONG_SECONDS) is True
    assert job_queue.waiting == 0


def test_waiting_ends_with_its_time_and_looking_again_makes_sense(job_queue: JobQueue) -> None:
    assert job_queue.wait(Waiter(), 0.01) is True
    assert job_queue.waiting == 0


def test_a_long_wait_looks_again_now_and_then_for_a_queue_that_others_fill() -> None:
    job_queue = new_queue(poll_seconds=0.01)
    assert in_thread(lambda: job_queue.wait(Waiter(), LONG_SECONDS)).result(10) is True


def test_a_waiter_whose_call_ends_is_woken_and_does_not_look_again(job_queue: JobQueue) -> None:
    waiter = Waiter()
    waiting = waits(job_queue, waiter)
    waiter.end()
    assert waiting.result(10) is False
    assert job_queue.waiting == 0


def test_a_waiter_whose_call_has_ended_does_not_wait(job_queue: JobQueue) -> None:
    waiter = Waiter()
    waiter.end()
    job_queue.put(uuid4())
    assert job_queue.wait(waiter, LONG_SECONDS) is False


class TestAnswers:
    """What becomes of an answer whose call ends."""

    def test_one_that_was_not_sent_is_taken_back(self) -> None:
        waiter, taken_back = Waiter(), threading.Event()
        assert waiter.accept(taken_back.set)
        assert not taken_back.is_set()
        waiter.end()
        assert taken_back.is_set()

    def test_one_that_was_sent_stays(self) -> None:
        waiter, taken_back = Waiter(), threading.Event()
        assert waiter.accept(taken_back.set)
        waiter.end(is_cancelled=False)
        assert waiter.has_ended
        assert not taken_back.is_set()

    def test_one_for_a_call_that_has_ended_is_neither_accepted_nor_taken_back(self) -> None:
        waiter, taken_back = Waiter(), threading.Event()
        waiter.end()
        assert not waiter.accept(taken_back.set)
        assert not taken_back.is_set()

    def test_none_is_lost_when_the_call_ends_in_the_very_instant(self) -> None:
        waiter, taken_back = EndsWhileItAccepts(), threading.Event()
        accepted = waiter.accept(taken_back.set)
        assert waiter.ending
        waiter.ending.result(10)
        assert accepted is taken_back.is_set()


class EndsWhileItAccepts(Waiter):
    """A call that ends just after it was seen to go on."""

    ending: Future[None] | None = None

    @property  # type: ignore[override]
    def has_ended(self) -> bool:
        had_ended = self._has_ended
        if not self.ending:
            self.ending = in_thread(self.end)
            wait_for([self.ending], 0.1)
        return had_ended

    @has_ended.setter
    def has_ended(self, value: bool) -> None:
        self._has_ended = value


class EndsWhenWoken(Waiter):
    """A call that ends in the instant in which a job wakes it."""

    def wake(self) -> None:
        self.has_ended = True
        super().wake()


def test_a_waiter_whose_call_ends_as_it_is_woken_passes_the_wake_on(job_queue: JobQueue) -> None:
    ending, next_one = waits(job_queue, EndsWhenWoken()), waits(job_queue, Waiter())
    job = uuid4()
    job_queue.put(job)
    assert ending.result(10) is False
    assert next_one.result(10) is True
    assert job_queue.take() == job


def test_a_waiter_whose_call_ends_passes_no_wake_on_when_no_job_is_left(job_queue: JobQueue) -> None:
    class LosesItsJob(EndsWhenWoken):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            job_queue.take()  # somebody else is quicker

    ending, next_one = waits(job_queue, LosesItsJob()), waits(job_queue, Waiter())
    job_queue.put(uuid4())
    assert ending.result(10) is False
    assert not next_one.done()
    job_queue.close()
    next_one.result(10)


class SlowQueue(MemoryQueue):
    """A queue that takes long to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.called, self.may_fail = threading.Semaphore(0), threading.Event()

    def enqueue(self, job_id: str) -> None:
        self.called.release()
        self.may_fail.wait(10)
        raise TimeoutError


def test_a_queue_that_takes_long_keeps_nobody_else_waiting() -> None:
    slow = SlowQueue()
    job_queue = JobQueue(slow, 10)
    putting = in_thread(lambda: job_queue.put(uuid4()))
    assert slow.called.acquire(timeout=10)
    assert in_thread(job_queue.take).result(10) is None
    assert in_thread(lambda: job_queue.wait(Waiter(), 0.01)).result(10) is True
    in_thread(job_queue.close).result(10)
    assert not putting.done()
    slow.may_fail.set()
    putting.result(10)


def test_a_queue_that_fails_again_is_not_called_for_all_the_other_jobs() -> None:
    slow = SlowQueue()
    slow.may_fail.set()
    job_queue = JobQueue(slow, 10)
    for _ in range(3):
        job_queue.put(uuid4())
        assert slow.called.acquire(blocking=False)
    job_queue.retry()
    assert slow.called.acquire(blocking=False)
    assert not slow.called.acquire(blocking=False)


def test_closing_wakes_every_waiter_and_gives_no_more_jobs(job_queue: JobQueue) -> None:
    waiting = [waits(job_queue, Waiter()) for _ in range(4)]
    job_queue.close()
    assert [waiter.result(10) for waiter in waiting] == [False] * 4
    job_queue.put(uuid4())
    assert job_queue.take() is None
    assert job_queue.wait(Waiter(), LONG_SECONDS) is False


def test_when_too_many_wait_the_next_does_not() -> None:
    job_queue = new_queue(max_waiters=2)
    waiting = [waits(job_queue, Waiter()) for _ in range(2)]
    assert job_queue.wait(Waiter(), LONG_SECONDS) is False
    job_queue.put(uuid4())
    waiting[0].result(10)
    assert job_queue.take()
    third = waits(job_queue, Waiter())
    job_queue.close()
    for future in (waiting[1], third):
        future.result(10)


def test_a_waiter_can_wait_again_after_it_was_woken(job_queue: JobQueue) -> None:
    waiter = Waiter()
    for _ in range(3):
        waiting = waits(job_queue, waiter)
        job_queue.put(uuid4())
        assert waiting.result(10) is True
        assert job_queue.take()


def test_every_job_reaches_exactly_one_of_many_waiters(job_queue: JobQueue) -> None:
    taken: list[UUID] = []
    enough = threading.Event()

    def work() -> None:
        waiter = Waiter()
        while not enough.is_set():
            if job := job_queue.take():
                taken.append(job)
            elif not job_queue.wait(waiter, LONG_SECONDS):
                return

    workers = [in_thread(work) for _ in range(8)]
    jobs = [uuid4() for _ in range(300)]
    for job in jobs:
        job_queue.put(job)
    eventually(lambda: len(taken) == len(jobs), "all jobs to be taken")
    enough.set()
    job_queue.close()
    for worker in workers:
        worker.result(10)
    assert sorted(taken) == sorted(jobs)
