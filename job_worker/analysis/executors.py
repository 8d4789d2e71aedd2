"""What works on several pictures at a time, or on one."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

__all__ = ["working_on"]


@contextmanager
def working_on(concurrency: int) -> Iterator[Executor]:
    """Gives what calls are handed to; those that have not begun at the end are dropped.

    Args:
        concurrency: So many threads make the calls; where it is 1, each is made at once in the calling thread.
    """
    if concurrency == 1:
        yield _Inline()
        return
    executor = ThreadPoolExecutor(concurrency, "pictures")
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


class _Inline(Executor):
    """Does what it is given at once, in the thread that gives it: for engines that belong to one thread."""

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(call(*arguments, **named))
        return future
