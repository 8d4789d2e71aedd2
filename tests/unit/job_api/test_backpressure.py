"""Letting requests in, as gRPC hands calls over: which are read at once, which wait, and which are refused."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from job_api.call_pool import CallPool
from job_api.errors import ApiError, Overloaded, PayloadTooLarge
from job_api.interceptors.backpressure import SMALL_BYTES, Arrivals
from job_api.message_budget import MessageBudget
from tests.support.waiting import eventually, opened_at_the_end

pytestmark = pytest.mark.unit

UPLOAD, CHUNK, OTHER = "/a.Service/Upload", "/a.Service/Chunk", "/a.Service/Other"
MIB = 1 << 20
LARGEST = 4 * MIB
LIMIT = 10 * MIB
SHORT_SECONDS = 0.02


class Call:
    """A call whose request arrives when told, from a peer whose bytes nobody counts."""

    has_one_request = True

    def __init__(self, method: str = UPLOAD) -> None:
        self.method, self.peer = method, "unix:"
        self.has_ended = False
        self.is_reading, self.has_run, self.may_end = threading.Event(), threading.Event(), threading.Event()
        self.refusal: ApiError | None = None

    def read(self, on_read: Callable[[int], object]) -> None:
        self._on_read = on_read
        self.is_reading.set()

    def arrive(self, size_bytes: int) -> "Call":
        """Lets the request arrive; it is handled until `may_end` is set."""
        self._on_read(size_bytes)
        return self

    def run(self) -> None:
        self.has_run.set()
        assert self.may_end.wait(20)

    def refuse(self, error: ApiError) -> None:
        self.refusal, self.has_ended = error, True


class Bench:
    """The calls of one server."""

    def __init__(self, room_seconds: float = 30.0, threads: int = 8) -> None:
        self.budget = MessageBudget(LIMIT)
        self._pool = CallPool(threads, "rpc")
        uploads = {UPLOAD: CallPool(threads, "upload")}
        self.arrivals = Arrivals(self.budget, {UPLOAD: LARGEST, CHUNK: 2 * MIB}, uploads, room_seconds)

    def let_in(self, method: str = UPLOAD) -> Call:
        call: Any = Call(method)
        self.arrivals.let_in(call, self._pool)
        return call

    def handling(self, size_bytes: int) -> Call:
        """Returns an upload that has arrived and is being handled."""
        call = self.let_in().arrive(size_bytes)
        assert call.has_run.wait(20)
        return call

    def end(self, call: Call) -> None:
        """Ends the handling of a call, and waits until it counts no longer."""
        before = self.budget.used_bytes
        call.may_end.set()
        eventually(lambda: self.budget.used_bytes < before, "its end")


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    bench.arrivals.start()
    yield bench
    bench.arrivals.stop()


def test_a_request_counts_from_its_arrival_until_it_is_handled(bench: Bench) -> None:
    call = bench.handling(MIB)
    assert bench.budget.used_bytes == MIB
    bench.end(call)
    assert bench.budget.used_bytes == 0
    assert bench.arrivals.is_done(20)


class TestUploadsOfUnknownSize:
    def test_each_counts_as_the_largest_until_it_has_arrived(self, bench: Bench) -> None:
        first, second, third = bench.let_in(), bench.let_in(), bench.let_in()
        assert (first.is_reading.is_set(), second.is_reading.is_set()) == (True, True)
        assert not third.is_reading.is_set()
        first.arrive(MIB).may_end.set()
        assert third.is_reading.wait(20)

    def test_they_are_let_in_as_they_came(self, bench: Bench) -> None:
        held = [bench.handling(LARGEST), bench.handling(LARGEST)]
        waiting = [bench.let_in() for _ in range(4)]
        for number in range(4):
            bench.end(held[number])
            assert waiting[number].is_reading.wait(20)
            assert not any(call.is_reading.is_set() for call in waiting[number + 1 :])
            held.append(waiting[number].arrive(LARGEST))
            assert waiting[number].has_run.wait(20)

    def test_one_whose_caller_goes_while_it_waits_is_forgotten(self, bench: Bench) -> None:
        held = [bench.handling(LARGEST), bench.handling(LARGEST)]
        gone, patient = bench.let_in(), bench.let_in()
        gone.has_ended = True
        bench.end(held[0])
        assert patient.is_reading.wait(20)
        assert not gone.is_reading.is_set()

    def test_one_that_waits_too_long_is_refused_with_a_time_to_try_again(self) -> None:
        bench = Bench(SHORT_SECONDS)
        bench.arrivals.start()
        held = [bench.handling(LARGEST), bench.handling(LARGEST)]
        late = bench.let_in()
        refusal = eventually(lambda: late.refusal, "a refusal")
        assert isinstance(refusal, Overloaded)
        assert refusal.retry_after_seconds
        for call in held:
            bench.end(call)
        bench.arrivals.stop()


class TestOtherCalls:
    @pytest.mark.parametrize("method", [CHUNK, OTHER])
    def test_they_never_wait(self, bench: Bench, method: str) -> None:
        bench.budget.add(LIMIT)
        call = bench.let_in(method)
        assert call.is_reading.is_set()
        call.arrive(10)
        assert call.has_run.wait(20)
        call.may_end.set()

    def test_one_larger_than_its_rpc_takes_is_refused_and_not_handled(self, bench: Bench) -> None:
        call = bench.let_in(OTHER).arrive(2 * SMALL_BYTES)
        assert isinstance(call.refusal, PayloadTooLarge)
        assert str(SMALL_BYTES) in call.refusal.message
        assert (call.has_run.is_set(), bench.budget.used_bytes) == (False, 0)

    def test_a_chunk_for_which_there_is_no_room_is_refused(self, bench: Bench) -> None:
        bench.budget.add(LIMIT)
        call = bench.let_in(CHUNK).arrive(2 * SMALL_BYTES)
        assert isinstance(call.refusal, Overloaded)
        assert bench.budget.used_bytes == LIMIT


def test_a_call_without_a_thread_is_refused_and_counts_no_longer(bench: Bench) -> None:
    class NoThreads(CallPool):
        def submit(self, *_arguments: Any, **_named: Any) -> Any:
            raise RuntimeError("can't start new thread")

    call: Any = Call(OTHER)
    bench.arrivals.let_in(call, NoThreads.__new__(NoThreads))
    call.arrive(10)
    assert isinstance(call.refusal, Overloaded)
    assert bench.budget.used_bytes == 0


def test_the_end_of_the_uploads_is_waited_for_no_longer_than_told(bench: Bench) -> None:
    call = bench.handling(1)
    with opened_at_the_end(call.may_end):
        assert not bench.arrivals.is_done(SHORT_SECONDS)
    assert bench.arrivals.is_done(20)
