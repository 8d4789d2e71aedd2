"""How requests arrive: read without a thread, counted as they come, and the largest refused where memory would end.

gRPC hands a request over when it has the whole of it, and nobody knows its size before. So this reads how much each
connection has received, a few times a second while a request is on its way:

- A request is read at once. One that grows larger than any request of its RPC is refused.
- An upload waits unread, and HTTP/2 stops its caller after 64 KiB, while those before it may take the whole budget. One
  that has just begun counts as the largest there may be, then as what it will be in a few seconds at the speed it
  comes. So two fast ones hold back a third for the seconds that they take, and slow ones nobody. One that sends less
  than those 64 KiB passes all of them.
- Where the budget is passed all the same, or a response has waited long for room, the largest request that is still
  arriving is refused.
- A call with several requests, as reflection's, holds a thread. All of them share a few, each for a few seconds.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import MappingProxyType

from job_api.backpressure.call_pool import CallPool
from job_api.backpressure.connection_bytes import is_counted, is_counting_system, received_bytes
from job_api.backpressure.grpc_executor import GrpcExecutor
from job_api.backpressure.message_budget import ROOM_SECONDS, MessageBudget
from job_api.backpressure.pending_requests import PeerConnection, PendingRequest, on_the_wire
from job_api.backpressure.unread_calls import IS_KNOWN_GRPC, UnreadCall
from job_api.errors import ApiError, Overloaded, PayloadTooLarge

logger = logging.getLogger(__name__)

SMALL_BYTES = 64 << 10
"""The largest request of an RPC that carries no file. A request of which less has come is not refused for another."""
SAMPLING_SECONDS = 0.05
"""Between two samples of the connections: a fast network brings 50 MB in it, for which the memory bound has room."""
MAX_SAMPLING_SHARE = 0.1
"""The most of a CPU's time that samples take, however many connections there are."""
ROOM_PATIENCE_SECONDS = 4.0
"""After this time an upload is read as soon as any room is left, if only slow requests or responses keep it waiting."""
STREAM_THREADS = 8
STREAM_SECONDS = 20.0
"""How long a call with several requests may take; listing all that reflection knows takes a few milliseconds."""
UNSURE_SECONDS = 1.0
"""How long a caller that is refused may go on sending before it hears of it."""
TRUSTED_SHARE = 0.5
"""How much of the budget ended calls may be assumed to have sent, where other calls on their connections may have sent
it instead."""


