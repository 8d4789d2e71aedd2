"""The one budget of bytes that all messages in flight come out of, requests and responses."""

import logging
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from job_api.backpressure.slow_readers import SlowReaders
from job_api.errors import Overloaded
from shared.process.clock import Clock, monotonic_clock

logger = logging.getLogger(__name__)

ROOM_SECONDS = 30.0
"""How long a call waits for room before it is refused; in that time a few large messages may pass ahead of it."""
RESPONSES_SHARE = 0.5
"""The most of the budget that responses take, for their callers may read them slowly: requests always have the rest."""
SMALL_SHARE = 1 / 128
"""A response of at most this share of the budget (8 MiB of 1 GiB) needs room in the whole of it alone: status calls and
parts of videos must not wait for somebody who reads slowly."""
MAX_WAITING = 16
"""The most responses that wait for room: each of them holds a thread."""
OVERTAKEN_SECONDS = 5.0
"""Responses that need less room may pass one that waits for so long; after that they wait behind it, and requests that
are still arriving make room for it."""
CHECK_SECONDS = 1.0
"""Between two looks, by those that wait, for responses that are read too slowly."""


class Call(Protocol):
    """What is charged: `grpc.ServicerContext`."""

    def add_callback(self, callback: Callable[[], None], /) -> bool:
        """Have a function called at the call's end; return False where it has ended already."""

    def cancel(self) -> object:
        """End the call, whose response is read too slowly."""

    def peer(self) -> str:
        """Return who calls, as gRPC names it."""


@dataclass(slots=True, eq=False)
class _Charge:
    """What a response counts for, until it was made and its call has ended."""

    call: Call
    size_bytes: int = 0
    is_made: bool = False
    has_ended: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    """A response that waits for so much more room."""

    charge: _Charge
    more_bytes: int
    since: float


