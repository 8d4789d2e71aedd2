"""The one budget of bytes that all messages in flight come out of, requests and answers."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from job_api.errors import Overloaded

ROOM_SECONDS = 30.0
"""How long a call waits for room before it is refused; in that time a few large messages may pass ahead of it."""


class MessageBudget:
    """Counts the bytes of messages.

    Requests are counted as they arrive, whether there is room or not: who reads them sees to it that there is. An
    answer is charged before it is made, and waits for room.

    Args:
        limit_bytes: The most bytes at one time.
        room_seconds: How long a charge waits for room.
    """

    def __init__(self, limit_bytes: int, room_seconds: float = ROOM_SECONDS) -> None:
        self.limit_bytes = limit_bytes
        self._room_seconds = room_seconds
        self._changed = threading.Condition()
        self._used_bytes = 0

    @property
    def used_bytes(self) -> int:
        """The bytes counted now."""
        return self._used_bytes

    def add(self, size_bytes: int) -> None:
        """Count bytes that are there already or, if negative, are no longer."""
        with self._changed:
            self._used_bytes += size_bytes
            self._changed.notify_all()

    @contextmanager
    def charged(self, size_bytes: int, at_end: Callable[[Callable[[], None]], bool]) -> Iterator[None]:
        """Charge bytes for the time of a call: until the block has ended and the call too, with its answer sent.

        Args:
            size_bytes: What the answer takes in memory while it is made; above the limit it counts as the limit.
            at_end: Has a function called at the call's end, `context.add_callback`; False where it has ended already.

        Raises:
            Overloaded: There was no room in time.
        """
        size_bytes = min(size_bytes, self.limit_bytes)
        self._wait_for(size_bytes)
        ends = iter((lambda: None, lambda: self.add(-size_bytes)))  # the later of the two

        def end() -> None:
            next(ends)()

        if not at_end(end):
            end()
        try:
            yield
        finally:
            end()

    def _wait_for(self, size_bytes: int) -> None:
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._used_bytes + size_bytes <= self.limit_bytes, self._room_seconds
            ):
                raise Overloaded("the server has no memory left for this answer, try again in a moment")
            self._used_bytes += size_bytes
