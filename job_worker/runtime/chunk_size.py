"""How large the chunks of a transfer are, and how long one may take."""

from collections.abc import Iterator
from contextlib import contextmanager

from shared.process.clock import Clock, monotonic_clock

FIRST_BYTES = 256 << 10
"""Takes 8 s at 256 kbit/s, and is a tenth of a second's worth of a good line."""
MIN_BYTES = 16 << 10
FAST_SECONDS = 0.5
SLOW_SECONDS = 4.0
"""A renewal of the lease waits behind the chunk that is on its way, so one chunk takes far less than a lease."""
TRANSFER_SECONDS = 600.0
"""Deadline of a call that carries a chunk."""


class ChunkSize:
    """The size of the next chunk: grows on a fast line and shrinks on a slow one.

    Args:
        max_bytes: The largest size.
        clock: Seconds that never go back.

    Attributes:
        bytes: The size.
    """

    def __init__(self, max_bytes: int, clock: Clock = monotonic_clock) -> None:
        self.bytes = min(FIRST_BYTES, max_bytes)
        self._max_bytes = max_bytes
        self._clock = clock

    def lower(self) -> bool:
        """Halve the size for good, for it was refused as too large; return whether it became smaller."""
        self._max_bytes = min(self.bytes, max(self.bytes // 2, MIN_BYTES))
        self.bytes, before = self._max_bytes, self.bytes
        return self.bytes < before

    @contextmanager
    def adapted(self) -> Iterator[None]:
        """Adapt the size to how long the block takes, in which a chunk is transferred."""
        began_at = self._clock()
        yield
        seconds = self._clock() - began_at
        if seconds < FAST_SECONDS:
            self.bytes = min(2 * self.bytes, self._max_bytes)
        elif seconds > SLOW_SECONDS:
            self.bytes = max(self.bytes // 2, min(MIN_BYTES, self._max_bytes))