class MessageBudget:
    """Counts the bytes of messages.

    Requests are counted as they arrive, whether there is room or not: who reads them sees to it that there is, for
    `due_bytes` too. A response is charged before it is made, and waits for room. Those that wait have their turn in
    their order, and end responses that are read too slowly.

    Args:
        limit_bytes: The most bytes at one time.
        room_seconds: How long a charge waits for room.
        slow_readers: Finds the responses that are read too slowly.
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
        self._responses_limit_bytes = int(RESPONSES_SHARE * limit_bytes)
        self._room_seconds = room_seconds
        self._slow_readers = slow_readers or SlowReaders()
        self._clock = clock
        self._check_seconds = min(CHECK_SECONDS, room_seconds / 10)
        self._looked_at = clock()
        self._changed = threading.Condition()
        self._used_bytes = self._responses_bytes = 0
        self._responses: set[_Charge] = set()
        self._queue: list[_Waiting] = []

    @property
    def used_bytes(self) -> int:
        """The bytes counted now."""
        return self._used_bytes

    @property
    def waiting(self) -> int:
        """How many responses wait for room."""
        return len(self._queue)

    @property
    def due_bytes(self) -> int:
        """What the first response needs that has waited for long and that others leave room for; 0 for none."""
        with self._changed:
            due = (each.more_bytes for each in self._queue if self._is_due(each) and self._lacks_share(each) <= 0)
            return next(due, 0)

    def add(self, size_bytes: int) -> None:
        """Count bytes that are there already or, if negative, are no longer."""
        with self._changed:
            self._used_bytes += size_bytes
            self._changed.notify_all()

    @contextmanager
    def charged(self, size_bytes: int, call: Call) -> Iterator[Callable[[int], None]]:
        """Charge a response: until the block has ended and the call too, with its response sent.

        Args:
            size_bytes: What the response takes in memory while it is made; more than responses may take counts as that.
            call: The call that it responds to.

        Yields:
            What is called with the size of the response once it is known: from then on only that is charged. Where it
            is more than was charged, it waits for room and raises as below.

        Raises:
            Overloaded: There was no room in time, too many wait for room, or nobody waits for the response any more.
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
            more_bytes = min(size_bytes, self._responses_limit_bytes) - charge.size_bytes
            waiting = _Waiting(charge, more_bytes, self._clock())
            if more_bytes <= 0:
                self._count(charge, more_bytes)
            if more_bytes <= 0 or self._takes(waiting):
                return
            can_wait = not charge.has_ended and len(self._queue) < MAX_WAITING
            if can_wait:
                self._queue.append(waiting)
        if not can_wait or not self._waited(waiting):
            raise Overloaded("the server has no memory left for this answer, try again in a moment")

    def _waited(self, waiting: _Waiting) -> bool:
        """Wait for room and take it; return whether it came in time, and before the call ended."""
        try:
            while (seconds := waiting.since + self._room_seconds - self._clock()) > 0:
                with self._changed:
                    has_ended_or_room = self._changed.wait_for(
                        lambda: waiting.charge.has_ended or self._takes(waiting), min(seconds, self._check_seconds)
                    )
                    if has_ended_or_room:
                        return not waiting.charge.has_ended
                self._end_slow_responses()
            return False
        finally:
            with self._changed:
                self._queue.remove(waiting)
                if not self._queue:
                    self._slow_readers.forget()
                self._changed.notify_all()

    def _takes(self, waiting: _Waiting) -> bool:
        """Count it where there is room and it is its turn; return whether."""
        has_room = max(self._lacks(waiting), self._lacks_share(waiting)) <= 0
        if waiting.charge.has_ended or not has_room or not self._is_turn(waiting):
            return False
        self._count(waiting.charge, waiting.more_bytes)
        return True

    def _is_turn(self, waiting: _Waiting) -> bool:
        first = self._queue[0] if self._queue else waiting
        # Those ahead may wait for what a response that grows has already, so it never waits for them.
        may_pass = self._is_small(waiting) or waiting.charge.size_bytes > 0
        return may_pass or waiting is first or not self._is_due(first)

    def _is_due(self, waiting: _Waiting) -> bool:
        return self._clock() - waiting.since >= OVERTAKEN_SECONDS

    def _is_small(self, waiting: _Waiting) -> bool:
        return waiting.more_bytes <= SMALL_SHARE * self.limit_bytes

    def _lacks(self, waiting: _Waiting) -> int:
        """Return by how many bytes the budget would be exceeded."""
        return self._used_bytes + waiting.more_bytes - self.limit_bytes

    def _lacks_share(self, waiting: _Waiting) -> int:
        """Return by how many bytes what responses may take would be exceeded, to which small ones are not held."""
        lacks_bytes = self._responses_bytes + waiting.more_bytes - self._responses_limit_bytes
        return 0 if self._is_small(waiting) else lacks_bytes

    def _end_slow_responses(self) -> None:
        with self._changed:
            if self._clock() - self._looked_at < self._check_seconds / 2:
                return  # another one that waits has looked
            self._looked_at = self._clock()
            peers = {charge.call.peer() for charge in self._responses if charge.is_made}
        slow = self._slow_readers.among(peers)  # without the lock, which gRPC's own thread takes, for it reads files
        with self._changed:
            in_the_way = self._in_the_way(slow)
        for charge in in_the_way:
            logger.warning("answer cut off: it is read too slowly, and others wait for its memory")
            charge.call.cancel()

    def _in_the_way(self, slow: Collection[str]) -> list[_Charge]:
        """Return the largest responses on slow connections whose end makes room for the first that waits, or none."""
        made = [charge for charge in self._responses if charge.is_made and charge.call.peer() in slow]
        first, in_the_way = self._queue[0], list[_Charge]()
        lacks_bytes = max(self._lacks(first), self._lacks_share(first))
        if lacks_bytes > sum(charge.size_bytes for charge in made):
            return []
        for charge in sorted(made, key=lambda charge: -charge.size_bytes):
            if lacks_bytes > 0:
                in_the_way.append(charge)
                lacks_bytes -= charge.size_bytes
        return in_the_way

    def _end(self, charge: _Charge, *, is_made: bool = False, has_ended: bool = False) -> None:
        with self._changed:
            charge.is_made, charge.has_ended = charge.is_made or is_made, charge.has_ended or has_ended
            if charge.is_made and charge.has_ended:
                self._count(charge, -charge.size_bytes)
            self._changed.notify_all()

    def _count(self, charge: _Charge, more_bytes: int) -> None:
        charge.size_bytes += more_bytes
        self._used_bytes += more_bytes
        self._responses_bytes += more_bytes
        (self._responses.add if charge.size_bytes else self._responses.discard)(charge)
        self._changed.notify_all()
