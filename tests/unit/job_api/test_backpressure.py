"""Letting requests in, as gRPC hands calls over: which are read at once, which wait, and which are refused."""

import socket
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

import pytest

from job_api.backpressure.admission import SMALL_BYTES, STREAM_THREADS, Backpressure
from job_api.backpressure.call_pool import CallPool
from job_api.backpressure.message_budget import OVERTAKEN_SECONDS, MessageBudget
from job_api.errors import ApiError, Overloaded, PayloadTooLarge
from tests.conftest import OPTIONAL
from tests.support import calls
from tests.support.clock import FakeClock
from tests.support.descriptors import no_free_descriptor
from tests.support.waiting import eventually, in_thread, opened_at_the_end

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

UPLOAD, CHUNK, OTHER = "/a.Service/Upload", "/a.Service/Chunk", "/a.Service/Other"
MIB = 1 << 20
LARGEST = 4 * MIB
LIMIT = 10 * MIB
SHORT_SECONDS = 0.02
SEND_BYTES = 1 << 16


class Call:
    """A call whose request arrives when the test says so; the bytes of the usual peer are not counted."""

    def __init__(self, method: str = UPLOAD, peer: str = "unix:") -> None:
        self.method, self.peer = method, peer
        self.has_ended, self.has_one_request = False, True
        self.is_reading, self.has_run, self.may_end = threading.Event(), threading.Event(), threading.Event()
        self.refusal: ApiError | None = None

    def read(self, on_read: Callable[[int | None], object]) -> None:
        self._on_read = on_read
        self.is_reading.set()

    def arrive(self, size_bytes: int) -> "Call":
        """Let the request arrive; it is handled until `may_end` is set."""
        self._on_read(size_bytes)
        return self

    def cancel(self) -> None:
        """Let the caller cancel while its request arrives."""
        self.has_ended = True
        self.may_end.set()
        self._on_read(None)

    def run(self) -> None:
        self.has_run.set()
        assert self.may_end.wait(20)

    def refuse(self, error: ApiError) -> None:
        self.refusal, self.has_ended = error, True
        self.may_end.set()


class Bench:
    """The calls of one server."""

    def __init__(self, room_seconds: float = 30.0, threads: int = 8, **how: Any) -> None:
        self.clock = FakeClock()
        self.budget = MessageBudget(LIMIT, clock=self.clock)
        self.pool = CallPool(threads, "rpc")
        uploads = {UPLOAD: CallPool(threads, "upload")}
        self.backpressure = Backpressure(self.budget, {UPLOAD: LARGEST, CHUNK: 2 * MIB}, uploads, room_seconds, **how)

    def admit(self, method: str = UPLOAD, peer: str = "unix:") -> Call:
        call: Any = Call(method, peer)
        self.backpressure.admit(call, self.pool)
        return call

    def late_answer(self, size_bytes: int) -> Future[None]:
        """Start an answer for which there is no room, and let it wait for long; the future ends with its waiting."""

        def charge() -> None:
            with self.budget.charged(size_bytes, calls.Call()):
                pass

        waiting = in_thread(charge)
        eventually(lambda: self.budget.waiting)
        self.clock.advance(OVERTAKEN_SECONDS)
        return waiting

    def handling(self, size_bytes: int) -> Call:
        """Return an upload that has arrived and is being handled."""
        call = self.admit().arrive(size_bytes)
        assert call.has_run.wait(20)
        return call

    def counts(self, least: float, most: float) -> None:
        """Wait until so many MiB count, with what a connection adds to them."""
        eventually(lambda: least * MIB <= self.budget.used_bytes <= (most + 0.1) * MIB, f"{least} to {most} MiB")

    def end(self, call: Call) -> None:
        """End the handling of a call, and wait until it counts no longer."""
        before = self.budget.used_bytes
        call.may_end.set()
        eventually(lambda: self.budget.used_bytes < before, "its end")


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.backpressure.start()
    yield bench
    bench.backpressure.stop()


def test_a_request_counts_from_its_arrival_until_it_is_handled(bench: Bench) -> None:
    call = bench.handling(MIB)
    assert bench.budget.used_bytes == MIB
    bench.end(call)
    assert bench.budget.used_bytes == 0
    assert bench.backpressure.is_done(20)


