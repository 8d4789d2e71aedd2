"""Limiting uploads and their bytes, before and after they are read: the interceptor as gRPC calls it."""

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import grpc
import pytest

from job_api.errors import Overloaded
from job_api.interceptors.upload_limit import UploadLimit
from tests.support.waiting import in_thread, opened_at_the_end

pytestmark = pytest.mark.unit

METHOD = "/a.Service/Upload"
LARGEST = 60
MAX_BYTES = 100
SHORT_SECONDS = 0.02


def limit(room_seconds: float = 30.0, *, max_uploads: int = 3, threads: int = 3) -> UploadLimit:
    return UploadLimit(
        METHOD,
        max_uploads=max_uploads,
        max_bytes=MAX_BYTES,
        largest_bytes=LARGEST,
        threads=threads,
        room_seconds=room_seconds,
    )


def handler_of(limit: UploadLimit, handle: Callable[[bytes], object], method: str = METHOD) -> grpc.RpcMethodHandler:
    inner = grpc.unary_unary_rpc_method_handler(lambda request, _context: handle(request), bytes)
    return limit.intercept_service(lambda _details: inner, SimpleNamespace(method=method))  # type: ignore[arg-type]


class Upload:
    """One call, served as gRPC serves it: its request is read and handled on a thread of the pool that it finds.

    Attributes:
        is_reading: Set when the reading begins.
        is_handling: Set when the handling begins.
        outcome: What the call came to.
    """

    def __init__(
        self, limit: UploadLimit, size_bytes: int = 1, *, read: bool = True, handle: Callable[[bytes], object] = len
    ) -> None:
        self.size_bytes = size_bytes
        self.is_reading, self.is_handling = threading.Event(), threading.Event()
        self._may_read, self._may_end = threading.Event(), threading.Event()
        self._handle = handle
        if read:
            self.read()
            self.end()
        self._handler = handler_of(limit, self._handled)
        pool = self._handler.unary_unary.experimental_thread_pool
        self.outcome = pool.submit(self._serve)

    def read(self) -> None:
        """Let the request arrive."""
        self._may_read.set()

    def end(self) -> object:
        """Let the request arrive and its handling end."""
        self._may_read.set()
        self._may_end.set()

    def _serve(self) -> object:
        self.is_reading.set()
        assert self._may_read.wait(20)
        assert self._handler.request_deserializer
        request = self._handler.request_deserializer(bytes(self.size_bytes))
        return self._handler.unary_unary(request, None)

    def _handled(self, request: bytes) -> object:
        self.is_handling.set()
        assert self._may_end.wait(20)
        return self._handle(request)


def unread(limit: UploadLimit, size_bytes: int = 1) -> Upload:
    """Return an upload whose request is still on its way."""
    upload = Upload(limit, size_bytes, read=False)
    assert upload.is_reading.wait(20)
    return upload


def handled(limit: UploadLimit, size_bytes: int) -> Upload:
    """Return an upload that was read and whose handling has begun."""
    upload = unread(limit, size_bytes)
    upload.read()
    assert upload.is_handling.wait(20)
    return upload


def is_refused(upload: Upload) -> bool:
    return isinstance(upload.outcome.exception(20), Overloaded)


class TestUploadsThatAreRead:
    def test_one_is_handled_and_answered(self) -> None:
        assert Upload(limit(), 5).outcome.result(20) == 5

    def test_too_many_at_once_are_refused_with_a_time_to_try_again(self) -> None:
        limited = limit(max_uploads=2)
        first, second = handled(limited, 1), handled(limited, 1)
        refusal = Upload(limited).outcome.exception(20)
        assert isinstance(refusal, Overloaded)
        assert refusal.message == "2 uploads are under way, try again in a moment"
        assert refusal.retry_after_seconds
        for upload in (first, second):
            upload.end()
            assert upload.outcome.result(20) == 1
        assert limited.is_done(20)
        assert Upload(limited).outcome.result(20) == 1

    def test_one_is_counted_as_what_it_is_once_it_is_read(self) -> None:
        limited = limit(SHORT_SECONDS)
        first = handled(limited, MAX_BYTES - LARGEST)
        assert not is_refused(Upload(limited))
        first.end()

    def test_too_many_bytes_at_once_are_refused(self) -> None:
        limited = limit(SHORT_SECONDS)
        first = handled(limited, MAX_BYTES - LARGEST + 1)
        assert is_refused(Upload(limited))
        first.end()

    def test_one_never_counts_for_more_than_the_largest(self) -> None:
        limited = UploadLimit(
            METHOD, max_uploads=3, max_bytes=2, largest_bytes=1, threads=3, room_seconds=SHORT_SECONDS
        )
        first = handled(limited, 10**6)
        assert not is_refused(Upload(limited))
        first.end()

    def test_one_alone_always_passes(self) -> None:
        limited = UploadLimit(METHOD, max_uploads=3, max_bytes=1, largest_bytes=LARGEST, threads=3)
        for _ in range(3):
            assert Upload(limited, LARGEST).outcome.result(20) == LARGEST

    def test_one_that_fails_is_no_longer_counted(self) -> None:
        limited = limit(SHORT_SECONDS)
        for _ in range(10):
            assert isinstance(Upload(limited, LARGEST, handle=lambda _: 1 / 0).outcome.exception(20), ZeroDivisionError)
            assert limited.is_done(20)

    def test_one_whose_request_never_arrives_is_no_longer_counted(self) -> None:
        limited = limit(SHORT_SECONDS, max_uploads=1)
        for _ in range(10):  # gRPC reads nothing, as when the caller has cancelled
            pool = handler_of(limited, len).unary_unary.experimental_thread_pool  # type: ignore[union-attr]
            pool.submit(lambda: None).result(20)
            assert limited.is_done(20)
        assert Upload(limited).outcome.result(20) == 1

    def test_one_that_is_refused_is_not_counted(self) -> None:
        limited = limit(SHORT_SECONDS)
        first = handled(limited, LARGEST)
        for _ in range(10):
            assert is_refused(Upload(limited, LARGEST))
        first.end()
        assert limited.is_done(20)
        assert not is_refused(Upload(limited, LARGEST))


