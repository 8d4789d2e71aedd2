"""Finds the answers whose callers read too slowly, for where others wait for their memory."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar
from weakref import WeakKeyDictionary

from job_api.connection_bytes import sent_bytes
from shared.process.clock import Clock, monotonic_clock

SLOWEST_BYTES_PER_SECOND = 500_000
"""The slowest reading that others wait for: 4 Mbit/s, below the slowest link for the largest messages."""
GRACE_SECONDS = 10.0
"""How long an answer may rest besides, counted from when somebody first waits: connections stall for a few seconds."""

SentBytes = Callable[[Collection[str]], Mapping[str, int]]
"""Returns what was sent to each of some peers so far, as far as that is known."""


class Answer(Protocol):
    """An answer that is on its way."""

    @property
    def peer(self) -> str:
        """Who reads it, as gRPC names it."""

    @property
    def size_bytes(self) -> int:
        """Its size."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """When an answer was first looked at, and what had been sent to its peer by then."""

    at: float
    sent_bytes: int | None


AnyAnswer = TypeVar("AnyAnswer", bound=Answer)


class SlowReaders:
    """Compares what answers had to be read at the least with what was.

    Args:
        sent_bytes: What was sent to peers.
        clock: Seconds that never go back.
    """

    def __init__(self, sent_bytes: SentBytes = sent_bytes, clock: Clock = monotonic_clock) -> None:
        self._sent_bytes = sent_bytes
        self._clock = clock
        self._marks = WeakKeyDictionary[Answer, _Mark]()

    def largest(self, answers: Collection[AnyAnswer]) -> AnyAnswer | None:
        """Look at the answers that are being read; return the largest of those that are read too slowly, if any."""
        now, sent = self._clock(), self._sent_bytes({answer.peer for answer in answers})
        for answer in answers:
            self._marks.setdefault(answer, _Mark(now, sent.get(answer.peer)))
        slow = (answer for answer in answers if self._is_slow(answer, now, sent.get(answer.peer)))
        return max(slow, key=lambda answer: answer.size_bytes, default=None)

    def _is_slow(self, answer: Answer, now: float, sent: int | None) -> bool:
        mark = self._marks[answer]
        least_bytes = (now - mark.at - GRACE_SECONDS) * SLOWEST_BYTES_PER_SECOND
        # Others on its connection read too, so that what was sent there never proves that this one was read.
        is_late = least_bytes > answer.size_bytes
        return is_late or (sent is not None and mark.sent_bytes is not None and sent - mark.sent_bytes < least_bytes)