class TestUploadsOfUnknownSize:
    def test_each_counts_as_the_largest_until_it_has_arrived(self, bench: Bench) -> None:
        first, second, third = bench.admit(), bench.admit(), bench.admit()
        assert (first.is_reading.is_set(), second.is_reading.is_set()) == (True, True)
        assert not third.is_reading.is_set()
        first.arrive(MIB).may_end.set()
        assert third.is_reading.wait(20)

    def test_they_are_let_in_as_they_came(self, bench: Bench) -> None:
        held = [bench.handling(LARGEST), bench.handling(LARGEST)]
        waiting = [bench.admit() for _ in range(4)]
        for number in range(4):
            bench.end(held[number])
            assert waiting[number].is_reading.wait(20)
            assert not any(call.is_reading.is_set() for call in waiting[number + 1 :])
            held.append(waiting[number].arrive(LARGEST))
            assert waiting[number].has_run.wait(20)

    def test_one_whose_caller_goes_while_it_waits_is_forgotten(self, bench: Bench) -> None:
        held = [bench.handling(LARGEST), bench.handling(LARGEST)]
        gone, patient = bench.admit(), bench.admit()
        gone.has_ended = True
        bench.end(held[0])
        assert patient.is_reading.wait(20)
        assert not gone.is_reading.is_set()

    def test_one_that_waits_too_long_is_refused_with_a_time_to_try_again(self) -> None:
        bench = Bench(SHORT_SECONDS)
        bench.backpressure.start()
        held = [bench.handling(LARGEST), bench.handling(LARGEST)]
        late = bench.admit()
        refusal = eventually(lambda: late.refusal, "a refusal")
        assert isinstance(refusal, Overloaded)
        assert refusal.retry_after_seconds
        for call in held:
            bench.end(call)
        bench.backpressure.stop()


class TestOtherCalls:
    @pytest.mark.parametrize("method", [CHUNK, OTHER])
    def test_they_never_wait(self, bench: Bench, method: str) -> None:
        bench.budget.add(LIMIT)
        call = bench.admit(method)
        assert call.is_reading.is_set()
        call.arrive(10)
        assert call.has_run.wait(20)
        call.may_end.set()

    def test_one_larger_than_its_rpc_takes_is_refused_and_not_handled(self, bench: Bench) -> None:
        call = bench.admit(OTHER).arrive(2 * SMALL_BYTES)
        assert isinstance(call.refusal, PayloadTooLarge)
        assert str(SMALL_BYTES) in call.refusal.message
        assert (call.has_run.is_set(), bench.budget.used_bytes) == (False, 0)

    def test_a_chunk_for_which_there_is_no_room_is_refused(self, bench: Bench) -> None:
        bench.budget.add(LIMIT)
        call = bench.admit(CHUNK).arrive(2 * SMALL_BYTES)
        assert isinstance(call.refusal, Overloaded)
        assert bench.budget.used_bytes == LIMIT


def test_a_call_with_several_requests_ends_in_time_and_holds_no_thread_of_the_others() -> None:
    bench = Bench(threads=1, stream_seconds=SHORT_SECONDS)
    calls = [Call(OTHER) for _ in range(STREAM_THREADS + 1)]
    for call in calls:
        call.has_one_request = False
        bench.backpressure.admit(call, bench.pool)  # type: ignore[arg-type]
    other = bench.admit(OTHER).arrive(10)
    assert other.has_run.wait(20)
    other.may_end.set()
    assert calls[0].refusal is None
    bench.backpressure.start()
    eventually(lambda: all(isinstance(call.refusal, Overloaded) for call in calls), "their end")
    assert bench.backpressure.is_done(20)
    bench.backpressure.stop()


def test_a_request_that_is_too_large_is_refused_with_the_advice_for_its_rpc() -> None:
    bench = Bench(advice={OTHER: "send less"})
    refusal = bench.admit(OTHER).arrive(2 * SMALL_BYTES).refusal
    assert isinstance(refusal, PayloadTooLarge)
    assert refusal.message.endswith("; send less")


def test_a_call_that_cannot_be_let_in_raises_nothing_in_the_thread_of_grpc(bench: Bench) -> None:
    class NoThreads(CallPool):
        def submit(self, *_arguments: Any, **_named: Any) -> Any:
            raise RuntimeError("can't start new thread")

    pool = NoThreads.__new__(NoThreads)
    assert not bench.backpressure.executor_for(pool).submit(lambda: None).done()


def test_a_call_without_a_thread_is_refused_and_counts_no_longer(bench: Bench) -> None:
    class NoThreads(CallPool):
        def submit(self, *_arguments: Any, **_named: Any) -> Any:
            raise RuntimeError("can't start new thread")

    call: Any = Call(OTHER)
    bench.backpressure.admit(call, NoThreads.__new__(NoThreads))
    call.arrive(10)
    assert isinstance(call.refusal, Overloaded)
    assert bench.budget.used_bytes == 0


def test_the_end_of_the_uploads_is_waited_for_no_longer_than_given(bench: Bench) -> None:
    call = bench.handling(1)
    with opened_at_the_end(call.may_end):
        assert not bench.backpressure.is_done(SHORT_SECONDS)
    assert bench.backpressure.is_done(20)


