"""What every queue must hold."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job_api.queue.base import QueueService
from job_api.queue.memory_queue import MemoryQueue

pytestmark = pytest.mark.unit


@pytest.fixture(params=[MemoryQueue])
def queue(request: pytest.FixtureRequest) -> QueueService:
    made: QueueService = request.param()
    return made


def ids(count: int) -> list[str]:
    return [str(uuid4()) for _ in range(count)]


def test_ids_come_out_in_the_order_they_went_in(queue: QueueService) -> None:
    sent = ids(20)
    for job_id in sent:
        queue.enqueue(job_id)
    assert [queue.dequeue() for _ in sent] == sent


def test_the_size_counts_what_waits(queue: QueueService) -> None:
    assert queue.size() == 0
    for count, job_id in enumerate(ids(3), 1):
        queue.enqueue(job_id)
        assert queue.size() == count
    queue.dequeue()
    assert queue.size() == 2


def test_an_empty_queue_answers_none_at_once(queue: QueueService) -> None:
    assert queue.dequeue() is None
    queue.enqueue(*ids(1))
    queue.dequeue()
    assert queue.dequeue() is None


def test_the_same_id_twice_is_kept_twice(queue: QueueService) -> None:
    [job_id] = ids(1)
    queue.enqueue(job_id)
    queue.enqueue(job_id)
    assert [queue.dequeue(), queue.dequeue(), queue.dequeue()] == [job_id, job_id, None]


@pytest.mark.parametrize(
    "payload",
    [
        "",
        "job",
        "{}",
        '{"job_id": "6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55"}',
        "6b1ddc2e3cbc4b4c9d4d0a4e1d2c7f55",
        "6B1DDC2E-3CBC-4B4C-9D4D-0A4E1D2C7F55",
        "{6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55}",
        "urn:uuid:6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55",
        " 6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55",
        "6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55\n",
        UUID("6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55"),
        b"6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55",
        None,
        1,
    ],
    ids=repr,
)
def test_a_payload_that_is_no_uuid_string_is_refused(queue: QueueService, payload: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        queue.enqueue(payload)  # type: ignore[arg-type]
    assert queue.size() == 0


@given(payload=st.one_of(st.text(), st.uuids().map(str)))
def test_the_queue_takes_canonical_uuids_and_nothing_else(payload: str) -> None:
    queue = MemoryQueue()
    try:
        is_canonical = str(UUID(payload)) == payload
    except ValueError:
        is_canonical = False
    try:
        queue.enqueue(payload)
    except ValueError:
        assert not is_canonical
    else:
        assert is_canonical
        assert queue.dequeue() == payload


def test_many_threads_lose_and_double_nothing(queue: QueueService) -> None:
    sent = [ids(200) for _ in range(4)]

    def put(batch: list[str]) -> None:
        for job_id in batch:
            queue.enqueue(job_id)

    def take() -> list[str]:
        taken: list[str] = []
        while len(taken) < 200:
            if job_id := queue.dequeue():
                taken.append(job_id)
        return taken

    with ThreadPoolExecutor(8) as pool:
        takers = [pool.submit(take) for _ in range(4)]
        list(pool.map(put, sent))
        taken = [job_id for taker in takers for job_id in taker.result(30)]
    assert sorted(taken) == sorted(job_id for batch in sent for job_id in batch)
    assert queue.size() == 0
