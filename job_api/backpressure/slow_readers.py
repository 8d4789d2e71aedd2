"""Find the connections whose callers read too slowly, for where others wait for the memory of their responses."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from job_api.backpressure.connection_bytes import sent_bytes
from shared.contract.channel import SLOWEST_BYTES_PER_SECOND
from shared.process.clock import Clock, monotonic_clock

PATIENCE_SECONDS = 20.0
"""A connection is slow if it carries less in this time than the slowest link does in half of it. The other half allows
for stalls and for other traffic on the link."""

SentBytes = Callable[[Collection[str]], Mapping[str, int] | None]
"""Returns what was sent to each of some peers so far; None where that cannot be known now."""


@dataclass(frozen=True, slots=True)
class _Mark:
    """A time, and what had been sent to a peer by then."""

    at: float
    sent_bytes: int


class SlowReaders:
    """Compares what connections read with what the slowest link carries.

    All responses on a connection share it, so that no single one of them says how fast it is.

    Args:
        slowest_bytes_per_second: What the slowest link carries.
        sent_bytes: What was sent to peers.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        slowest_bytes_per_second: int = SLOWEST_BYTES_PER_SECOND,
        sent_bytes: SentBytes = sent_bytes,
        clock: Clock = monotonic_clock,
    ) -> None:
        self._least_bytes = slowest_bytes_per_second * PATIENCE_SECONDS / 2
        self._sent_bytes = sent_bytes
        self._clock = clock
        self._marks: dict[str, _Mark] = {}

    def among(self, peers: Collection[str]) -> set[str]:
        """Look at peers that are sent responses; return those that have read too little since earlier looks."""
        now, sent_bytes = self._clock(), self._sent_bytes(peers)
        if sent_bytes is None:
            return set()
        self._marks = {peer: self._mark(peer, _Mark(now, sent)) for peer, sent in sent_bytes.items()}
        return {peer for peer, mark in self._marks.items() if now - mark.at >= PATIENCE_SECONDS}

    def forget(self) -> None:
        """Forget all earlier looks: nobody waits any more."""
        self._marks.clear()

    def _mark(self, peer: str, new: _Mark) -> _Mark:
        old = self._marks.get(peer, new)
        return old if new.sent_bytes - old.sent_bytes < self._least_bytes else new
