"""The one budget of bytes that all messages in flight come out of, requests and answers."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from job_api.errors import Overloaded

ROOM_SECONDS = 30.0
"""How long a call waits for room before it is refused; in that time a few large messages may pass ahead of it."""
ANSWERS_SHARE = 0.5
"""The most of the budget that answers take, for their callers may read them slowly: requests always have the rest."""
SMALL_SHARE = 1 / 128
"""An answer of at most this share of the budget (8 MiB of 1 GiB) needs room in the whole of it alone: status calls and
parts of videos must not wait for somebody who reads slowly."""
MAX_WAITING = 16
"""The most answers that wait for room: each of them holds a thread."""


class Call(Protocol):
    """What is charged: `grpc.ServicerContext`."""

    def add_callback(self, callback: Callable[[], None], /) -> bool:
        """Have a function called at the call's end; return False where it has ended already."""


@dataclass(slots=True, eq=False)
class _Charge:
    """What an answer counts for, until it was made and its call has ended."""

    size_bytes: int
    is_made: bool = False
    has_ended: bool = False


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
        self._answers_limit_bytes = int(ANSWERS_SHARE * limit_bytes)
        self._room_seconds = room_seconds
        self._changed = threading.Condition()
        self._used_bytes = self._answers_bytes = self._waiting = 0

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
    def charged(self, size_bytes: int, call: Call) -> Iterator[Callable[[int], None]]:
        """Charge an answer: until the block has ended and the call too, with its answer sent.

        Args:
            size_bytes: What the answer takes in memory while it is made; above what answers may take it counts as that.
            call: The call that it answers.

        Yields:
            What is called with the size of the answer once it is made: from then on only that is charged.

        Raises:
            Overloaded: There was no room in time, too many wait for room, or nobody waits for the answer any more.
        """
        charge = _Charge(min(size_bytes, self._answers_limit_bytes))
        charge.has_ended = not call.add_callback(partial(self._end, charge, has_ended=True))
        self._wait_for(charge)
        try:
            yield partial(self._lower, charge)
        finally:
            self._end(charge, is_made=True)

    def _wait_for(self, charge: _Charge) -> None:
        with self._changed:
            is_in_time = self._has_room(charge) or self._waited(charge)
            if charge.has_ended or not is_in_time:
                charge.size_bytes = 0
                raise Overloaded("the server has no memory left for this answer, try again in a moment")
            self._count(charge.size_bytes)

    def _waited(self, charge: _Charge) -> bool:
        """Wait for room, or the end of the call; return whether one of them came in time."""
        if self._waiting >= MAX_WAITING:
            return False
        self._waiting += 1
        try:
            return self._changed.wait_for(lambda: charge.has_ended or self._has_room(charge), self._room_seconds)
        finally:
            self._waiting -= 1

    def _has_room(self, charge: _Charge) -> bool:
        if self._used_bytes + charge.size_bytes > self.limit_bytes:
            return False
        is_small = charge.size_bytes <= SMALL_SHARE * self.limit_bytes
        return is_small or self._answers_bytes + charge.size_bytes <= self._answers_limit_bytes

    def _lower(self, charge: _Charge, size_bytes: int) -> None:
        with self._changed:
            lower_bytes = min(charge.size_bytes, size_bytes)
            self._count(lower_bytes - charge.size_bytes)
            charge.size_bytes = lower_bytes

    def _end(self, charge: _Charge, *, is_made: bool = False, has_ended: bool = False) -> None:
        with self._changed:
            charge.is_made, charge.has_ended = charge.is_made or is_made, charge.has_ended or has_ended
            if charge.is_made and charge.has_ended:
                self._count(-charge.size_bytes)
            self._changed.notify_all()

    def _count(self, size_bytes: int) -> None:
        self._used_bytes += size_bytes
        self._answers_bytes += size_bytes
        self._changed.notify_all()