@contextmanager
def connection() -> Iterator[tuple[str, Callable[[int], None]]]:
    """Yield a peer as gRPC names it, and what sends so many bytes from there."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_connection(listening.getsockname()) as caller,
        listening.accept()[0] as server,
    ):

        def send(size_bytes: int) -> None:
            for _ in range(size_bytes // SEND_BYTES):
                caller.sendall(bytes(SEND_BYTES))
                server.recv(SEND_BYTES, socket.MSG_WAITALL)

        yield f"ipv4:127.0.0.1:{caller.getsockname()[1]}", send


@pytest.mark.skipif(sys.platform != "linux", reason=f"{OPTIONAL} only Linux counts what a connection received")
class TestAnswersThatWaitForLong:
    def test_the_largest_request_that_is_arriving_makes_room(self, bench: Bench) -> None:
        bench.budget.add(3 * MIB)
        with connection() as (of_larger, send_larger), connection() as (of_smaller, send_smaller):
            larger, smaller = bench.admit(peer=of_larger), bench.admit(CHUNK, of_smaller)
            send_larger(4 * MIB)
            send_smaller(2 * MIB)
            bench.counts(9, 9)
            assert bench.late_answer(2 * MIB).result(20) is None
            assert isinstance(larger.refusal, Overloaded)
            assert smaller.refusal is None

    def test_none_is_refused_where_that_makes_not_enough_room(self, bench: Bench) -> None:
        bench.budget.add(7 * MIB)
        with connection() as (peer, send):
            arriving = bench.admit(peer=peer)
            send(MIB)
            bench.counts(8, 8)
            waiting = bench.late_answer(4 * MIB)
            send(MIB)
            bench.counts(9, 9)
            assert arriving.refusal is None
            bench.budget.add(-7 * MIB)
            assert waiting.result(20) is None


@pytest.mark.skipif(sys.platform != "linux", reason=f"{OPTIONAL} only Linux counts what a connection received")
class TestCallsOnOneConnection:
    def test_a_look_without_a_free_descriptor_does_not_count_all_that_came_before_for_the_next_one(self) -> None:
        bench = Bench(stream_seconds=SHORT_SECONDS)
        bench.backpressure.start()
        with connection() as (peer, send):
            earlier = bench.admit(peer=peer)
            send(3 * MIB)
            bench.end(earlier.arrive(3 * MIB))
            looks = Call(OTHER)
            looks.has_one_request = False
            with no_free_descriptor():
                bench.backpressure.admit(looks, bench.pool)  # type: ignore[arg-type]
                eventually(lambda: looks.refusal, "a look")
            call = bench.admit(OTHER, peer)
            send(SEND_BYTES)
            eventually(lambda: call.refusal or bench.budget.used_bytes, "the next look")
            assert call.refusal is None
            call.arrive(10).may_end.set()
        bench.backpressure.stop()

    def test_one_that_is_cancelled_counts_no_longer_although_others_go_on(self, bench: Bench) -> None:
        with connection() as (peer, send):
            cancelled = bench.admit(peer=peer)
            send(3 * MIB)
            bench.counts(3, 3)
            other = bench.admit(peer=peer)
            cancelled.cancel()
            bench.counts(0, 0)
            send(MIB)
            bench.counts(1, 1)
            bench.end(other.arrive(MIB))

    def test_what_a_cancelled_one_sent_makes_no_other_too_large(self, bench: Bench) -> None:
        with connection() as (peer, send):
            cancelled = bench.admit(peer=peer)
            send(3 * MIB)
            small = bench.admit(OTHER, peer)
            cancelled.cancel()
            bench.counts(0, 0)
            assert small.refusal is None
            bench.end(small.arrive(10))

    def test_what_they_sent_is_shared_out_among_them_until_one_has_arrived(self, bench: Bench) -> None:
        with connection() as (peer, send):
            first, second = bench.admit(peer=peer), bench.admit(peer=peer)
            send(3 * MIB)
            bench.counts(3, 3)
            first.arrive(2 * MIB)
            bench.counts(2.9, 3)
            second.cancel()
            bench.counts(2, 2)
            bench.end(first)

    def test_no_more_is_hidden_behind_cancelled_ones_than_is_trusted(self, bench: Bench) -> None:
        with connection() as (peer, send):
            large = bench.admit(peer=peer)
            for arriving, left in [(4, 2), (6, 3.3), (7.3, 7.3)]:
                cancelled = bench.admit(peer=peer)
                send(LARGEST)
                bench.counts(arriving - 0.1, arriving)
                cancelled.cancel()
                bench.counts(left - 0.1, left)
            send(SEND_BYTES)
            bench.counts(7.4, 7.4)
            bench.end(large.arrive(LARGEST))
        assert bench.budget.used_bytes == 0
