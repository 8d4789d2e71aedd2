"""The one budget of bytes that all messages in flight come out of, requests and answers."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from job_api.errors import Overloaded
from job_api.slow_readers import SlowReaders
from shared.process.clock import Clock, monotonic_clock

logger = logging.getLogger(__name__)

ROOM_SECONDS = 30.0
"""How long a call waits for room before it is refused; in that time a few large messages may pass ahead of it."""
ANSWERS_SHARE = 0.5
"""The most of the budget that answers take, for their callers may read them slowly: requests always have the rest."""
SMALL_SHARE = 1 / 128
"""An answer of at most this share of the budget (8 MiB of 1 GiB) needs room in the whole of it alone: status calls and
parts of videos must not wait for somebody who reads slowly."""
MAX_WAITING = 16
"""The most answers that wait for room: each of them holds a thread."""
OVERTAKEN_SECONDS = 5.0
"""Answers that need less room may pass one that waits for so long; after that they wait behind it."""
LOOK_SECONDS = 1.0
"""Between two looks, by those that wait, for answers that are read too slowly."""


class Call(Protocol):
    """What is charged: `grpc.ServicerContext`."""

    def add_callback(self, callback: Callable[[], None], /) -> bool:
        """Have a function called at the call's end; return False where it has ended already."""

    def cancel(self) -> object:
        """End the call, whose answer is read too slowly."""

    def peer(self) -> str:
        """Return who calls, as gRPC names it."""


@dataclass(slots=True, eq=False)
class _Charge:
    """What an answer counts for, until it was made and its call has ended."""

    call: Call
    size_bytes: int = 0
    is_made: bool = False
    has_ended: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """An answer that waits for so much room."""

    size_bytes: int
    since: float


class MessageBudget:
    """Counts the bytes of messages.

    Requests are counted as they arrive, whether there is room or not: who reads them sees to it that there is. An
    answer is charged before it is made, and waits for room. Those that wait have their turn in their order, and end
    answers that are read too slowly.

    Args:
        limit_bytes: The most bytes at one time.
        room_seconds: How long a charge waits for room.
        slow_readers: Finds the answers that are read too slowly.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        limit_bytes: int,
        room_seconds: float = ROOM_SECONDS,
        slow_readers: SlowReaders | None = None,
        clock: Clock = monotonic_clock,
    ) -> None:
        self.limit_bytes = limit_bytes
        self._answers_limit_bytes = int(ANSWERS_SHARE * limit_bytes)
        self._room_seconds = room_seconds
        self._slow_readers = slow_readers or SlowReaders()
        self._clock = clock
        self._look_seconds = min(LOOK_SECONDS, room_seconds / 10)
        self._looked_at = clock()
        self._changed = threading.Condition()
        self._used_bytes = self._answers_bytes = 0
        self._answers: set[_Charge] = set()
        self._queue: list[_Waiting] = []

    @property
    def used_bytes(self) -> int:
        """The bytes counted now."""
        return self._used_bytes

    @property
    def waiting(self) -> int:
        """How many answers wait for room."""
        return len(self._queue)

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
            What is called with the size of the answer once it is known: from then on only that is charged. Where it is
            more than was charged, it waits for room and raises as below.

        Raises:
            Overloaded: There was no room in time, too many wait for room, or nobody waits for the answer any more.
        """
        charge = _Charge(call)
        if not call.add_callback(partial(self._end, charge, has_ended=True)):
            charge.has_ended = True
        self._resize(charge, size_bytes)
        try:
            yield partial(self._resize, charge)
        finally:
            self._end(charge, is_made=True)

    def _resize(self, charge: _Charge, size_bytes: int) -> None:
        with self._changed:
            more_bytes = min(size_bytes, self._answers_limit_bytes) - charge.size_bytes
            if more_bytes > 0 and not self._is_granted(charge, more_bytes):
                raise Overloaded("the server has no memory left for this answer, try again in a moment")
            self._count(charge, more_bytes)

    def _is_granted(self, charge: _Charge, size_bytes: int) -> bool:
        return not charge.has_ended and (self._has_room(charge, size_bytes) or self._waited(charge, size_bytes))

    def _waited(self, charge: _Charge, size_bytes: int) -> bool:
        """Wait for room; return whether it came in time, and before the call ended."""
        if len(self._queue) >= MAX_WAITING:
            return False
        waiting = _Waiting(size_bytes, self._clock())
        self._queue.append(waiting)
        try:
            while (seconds := waiting.since + self._room_seconds - self._clock()) > 0:
                has_changed = self._changed.wait_for(
                    lambda: charge.has_ended or self._has_room(charge, size_bytes, waiting),
                    min(seconds, self._look_seconds),
                )
                if has_changed:
                    return not charge.has_ended
                self._end_slow_answer()
            return False
        finally:
            self._queue.remove(waiting)
            if not self._queue:
                self._slow_readers.forget()
            self._changed.notify_all()

    def _has_room(self, charge: _Charge, size_bytes: int, waiting: _Waiting | None = None) -> bool:
        if self._used_bytes + size_bytes > self.limit_bytes:
            return False
        if size_bytes <= SMALL_SHARE * self.limit_bytes:
            return True
        ahead = self._queue[: self._queue.index(waiting)] if waiting else self._queue
        # Those ahead may wait for what an answer that grows has already, so it never waits for them.
        is_turn = charge.size_bytes > 0 or not ahead or self._clock() - ahead[0].since < OVERTAKEN_SECONDS
        return is_turn and self._answers_bytes + size_bytes <= self._answers_limit_bytes

    def _end_slow_answer(self) -> None:
        if self._clock() - self._looked_at < self._look_seconds / 2:
            return  # another one that waits has looked
        self._looked_at = self._clock()
        large_bytes = SMALL_SHARE * self.limit_bytes
        answers = [charge for charge in self._answers if charge.is_made and charge.size_bytes > large_bytes]
        slow = self._slow_readers.among({charge.call.peer() for charge in answers})
        if unread := [charge for charge in answers if charge.call.peer() in slow]:
            logger.warning("answer cut off: it is read too slowly, and others wait for its memory")
            max(unread, key=lambda charge: charge.size_bytes).call.cancel()

    def _end(self, charge: _Charge, *, is_made: bool = False, has_ended: bool = False) -> None:
        with self._changed:
            charge.is_made, charge.has_ended = charge.is_made or is_made, charge.has_ended or has_ended
            if charge.is_made and charge.has_ended:
                self._count(charge, -charge.size_bytes)
            self._changed.notify_all()

    def _count(self, charge: _Charge, more_bytes: int) -> None:
        charge.size_bytes += more_bytes
        self._used_bytes += more_bytes
        self._answers_bytes += more_bytes
        (self._answers.add if charge.size_bytes else self._answers.discard)(charge)
        self._changed.notify_all()
