"""The threads that serve calls."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

__all__ = ["CallPool"]


class CallPool(ThreadPoolExecutor):
    """A thread pool that can say whether all of its calls have ended."""

    def __init__(self, threads: int, name: str) -> None:
        super().__init__(threads, name)
        self._under_way: set[Future[Any]] = set()

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        """Run the call on one of the threads."""
        future = super().submit(call, *arguments, **named)
        self._under_way.add(future)
        future.add_done_callback(self._under_way.discard)
        return future

    def is_done(self, timeout_seconds: float) -> bool:
        """Wait for the end of all calls; return whether it came in time."""
        return not wait(tuple(self._under_way), timeout_seconds).not_done
