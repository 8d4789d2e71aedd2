"""Executors that process images in threads, or in the calling thread."""

from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any


@contextmanager
def image_executor(threads: int) -> Iterator[Executor]:
    """Yield an executor for calls that process images; calls not yet started at the end of the block are dropped.

    Args:
        threads: Size of the thread pool; 1 makes every call immediately, in the calling thread.
    """
    if threads == 1:
        yield _CallingThreadExecutor()
        return
    executor = ThreadPoolExecutor(threads, "images")
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


class _CallingThreadExecutor(Executor):
    """Makes each call immediately in the thread that submits it, for engines that belong to one thread."""

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(call(*arguments, **named))
        return future
