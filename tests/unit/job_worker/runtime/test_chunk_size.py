"""How large the next chunk of a transfer is."""

import grpc
import pytest

from job_worker.runtime.chunk_size import CHUNK_SECONDS, MIN_BYTES, ChunkSize
from shared.contract.reasons import Reason
from tests.support.clock import FakeClock
from tests.support.failed_calls import failed_call

pytestmark = [pytest.mark.unit, pytest.mark.worker]

MAX_BYTES = 4 << 20
SLOWEST_LINK = 32_000


@pytest.fixture
def size(clock: FakeClock) -> ChunkSize:
    return ChunkSize(MAX_BYTES, clock)


def transfer(size: ChunkSize, clock: FakeClock, bytes_a_second: float, round_trip_seconds: float = 0.0) -> float:
    """Transfer a chunk; return how long it takes."""
    seconds = size.bytes / bytes_a_second + round_trip_seconds
    with size.adapted():
        clock.advance(seconds)
    return seconds


def test_on_a_fast_link_each_chunk_is_twice_as_large_up_to_the_largest(size: ChunkSize, clock: FakeClock) -> None:
    for expected in (MIN_BYTES, 2 * MIN_BYTES, 4 * MIN_BYTES):
        assert size.bytes == expected
        transfer(size, clock, 1e9)
    for _ in range(20):
        transfer(size, clock, 1e9)
    assert size.bytes == MAX_BYTES


@pytest.mark.parametrize("round_trip_seconds", [0.0, 0.7])
def test_every_chunk_takes_a_small_share_of_a_lease_on_a_slow_link(
    size: ChunkSize, clock: FakeClock, round_trip_seconds: float
) -> None:
    taken = [transfer(size, clock, SLOWEST_LINK, round_trip_seconds) for _ in range(20)]
    assert max(taken) < 2 * CHUNK_SECONDS
    assert taken[-1] > CHUNK_SECONDS / 2


def test_after_one_slow_chunk_the_next_one_fits_the_link(size: ChunkSize, clock: FakeClock) -> None:
    for _ in range(20):
        transfer(size, clock, 1e9)
    assert transfer(size, clock, SLOWEST_LINK) > 100
    assert transfer(size, clock, SLOWEST_LINK) <= CHUNK_SECONDS


def test_after_a_failure_the_next_chunk_is_the_smallest(size: ChunkSize, clock: FakeClock) -> None:
    for _ in range(20):
        transfer(size, clock, 1e9)
    with pytest.raises(grpc.RpcError), size.adapted():
        raise failed_call(grpc.StatusCode.UNAVAILABLE)
    assert size.bytes == MIN_BYTES


def test_after_an_answer_of_the_server_the_size_is_kept(size: ChunkSize, clock: FakeClock) -> None:
    transfer(size, clock, 1e9)
    with pytest.raises(grpc.RpcError), size.adapted():
        raise failed_call(grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.OVERLOADED, 1.0)
    assert size.bytes == 2 * MIN_BYTES


def test_a_largest_size_below_the_smallest_is_kept(clock: FakeClock) -> None:
    size = ChunkSize(1000, clock)
    transfer(size, clock, 1e9)
    transfer(size, clock, 1)
    with pytest.raises(grpc.RpcError), size.adapted():
        raise failed_call(grpc.StatusCode.UNAVAILABLE)
    assert size.bytes == 1000


def test_a_size_that_was_refused_is_not_tried_again(size: ChunkSize, clock: FakeClock) -> None:
    for _ in range(20):
        transfer(size, clock, 1e9)
    assert size.lower()
    for _ in range(20):
        transfer(size, clock, 1e9)
    assert size.bytes == MAX_BYTES // 2