class TestUploadsThatAreNotReadYet:
    def test_one_is_counted_as_the_largest_until_it_is_read(self) -> None:
        limited = limit(SHORT_SECONDS)
        first = unread(limited)
        assert is_refused(Upload(limited))
        first.end()

    def test_one_waits_before_it_is_read_until_another_turns_out_to_be_small(self) -> None:
        limited = limit()
        first, second = unread(limited), Upload(limited)
        assert not second.is_reading.is_set()
        first.read()
        assert second.outcome.result(20) == 1
        assert not first.outcome.done()
        first.end()

    def test_one_that_ends_makes_room_for_the_next(self) -> None:
        limited = limit()
        first, second = handled(limited, LARGEST), Upload(limited)
        first.end()
        assert not is_refused(second)

    def test_they_are_let_in_as_they_came(self) -> None:
        limited, order = limit(max_uploads=10, threads=10), list[int]()
        first = unread(limited, LARGEST)
        later = [
            Upload(limited, LARGEST, handle=lambda _, number=number: order.append(number))  # type: ignore[misc]
            for number in range(8)
        ]
        first.end()
        for upload in later:
            upload.outcome.result(20)
        assert order == list(range(8))

    def test_one_that_has_waited_too_long_is_refused_and_does_not_hold_up_the_next(self) -> None:
        limited = limit(SHORT_SECONDS)
        first = unread(limited)
        assert is_refused(Upload(limited))
        first.end()
        assert limited.is_done(20)
        assert not is_refused(Upload(limited))


class TestRefusals:
    def test_they_are_read_one_after_the_other_and_not_handled(self) -> None:
        limited, handled_ones = limit(max_uploads=1), list[bytes]()
        first = unread(limited)
        refused = [Upload(limited, read=False, handle=handled_ones.append) for _ in range(20)]
        for number, upload in enumerate(refused):
            assert upload.is_reading.wait(20)
            assert not any(later.is_reading.is_set() for later in refused[number + 1 :])
            upload.end()
            assert is_refused(upload)
        assert handled_ones == []
        first.end()

    def test_those_that_waited_too_long_stand_in_the_same_queue(self) -> None:
        limited = limit(SHORT_SECONDS, max_uploads=2)
        first = unread(limited)
        late = unread(limited)  # it is read, but only to be refused
        too_many = Upload(limited, read=False)
        assert not too_many.is_reading.is_set()
        late.end()
        assert is_refused(late)
        too_many.end()
        assert is_refused(too_many)
        first.end()


def test_calls_of_other_methods_keep_their_handler() -> None:
    handler = handler_of(limit(), len, "/a.Service/Other")
    assert not hasattr(handler.unary_unary, "experimental_thread_pool")
    assert limit().intercept_service(lambda _: None, SimpleNamespace(method=METHOD)) is None  # type: ignore[arg-type]


def test_the_end_of_the_calls_is_waited_for_no_longer_than_the_timeout() -> None:
    limited, let_go = limit(), threading.Event()
    with opened_at_the_end(let_go):
        under_way: Any = Upload(limited, handle=lambda _: let_go.wait(20))
        assert under_way.is_handling.wait(20)
        assert not limited.is_done(SHORT_SECONDS)
    assert in_thread(lambda: limited.is_done(20)).result(20)
