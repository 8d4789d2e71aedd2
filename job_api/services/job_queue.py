"""Where workers wait for a job: a blocking front on a queue that never blocks."""

import threading
from collections import deque
from collections.abc import Callable
from uuid import UUID

from job_api.queue.base import QueueService

__all__ = ["JobQueue", "Waiter"]

POLL_SECONDS = 1.0
"""How long a waiter sleeps at most: a queue that others fill too would not wake it."""


class Waiter:
    """One caller that waits for a job."""

    def __init__(self) -> None:
        self._woken = threading.Event()
        self._lock = threading.Lock()
        self._take_back: Callable[[], None] | None = None
        self.is_gone = False

    def accept(self, take_back: Callable[[], None]) -> bool:
        """Takes an answer for the caller; returns whether it may be sent, which it may not to one that has left.

        Args:
            take_back: Called where the answer does not reach the caller, by whoever says that it left; must be quick.
        """
        with self._lock:
            if self.is_gone:
                return False
            self._take_back = take_back
            return True

    def leave(self, *, is_answered: bool = False) -> None:
        """Says that the caller is no longer there: it wakes and gets no job, and its answer is taken back.

        Args:
            is_answered: Whether it left because it has its answer.
        """
        with self._lock:
            self.is_gone = True
            take_back = self._take_back
        self._woken.set()
        if take_back and not is_answered:
            take_back()

    def wake(self) -> None:
        """Wakes the caller to look at the queue again."""
        self._woken.set()

    def sleep(self, seconds: float) -> None:
        """Waits to be woken."""
        self._woken.wait(seconds)
        self._woken.clear()


class JobQueue:
    """Job ids from the queue, handed to waiters in the order they came."""

    def __init__(self, queue: QueueService, max_waiters: int) -> None:
        self._queue = queue
        self._max_waiters = max_waiters
        self._lock = threading.Lock()
        self._waiters: deque[Waiter] = deque()
        self._closed = False

    def put(self, job_id: UUID) -> None:
        """Adds a job and wakes the first waiter."""
        with self._lock:
            self._queue.enqueue(str(job_id))
            self._wake_first()

    def take(self) -> UUID | None:
        """Returns the next job at once, or None where there is none."""
        with self._lock:
            return self._next()

    def wait(self, waiter: Waiter, seconds: float) -> bool:
        """Waits until a job may be there.

        Returns:
            Whether looking again makes sense; False when the caller has left, the line is full or closed.
        """
        with self._lock:
            if waiter.is_gone or self._closed or len(self._waiters) >= self._max_waiters:
                return False
            if self._queue.size():
                return True
            self._waiters.append(waiter)
        waiter.sleep(min(seconds, POLL_SECONDS))
        with self._lock:
            if waiter in self._waiters:
                self._waiters.remove(waiter)
            elif waiter.is_gone and self._queue.size():
                self._wake_first()  # the job it was woken for is another's
        return not waiter.is_gone and not self._closed

    def close(self) -> None:
        """Wakes every waiter; none gets a job any more."""
        with self._lock:
            self._closed = True
            while self._waiters:
                self._wake_first()

    def _next(self) -> UUID | None:
        job_id = None if self._closed else self._queue.dequeue()
        return UUID(job_id) if job_id else None

    def _wake_first(self) -> None:
        if self._waiters:
            self._waiters.popleft().wake()
