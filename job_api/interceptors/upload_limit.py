"""The limit on uploads: how many may be under way at one time, and how many bytes of them may be in memory.

gRPC reads the request of a unary call, whole, on the thread that then handles it. A call whose thread waits is not
read: HTTP/2 flow control stops its caller, which can send no more than fits its window. So the limit works on threads,
in three steps of one call:

1. `intercept_service`, on the server's own thread, makes the call's `Upload` and a handler that refers to it.
2. gRPC looks up the thread pool at that handler's function. It finds a pool made for this call, whose thread waits for
   room and only then lets gRPC read the request.
3. The handler's deserializer, which gets the request's bytes, releases the room that the upload does not need.

gRPC cannot answer a unary call without reading it. Refused uploads are read one after the other on a single thread and
dropped, so that all of them together take the memory of one.
"""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc

from job_api.call_pool import CallPool
from job_api.errors import Overloaded

__all__ = ["ROOM_SECONDS", "UploadLimit"]

ROOM_SECONDS = 30.0
"""How long an upload waits for room before it is refused; in that time a few large ones may pass ahead of it."""


@dataclass(slots=True, eq=False)
class _Upload:
    """One call that carries an upload.

    Attributes:
        size_bytes: What it counts for: the largest request until it is read, then its own size.
        refusal: Why it is refused, or None.
    """

    size_bytes: int = 0
    refusal: Overloaded | None = None


class UploadLimit(grpc.ServerInterceptor):
    """Runs the calls of one method on threads of their own, within a number of calls and of bytes.

    It must stand inside the interceptor that maps errors. An interceptor around it must keep the attributes of the
    handler's function (`functools.wraps` does), because gRPC looks for the thread pool there.
    """

    def __init__(
        self,
        method: str,
        *,
        max_uploads: int,
        max_bytes: int,
        largest_bytes: int,
        threads: int,
        room_seconds: float = ROOM_SECONDS,
    ) -> None:
        """Limit the calls of a method.

        Args:
            method: The full name of the RPC, `/package.Service/Method`.
            max_uploads: The most uploads under way at one time, waiting ones included.
            max_bytes: The most bytes of uploads in memory at one time; a single upload may have more.
            largest_bytes: The size of the largest request, which an upload counts for until it is read.
            threads: How many uploads are read and handled at one time.
            room_seconds: How long an upload waits for room before it is refused.
        """
        self._method = method
        self._room = _Room(max_uploads, max_bytes, largest_bytes, room_seconds)
        self._uploads = CallPool(threads, "upload")
        self._refusals = CallPool(1, "refusal")

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        """Return a handler for this one call; calls of other methods keep theirs."""
        handler = continuation(handler_call_details)
        if handler is None or handler_call_details.method != self._method:
            return handler
        upload = _Upload()

        def read(serialized: bytes) -> Any:
            self._room.shrink(upload, len(serialized))
            return handler.request_deserializer(serialized)

        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            if upload.refusal:
                raise upload.refusal
            return handler.unary_unary(request, context)

        # gRPC looks for this name at the function; its own health service uses it too.
        answer.experimental_thread_pool = _PoolOfOneCall(partial(self._start, upload))  # type: ignore[attr-defined]
        return grpc.unary_unary_rpc_method_handler(answer, read, handler.response_serializer)

    def is_done(self, timeout_seconds: float) -> bool:
        """Wait for the end of all uploads; return whether it came in time."""
        return self._uploads.is_done(timeout_seconds) and self._refusals.is_done(timeout_seconds)

    def _start(self, upload: _Upload, run: Callable[[], Any]) -> "Future[Any]":
        self._room.enter(upload)
        if upload.refusal:
            return self._refusals.submit(run)
        return self._uploads.submit(self._run_with_room, upload, run)

    def _run_with_room(self, upload: _Upload, run: Callable[[], Any]) -> Any:
        try:
            self._room.wait(upload)
            return self._refusals.submit(run).result() if upload.refusal else run()
        finally:
            self._room.leave(upload)  # whatever the call came to, nothing of it is in memory any more


class _PoolOfOneCall(ThreadPoolExecutor):
    """The thread pool that gRPC finds at one call's handler; gRPC takes no other type. It has no threads of its own."""

    def __init__(self, start: Callable[[Callable[[], Any]], "Future[Any]"]) -> None:
        super().__init__(1)
        self._start = start

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> "Future[Any]":
        return self._start(partial(call, *arguments, **named))


class _Room:
    """Counts the uploads under way and their bytes.

    Nobody knows how large a request is before it is read. So an upload counts for the largest request until it is read,
    then for its own size. While there is no room for a largest one, the next waits; the first to come is the first in.
    """

    def __init__(self, max_uploads: int, max_bytes: int, largest_bytes: int, seconds: float) -> None:
        self._max_uploads = max_uploads
        self._max_bytes = max_bytes
        self._largest_bytes = largest_bytes
        self._seconds = seconds
        self._changed = threading.Condition()
        self._under_way: set[_Upload] = set()
        self._waiting: deque[_Upload] = deque()
        self._bytes = 0

    def enter(self, upload: _Upload) -> None:
        """Count the upload until it leaves, or refuse it where too many are under way."""
        with self._changed:
            if len(self._under_way) >= self._max_uploads:
                self._refuse(upload)
            else:
                self._under_way.add(upload)
                self._waiting.append(upload)

    def wait(self, upload: _Upload) -> None:
        """Wait until the upload may be read; refuse it where that takes too long."""
        with self._changed:
            has_room = self._changed.wait_for(lambda: self._is_next(upload), self._seconds)
            self._waiting.remove(upload)
            if not has_room:
                self._refuse(upload)
            self._count(upload, self._largest_bytes if has_room else 0)

    def shrink(self, upload: _Upload, size_bytes: int) -> None:
        """Count the upload with its own size, now that it is read; it never counts for more than it was let in with."""
        with self._changed:
            self._count(upload, min(size_bytes, upload.size_bytes))

    def leave(self, upload: _Upload) -> None:
        """Count the upload no longer."""
        with self._changed:
            self._under_way.discard(upload)
            self._count(upload, 0)

    def _is_next(self, upload: _Upload) -> bool:
        """Return whether it is the upload's turn and the largest request fits; a single upload always does."""
        has_room = self._bytes == 0 or self._bytes + self._largest_bytes <= self._max_bytes
        return self._waiting[0] is upload and has_room

    def _refuse(self, upload: _Upload) -> None:
        upload.refusal = Overloaded(f"{len(self._under_way)} uploads are under way, try again in a moment")

    def _count(self, upload: _Upload, size_bytes: int) -> None:
        self._bytes += size_bytes - upload.size_bytes
        upload.size_bytes = size_bytes
        self._changed.notify_all()
