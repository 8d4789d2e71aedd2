"""Waiting for something to become true: bounded, and without a bare sleep."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")

WAIT_SECONDS = 20.0
"""Far longer than any wait takes: reaching it is a failure, never a pass."""

_POLL_SECONDS = 0.005


def eventually(condition: Callable[[], T], what: str = "the condition", seconds: float = WAIT_SECONDS) -> T:
    """Poll until the condition holds and return its value; fail when it does not within the bound."""
    pause = threading.Event()
    for _ in range(int(seconds / _POLL_SECONDS)):
        if value := condition():
            return value
        pause.wait(_POLL_SECONDS)
    raise AssertionError(f"{what} did not come true within {seconds} s")


def in_thread(call: Callable[[], T]) -> "Future[T]":
    """Run a call in a thread of its own; the future has its result or what it raised."""
    outcome: Future[T] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:  # noqa: BLE001 (whoever wants the result gets it)
            outcome.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return outcome


@contextmanager
def opened_at_the_end(gate: threading.Event) -> Iterator[threading.Event]:
    """Make sure that whatever waits at the gate goes on when the test ends, failed or not."""
    try:
        yield gate
    finally:
        gate.set()