class Backpressure:
    """Admits requests as far as there is memory for them, and refuses the largest where it would end.

    Args:
        budget: What they come out of, from their first byte until they are handled.
        max_bytes: The largest request of an RPC, by its full name; of others it is `SMALL_BYTES`.
        uploads: The RPCs whose requests wait for room, by their full names, and the threads that handle them.
        prompt: Other RPCs with threads of their own, so that they wait for no call that waits for the disk.
        room_seconds: How long they wait.
        advice: The advice to the caller of an RPC whose request is too large, by full names.
        stream_seconds: How long a call with several requests may take.
    """

    def __init__(
        self,
        budget: MessageBudget,
        max_bytes: Mapping[str, int],
        uploads: Mapping[str, CallPool],
        room_seconds: float = ROOM_SECONDS,
        *,
        prompt: Mapping[str, CallPool] = MappingProxyType({}),
        advice: Mapping[str, str] = MappingProxyType({}),
        stream_seconds: float = STREAM_SECONDS,
    ) -> None:
        self._budget = budget
        self._max_bytes = max_bytes
        self._uploads = uploads
        self._pools = {**uploads, **prompt}
        self._room_seconds = room_seconds
        self._advice = advice
        self._stream_seconds = stream_seconds
        self._streams = CallPool(STREAM_THREADS, "stream")
        self._lock = threading.RLock()
        self._connections: dict[str, PeerConnection] = {}
        self._waiting: list[PendingRequest] = []
        self._handling_bytes = 0
        self._has_come, self._is_stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="backpressure", daemon=True)

    def start(self) -> None:
        """Start the thread that samples the connections."""
        self._thread.start()

    def stop(self) -> None:
        """End it; harmless where it was never started."""
        self._is_stopping.set()
        self._has_come.set()
        if self._thread.is_alive():
            self._thread.join()

    def executor_for(self, pool: CallPool) -> ThreadPoolExecutor:
        """Return what gRPC takes for its thread pool: it has requests admitted, and the pool handles them."""
        return GrpcExecutor(self.admit, pool)

    def is_done(self, timeout_seconds: float) -> bool:
        """Wait for the end of all calls on threads of its own; return whether it came in time."""
        return all(pool.is_done(timeout_seconds) for pool in (*self._pools.values(), self._streams))

    def admit(self, call: UnreadCall, pool: CallPool) -> None:
        """Have the call's request read, at once or when there is room, and then handled by a thread of the pool."""
        if call.has_ended:
            return
        now = time.monotonic()
        with self._lock:
            connection = self._connections.setdefault(call.peer, PeerConnection(is_counted(call.peer)))
            max_bytes = self._max_bytes.get(call.method, SMALL_BYTES)
            request = PendingRequest(call, max_bytes, self._pools.get(call.method, pool), now)
            connection.requests.append(request)
            if call.method in self._uploads:
                self._waiting.append(request)
                self._admit_waiting(now)
            else:
                self._begin(request, now)
        self._has_come.set()

    def _begin(self, request: PendingRequest, now: float) -> None:
        request.begun_at = now
        if request.call.has_one_request:
            request.call.read(partial(self._arrived, request))
        else:  # health's and reflection's: their handlers read it, which is only sampled
            request.pool = self._streams
            self._run(request, lambda: self._forget(request))

    def _run(self, request: PendingRequest, at_end: Callable[[], object]) -> None:
        try:
            request.pool.submit(request.call.run).add_done_callback(lambda _: at_end())
        except RuntimeError:  # no thread can be started
            logger.exception("a call cannot be handled")
            request.call.refuse(Overloaded("the server has no thread for this call, try again in a moment"))
            at_end()

    def _admit_waiting(self, now: float) -> None:
        """Begin to read uploads that wait, in their order, as far as there is room."""
        expectations = [connection.expected_bytes(now) for connection in self._connections.values()]
        expected = self._budget.used_bytes - sum(each.counted_bytes for each in self._connections.values())
        expected += sum(expected_bytes for expected_bytes, _ in expectations)
        ending = self._handling_bytes + sum(ends for _, ends in expectations)
        limit, has_room = self._budget.limit_bytes, True
        for request in [waiting for waiting in self._waiting if not waiting.call.has_ended]:
            connection, waited = self._connections[request.call.peer], now - request.came_at
            is_in_vain = waited >= ROOM_PATIENCE_SECONDS and ending + request.max_bytes <= limit
            has_room = has_room and expected + (1 if is_in_vain else request.max_bytes) <= limit
            is_late = waited >= self._room_seconds
            if has_room or connection.has_sent_little(request) or (is_late and connection.is_counted):
                self._waiting.remove(request)
                self._begin(request, now)
                expected, ending = expected + request.max_bytes, ending + request.max_bytes
            elif is_late:
                self._refuse(request, _overloaded())

    def _arrived(self, request: PendingRequest, size_bytes: int | None) -> None:
        """Have a request handled; refuse it where it is too large, or where there is no room but by refusing it."""
        if size_bytes is None:
            self._run(request, lambda: None)  # its bytes count until the next sample, which finds the last of them
            return
        with self._lock:
            if not self._forget(request, size_bytes):
                return
            self._count_handling(size_bytes)
            error = self._reason_against(request, size_bytes)
        if error:
            request.call.refuse(error)
            self._handled(size_bytes)
        else:
            self._run(request, lambda: self._handled(size_bytes))

    def _reason_against(self, request: PendingRequest, size_bytes: int) -> ApiError | None:
        if size_bytes > on_the_wire(request.max_bytes):
            return self._too_large(request)
        is_small = size_bytes <= SMALL_BYTES and request.call.method not in self._uploads
        return None if self._make_room() or is_small else _overloaded()

    def _handled(self, size_bytes: int) -> None:
        with self._lock:
            self._count_handling(-size_bytes)
            if self._waiting:
                self._admit_waiting(time.monotonic())

    def _count_handling(self, size_bytes: int) -> None:
        self._handling_bytes += size_bytes
        self._budget.add(size_bytes)

    def _forget(self, request: PendingRequest, size_bytes: int | None = None) -> bool:
        """Take the request from the lists; return whether it stood there.

        Args:
            request: The request.
            size_bytes: The size of its request; None where the call has ended without it.
        """
        with self._lock:
            connection = self._connections.get(request.call.peer)
            if connection is None or request not in connection.requests:
                return False
            if size_bytes is None:
                released = sum(each.released for each in self._connections.values()) + request.share
                connection.release(request, is_trusted=released <= TRUSTED_SHARE * self._budget.limit_bytes)
            else:
                connection.complete(request, size_bytes)
            self._count(connection)
            if request in self._waiting:
                self._waiting.remove(request)
            return True

    def _refuse(self, request: PendingRequest, error: ApiError) -> None:
        self._connections[request.call.peer].unsure_until = time.monotonic() + UNSURE_SECONDS
        self._forget(request)
        request.call.refuse(error)

    def _count(self, connection: PeerConnection) -> None:
        pending = connection.pending
        self._budget.add(pending - connection.counted_bytes)
        connection.counted_bytes = pending

    def _make_room(self) -> bool:
        """Refuse what is arriving, the largest first, until there is room; return whether the budget is kept."""
        while self._lacks() > 0:
            arriving = [
                (one.share + each.unattributed, one) for each in self._connections.values() for one in each.requests
            ]
            size_bytes, largest = max(arriving, key=lambda pair: pair[0], default=(0, None))
            if largest is None or size_bytes < SMALL_BYTES:
                break
            self._refuse(largest, _overloaded())
        return self._budget.used_bytes <= self._budget.limit_bytes

    def _lacks(self) -> int:
        """Return how many bytes are lacking, with those of a response that has waited long if refusals free them."""
        lacks_bytes = self._budget.used_bytes - self._budget.limit_bytes
        lacks_with_response = lacks_bytes + self._budget.due_bytes
        is_arriving = lacks_with_response <= sum(each.counted_bytes for each in self._connections.values())
        return lacks_with_response if is_arriving else lacks_bytes

    def _watch(self) -> None:
        pause_seconds = SAMPLING_SECONDS
        while not self._is_stopping.is_set():
            self._has_come.wait()
            self._has_come.clear()
            if self._is_stopping.wait(pause_seconds):
                return
            began = time.monotonic()
            try:
                if self._sample():
                    self._has_come.set()  # and has not arrived yet
            except Exception:
                logger.exception("sampling the connections failed, trying again")
            pause_seconds = max(SAMPLING_SECONDS, (time.monotonic() - began) / MAX_SAMPLING_SHARE)

    def _sample(self) -> bool:
        """Count what has been received since the last sample and act on it; return whether something is on its way."""
        with self._lock:
            peers = tuple(self._connections)
            ended = [one for each in self._connections.values() for one in each.requests if one.call.has_ended]
        received = received_bytes(peers)
        now = time.monotonic()
        with self._lock:
            for peer in peers:
                self._sample_connection(peer, now, received)
            for request in ended:
                self._forget(request)
            self._make_room()
            self._admit_waiting(now)
            return any(connection.requests for connection in self._connections.values())

    def _sample_connection(self, peer: str, now: float, received: Mapping[str, int] | None) -> None:
        connection = self._connections[peer]
        if received is None:
            pass  # nothing is known now, and a connection made anew would count all that it has ever received
        elif peer in received:
            connection.update(now, received[peer])
        elif not connection.requests:
            del self._connections[peer]
        if connection.is_full:
            for request in [each for each in connection.requests if each.is_too_large]:
                self._refuse(request, self._too_large(request))
        for request in tuple(connection.requests):
            if not request.call.has_one_request and now - request.came_at >= self._stream_seconds:
                self._refuse(request, Overloaded(f"this call may take {self._stream_seconds} s, call again"))
        self._count(connection)

    def _too_large(self, request: PendingRequest) -> PayloadTooLarge:
        message = f"the request is larger than this call takes, the limit is {request.max_bytes} bytes"
        advice = self._advice.get(request.call.method)
        return PayloadTooLarge(f"{message}; {advice}" if advice else message)


def refuses_arriving_requests() -> bool:
    """Return whether requests are refused here as soon as more of them has come than their RPC takes."""
    return IS_KNOWN_GRPC and is_counting_system()


def _overloaded() -> Overloaded:
    return Overloaded("more requests are under way than the server has memory for, try again in a moment")
