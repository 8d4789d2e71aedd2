"""What has come from each connection, and which of its requests it counts for.

A connection says how many bytes it has received, and nothing of the requests that they belong to. Here is the
arithmetic that shares them out; it reads no clock and holds no lock.
"""

from dataclasses import dataclass, field

from job_api.backpressure.call_pool import CallPool
from job_api.backpressure.unread_calls import UnreadCall

FULL_WINDOW_BYTES = 48 * 1024
"""The caller of an unread upload can send 64 KiB; one that sent less than this does not fill its window."""
QUIET_SECONDS = 0.25
"""How long that is waited for."""
YOUNG_SECONDS = 1.0
"""How long an upload counts as the largest there may be."""
RATE_SECONDS = 0.8
"""How long bytes are counted to tell a connection's speed: less than an upload is young."""
HORIZON_SECONDS = 10.0
"""An upload counts as what it will be in this time."""
UNREAD_BYTES = 64 * 1024
"""What HTTP/2 lets the caller of an unread request send."""
HEADERS_BYTES, MAX_HEADERS_BYTES = 512, 4096
"""What the headers of a request take, mostly and at most."""


@dataclass(slots=True, eq=False)
class PendingRequest:
    """One call whose request has not arrived as a whole.

    Attributes:
        max_bytes: The largest request of its method.
        pool: The threads that will handle it.
        begun_at: When the reading began; None while it waits.
        share: What it has of the bytes that its connection received, as far as that is known.
    """

    call: UnreadCall
    max_bytes: int
    pool: CallPool
    came_at: float
    begun_at: float | None = None
    share: int = 0

    @property
    def room(self) -> int:
        """How many bytes more can be its own."""
        most = self.max_bytes if self.begun_at is not None else min(self.max_bytes, UNREAD_BYTES)
        return max(on_the_wire(most) - self.share, 0)

    @property
    def is_too_large(self) -> bool:
        """Whether all that it has been given is more than its method takes."""
        return self.share >= on_the_wire(self.max_bytes)


@dataclass(slots=True, eq=False)
class PeerConnection:
    """What has come from one peer.

    Which request a byte belongs to is not known before the request has arrived. Until then the bytes are shared out
    among all that are on their way, by what each of them may still be.

    Attributes:
        is_counted: Whether its bytes can be known.
        requests: Those of it that have not arrived as a whole, the oldest first.
        counted_bytes: What they count for in the budget.
        received: All bytes until the last sample.
        looked_at: When that was.
        counted_ahead: Bytes of requests that have arrived since, which the next sample will contain.
        released: The shares of ended calls, where others were on their way.
        unattributed: Bytes that count although they are nobody's: such shares once too much was released, and what is
            more than all requests may be.
        unsure_until: Until when bytes of a refused call may still come, so that no other is too large for sure.
        mark: A time some time ago, and what had been received then.
        rate: Bytes a second since then.
    """

    is_counted: bool
    requests: list[PendingRequest] = field(default_factory=list)
    counted_bytes: int = 0
    received: int = 0
    looked_at: float = 0.0
    counted_ahead: int = 0
    released: int = 0
    unattributed: int = 0
    unsure_until: float = 0.0
    mark: tuple[float, int] = (0.0, 0)
    rate: float = 0.0

    def update(self, now: float, received: int) -> None:
        """Take what was received until now."""
        new = received - self.received
        self._share_out(new - self.counted_ahead)
        # What came after this number was read is in the next one.
        self.counted_ahead = max(self.counted_ahead - max(new, 0), 0)
        self.received, self.looked_at = received, now
        seconds = now - self.mark[0]
        if seconds >= RATE_SECONDS:
            self.rate, self.mark = (received - self.mark[1]) / seconds, (now, received)

    def complete(self, request: PendingRequest, size_bytes: int) -> None:
        """Take a request that has arrived from the list, and correct what the others have by its size."""
        self._remove(request)
        others_bytes = request.share - on_the_wire(size_bytes, HEADERS_BYTES)
        if others_bytes >= 0:
            self._share_out(others_bytes)
        else:
            self._take(-others_bytes)

    def release(self, request: PendingRequest, *, is_trusted: bool) -> None:
        """Take a call that has ended from the list, with its share unless it still counts."""
        if is_trusted:
            self.released += request.share
        else:
            self.unattributed += request.share
        self._remove(request)

    @property
    def pending(self) -> int:
        """The bytes of its requests that have not arrived as a whole."""
        return sum(request.share for request in self.requests) + self.unattributed

    @property
    def is_full(self) -> bool:
        """Whether its requests together are certainly larger than all of them may be."""
        return self.looked_at >= self.unsure_until and not any(request.room for request in self.requests)

    def has_sent_little(self, request: PendingRequest) -> bool:
        """Return whether the caller of an unread upload sent less than it could: it has no more, or is slow."""
        is_known = self.looked_at - request.came_at >= QUIET_SECONDS and self.requests == [request]
        return is_known and request.share < FULL_WINDOW_BYTES

    def expected_bytes(self, now: float) -> tuple[int, int]:
        """Return what the requests that are read will have come to in a while, and again if they end by then."""
        read = [(request.max_bytes, request.begun_at) for request in self.requests if request.begun_at is not None]
        most = sum(max_bytes for max_bytes, _ in read)
        young = sum(max_bytes for max_bytes, begun_at in read if now - begun_at < YOUNG_SECONDS)
        coming = self.pending - self.unattributed + int(self.rate * HORIZON_SECONDS) + young
        expected = min(most, coming) if self.is_counted else most
        return self.unattributed + expected, expected if expected == most else 0

    def _share_out(self, size_bytes: int) -> None:
        total = sum(request.room for request in self.requests)
        shared = min(max(size_bytes, 0), total)
        for request in self.requests if shared else ():
            request.share += shared * request.room // total
        if self.requests:
            self.unattributed += max(size_bytes - shared, 0)

    def _take(self, size_bytes: int) -> None:
        """Take bytes away, those that are nobody's first; what has not been seen yet the next sample leaves out."""
        unowned = min(size_bytes, self.unattributed)
        total = sum(request.share for request in self.requests)
        taken = min(size_bytes - unowned, total)
        for request in self.requests if taken else ():
            request.share -= taken * request.share // total
        self.unattributed -= unowned
        self.counted_ahead += size_bytes - unowned - taken

    def _remove(self, request: PendingRequest) -> None:
        self.requests.remove(request)
        if not self.requests:
            self.released = self.unattributed = 0


def on_the_wire(size_bytes: int, headers_bytes: int = MAX_HEADERS_BYTES) -> int:
    """Return what a request of this size takes at most on its connection, with what TLS, HTTP/2 and headers add."""
    return size_bytes + size_bytes // 64 + headers_bytes
