"""Counting uploads and their bytes, before and after they are read."""

import threading
from typing import Any

import pytest

from job_api.call_pools import UploadPool
from job_api.errors import Overloaded
from job_api.services.upload_gate import Upload, UploadGate
from tests.support.waiting import eventually, in_thread

pytestmark = pytest.mark.unit

LARGEST = 60


@pytest.fixture
def gate() -> UploadGate:
    return UploadGate(max_uploads=3, max_upload_bytes=100)


def with_room(gate: UploadGate, size_bytes: int = LARGEST) -> Upload:
    upload = gate.enter()
    gate.wait_for_room(upload, size_bytes)
    return upload


def waiting(gate: UploadGate, size_bytes: int = LARGEST) -> Any:
    """Starts to wait for room, behind all that wait already."""
    before = len(gate._waiting)
    future = in_thread(lambda: with_room(gate, size_bytes))
    eventually(lambda: len(gate._waiting) > before, "the upload to wait")
    return future


class TestUploadsThatAreRead:
    def test_too_many_at_once_are_refused(self, gate: UploadGate) -> None:
        with gate.pass_through(1), gate.pass_through(1):
            with gate.pass_through(1), pytest.raises(Overloaded) as raised, gate.pass_through(1):
                pass
            assert raised.value.retry_after_seconds
            with gate.pass_through(1):
                pass

    def test_too_many_bytes_at_once_are_refused(self, gate: UploadGate) -> None:
        with gate.pass_through(60):
            with pytest.raises(Overloaded), gate.pass_through(41):
                pass
            with gate.pass_through(40):
                pass

    def test_one_alone_always_passes(self, gate: UploadGate) -> None:
        with gate.pass_through(10**9), pytest.raises(Overloaded), gate.pass_through(1):
            pass
        with gate.pass_through(100), gate.pass_through(0):
            pass

    def test_one_that_fails_is_no_longer_counted(self, gate: UploadGate) -> None:
        for _ in range(10):
            with pytest.raises(LookupError), gate.pass_through(100):
                raise LookupError
        with gate.pass_through(100):
            pass

    def test_one_that_is_refused_is_not_counted(self, gate: UploadGate) -> None:
        with gate.pass_through(99):
            for _ in range(10):
                with pytest.raises(Overloaded), gate.pass_through(50):
                    pass
            with gate.pass_through(1):
                pass


class TestUploadsThatAreNotReadYet:
    def test_one_is_counted_as_the_largest_until_it_is_read(self, gate: UploadGate) -> None:
        first = with_room(gate)
        second = waiting(gate)
        with gate.on_this_thread(first), gate.pass_through(40):
            assert second.result(10).size_bytes == LARGEST

    def test_one_that_leaves_makes_room_for_the_next(self, gate: UploadGate) -> None:
        first = with_room(gate)
        second = waiting(gate)
        gate.leave(first)
        assert not second.result(10).is_refused

    def test_they_are_let_in_as_they_came_even_where_a_later_one_would_fit(self, gate: UploadGate) -> None:
        first = with_room(gate)
        second, third = waiting(gate), waiting(gate, 10)
        gate.leave(first)
        gate.leave(second.result(10))
        assert not third.result(10).is_refused

    def test_one_that_has_waited_too_long_is_refused_and_does_not_hold_up_the_next(self) -> None:
        gate = UploadGate(max_uploads=3, max_upload_bytes=100, room_seconds=0.02)
        first = with_room(gate)
        late = with_room(gate)
        with gate.on_this_thread(late), pytest.raises(Overloaded), gate.pass_through(1):
            pass
        gate.leave(first)
        assert not with_room(gate).is_refused

    def test_one_too_many_is_refused_when_it_comes(self, gate: UploadGate) -> None:
        for _ in range(3):
            gate.enter()
        refused = gate.enter()
        with gate.on_this_thread(refused), pytest.raises(Overloaded), gate.pass_through(1):
            pass


class TestThePool:
    def test_a_call_leaves_the_gate_however_it_ends(self, gate: UploadGate) -> None:
        pool = UploadPool(gate, 2, LARGEST)
        call = pool.submit(lambda: 1 / 0)
        assert isinstance(call.exception(10), ZeroDivisionError)
        assert (gate._inside, gate._bytes) == (set(), 0)
        assert pool.is_done(10)

    def test_those_that_are_refused_run_one_after_the_other_on_a_thread_of_their_own(self, gate: UploadGate) -> None:
        pool = UploadPool(gate, 2, LARGEST)
        uploads = [gate.enter() for _ in range(3)]
        under_way: set[int] = set()

        def refused() -> bool:
            under_way.add(threading.get_ident())
            with pytest.raises(Overloaded), gate.pass_through(1):
                pass
            return len(under_way) == 1

        assert all(call.result(10) for call in [pool.submit(refused) for _ in range(20)])
        for upload in uploads:
            gate.leave(upload)
        assert pool.submit(lambda: None).exception(10) is None
