"""The threads that serve calls."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any


class ThreadsUnavailable(Exception):
    """The threads of the server cannot be started; the message says which limits and settings to change."""


@contextmanager
def thread_errors_translated() -> Iterator[None]:
    """Translate Python's error about a thread that cannot be started.

    Raises:
        ThreadsUnavailable: The block met it.
    """
    try:
        yield
    except RuntimeError as error:
        if "can't start new thread" not in str(error):
            raise
        raise ThreadsUnavailable(
            "the server's threads cannot all be started: raise the limit on tasks or memory, or lower "
            "--max-waiting-workers or --max-concurrent-calls"
        ) from error


class CallPool(ThreadPoolExecutor):
    """A thread pool that can say whether all of its calls have ended.

    All of its threads are started with it. gRPC submits calls on the one thread that serves all of its connections: an
    error there, because a thread cannot start, would end that thread, and the server would hear nothing any more.
    """

    def __init__(self, threads: int, name: str) -> None:
        """Start the threads.

        Raises:
            RuntimeError: The system does not allow so many.
        """
        super().__init__(threads, name)
        self._under_way: set[Future[Any]] = set()
        all_started = threading.Event()
        try:
            for _ in range(threads):
                self.submit(all_started.wait)  # no thread is idle, so that each takes a new one
        finally:
            all_started.set()

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Run the call on one of the threads."""
        future = super().submit(call, *arguments, **named)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return future

    def is_done(self, timeout_seconds: float) -> bool:
        """Wait for the end of all calls; return whether it came in time."""
        return not wait(tuple(self._under_way), timeout_seconds).not_done
