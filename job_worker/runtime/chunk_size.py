"""How large the chunks of a transfer are."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from shared.contract.errors import reason_of
from shared.process.clock import Clock, monotonic_clock

MIN_BYTES = 16 << 10
"""The first chunk, and the next one after a failure: takes half a second at 256 kbit/s."""
CHUNK_SECONDS = 2.0
"""How long a chunk may take: a renewal of the lease waits behind it, and a link may be cut every few seconds."""


class ChunkSize:
    """The size of the next chunk, by how long the last one took; the smallest one after a failure on the way.

    Args:
        max_bytes: The largest size.
        clock: Seconds that never go back.

    Attributes:
        bytes: The size.
    """

    def __init__(self, max_bytes: int, clock: Clock = monotonic_clock) -> None:
        self.bytes = min(MIN_BYTES, max_bytes)
        self._max_bytes = max_bytes
        self._clock = clock

    def lower(self) -> bool:
        """Halve the size for good, for it was refused as too large; return whether it became smaller."""
        self._max_bytes = min(self.bytes, max(self.bytes // 2, MIN_BYTES))
        self.bytes, before = self._max_bytes, self.bytes
        return self.bytes < before

    @contextmanager
    def adapted(self) -> Iterator[None]:
        """Adapt the size to how long the block takes, in which a chunk is transferred; at most double it."""
        began_at = self._clock()
        try:
            yield
        except grpc.RpcError as error:
            if reason_of(error) is None:  # else the server answered
                self.bytes = min(MIN_BYTES, self._max_bytes)
            raise
        seconds = self._clock() - began_at
        fitting_bytes = int(self.bytes * CHUNK_SECONDS / max(seconds, CHUNK_SECONDS / 2))
        self.bytes = min(max(fitting_bytes, MIN_BYTES), self._max_bytes)
