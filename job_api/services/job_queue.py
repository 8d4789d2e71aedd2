"""Where workers wait for a job: a blocking front of a queue that never blocks."""

import logging
import threading
from collections import deque
from collections.abc import Callable
from uuid import UUID

from job_api.queue.base import QueueService

logger = logging.getLogger(__name__)

POLL_SECONDS = 1.0
"""The longest sleep of a waiter: a queue that other processes fill too does not wake it."""


class Waiter:
    """One call that waits for a job.

    Attributes:
        has_ended: Whether the call has ended, so that no job may be given to it.
    """

    def __init__(self) -> None:
        self._woken = threading.Event()
        self._lock = threading.Lock()
        self._take_back: Callable[[], None] | None = None
        self.has_ended = False

    def accept(self, take_back: Callable[[], None]) -> bool:
        """Accept an answer for the call; return whether it may be sent, which is not so once the call has ended.

        Args:
            take_back: Called where the call is cancelled before its answer is sent, on the thread that reports it; it
                must be quick.
        """
        with self._lock:
            if self.has_ended:
                return False
            self._take_back = take_back
            return True

    def end(self, *, is_cancelled: bool = True) -> None:
        """End the call: it wakes and gets no job, and an answer that was not sent is taken back.

        Args:
            is_cancelled: Whether it ended before its answer was sent.
        """
        with self._lock:
            self.has_ended = True
            take_back = self._take_back
        self._woken.set()
        if take_back and is_cancelled:
            take_back()

    def wake(self) -> None:
        """Wake the call, so that it looks at the queue again."""
        self._woken.set()

    def sleep(self, seconds: float) -> None:
        """Wait until woken, or for so many seconds."""
        self._woken.wait(seconds)
        self._woken.clear()


class JobQueue:
    """Job ids from the queue, handed to waiters in the order they came.

    The queue is called without a lock: one that takes long keeps nobody else waiting.
    """

    def __init__(self, queue: QueueService, max_waiters: int, poll_seconds: float = POLL_SECONDS) -> None:
        self._queue = queue
        self._max_waiters = max_waiters
        self._poll_seconds = poll_seconds
        self._lock = threading.Lock()
        self._waiters: deque[Waiter] = deque()
        self._closed = False
        self._not_enqueued: set[UUID] = set()

    @property
    def waiting(self) -> int:
        """The number of waiters."""
        return len(self._waiters)

    def put(self, job_id: UUID) -> None:
        """Add a job and wake the first waiter; where the queue fails, `retry` adds it later."""
        self._put(job_id)

    def retry(self) -> None:
        """Add the jobs that the queue could not take, until it fails again: another call may take as long to fail."""
        all(self._put(job_id) for job_id in tuple(self._not_enqueued))

    def take(self) -> UUID | None:
        """Return the next job at once, or None where there is none or the queue is closed."""
        job_id = None if self._closed else self._queue.dequeue()
        return UUID(job_id) if job_id and not self._closed else None

    def wait(self, waiter: Waiter, seconds: float) -> bool:
        """Wait until a job may be there.

        Returns:
            Whether to look again; False where the call has ended, too many wait, or the queue is closed.
        """
        with self._lock:
            if waiter.has_ended or self._closed or len(self._waiters) >= self._max_waiters:
                return False
            self._waiters.append(waiter)
        try:
            if not self._queue.size():  # after it is among those that are woken: a job that comes now wakes it
                waiter.sleep(min(seconds, self._poll_seconds))
        finally:
            was_woken = self._leave(waiter)
        if was_woken and waiter.has_ended and self._queue.size():
            self._wake_first()  # the job it was woken for is left to another
        return not waiter.has_ended and not self._closed

    def close(self) -> None:
        """Wake every waiter; none gets a job any more."""
        with self._lock:
            self._closed = True
            waiters, self._waiters = self._waiters, deque()
        for waiter in waiters:
            waiter.wake()

    def _put(self, job_id: UUID) -> bool:
        try:
            self._queue.enqueue(str(job_id))
        except BaseException:  # SystemExit too, which a plugin may raise
            self._not_enqueued.add(job_id)
            logger.exception("job not enqueued, trying again", extra={"job_id": str(job_id)})
            return False
        self._not_enqueued.discard(job_id)
        self._wake_first()
        return True

    def _wake_first(self) -> None:
        with self._lock:
            waiter = self._waiters.popleft() if self._waiters else None
        if waiter:
            waiter.wake()

    def _leave(self, waiter: Waiter) -> bool:
        """Take the waiter out of those that are woken; return whether it was woken before."""
        with self._lock:
            was_woken = waiter not in self._waiters
            if not was_woken:
                self._waiters.remove(waiter)
            return was_woken
