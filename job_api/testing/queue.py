"""Conformance tests of a queue, as test classes: see QueueConformance."""

from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from job_api.queue.base import QueueService

_ID = "6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55"
_IDS_OF_ONE_THREAD = 200

NO_IDS: list[object] = [
    "",
    "job",
    "{}",
    f'{{"job_id": "{_ID}"}}',
    _ID.replace("-", ""),
    _ID.upper(),
    f"{{{_ID}}}",
    f"urn:uuid:{_ID}",
    f" {_ID}",
    f"{_ID}\n",
    UUID(_ID),
    _ID.encode(),
    None,
    1,
]
"""Payloads that look like a job's id, or are one in another form."""


class QueueConformance:
    """First in, first out, of job ids and of nothing else, from any number of threads.

    A class derived from it has a fixture `queue` that returns an empty queue.
    """

    @pytest.fixture
    def queue(self) -> QueueService:
        """Return an empty queue."""
        raise NotImplementedError("override the fixture `queue`: return an empty one")

    def test_ids_come_out_in_the_order_they_went_in(self, queue: QueueService) -> None:
        sent = _new_ids(20)
        for job_id in sent:
            queue.enqueue(job_id)
        assert [queue.dequeue() for _ in sent] == sent

    def test_the_size_counts_what_waits(self, queue: QueueService) -> None:
        assert queue.size() == 0
        for count, job_id in enumerate(_new_ids(3), 1):
            queue.enqueue(job_id)
            assert queue.size() == count
        queue.dequeue()
        assert queue.size() == 2

    def test_an_empty_queue_answers_none_at_once(self, queue: QueueService) -> None:
        assert queue.dequeue() is None
        [job_id] = _new_ids(1)
        queue.enqueue(job_id)
        queue.dequeue()
        assert queue.dequeue() is None

    def test_an_emptied_queue_takes_ids_again(self, queue: QueueService) -> None:
        for _ in range(3):
            sent = _new_ids(2)
            for job_id in sent:
                queue.enqueue(job_id)
            assert [queue.dequeue(), queue.dequeue(), queue.dequeue()] == [*sent, None]
            assert queue.size() == 0

    def test_the_same_id_twice_is_kept_twice(self, queue: QueueService) -> None:
        [job_id] = _new_ids(1)
        queue.enqueue(job_id)
        queue.enqueue(job_id)
        assert [queue.dequeue(), queue.dequeue(), queue.dequeue()] == [job_id, job_id, None]

    @pytest.mark.parametrize("job_id", NO_IDS, ids=repr)
    def test_a_payload_that_is_no_uuid_string_is_refused(self, queue: QueueService, job_id: object) -> None:
        with pytest.raises(ValueError, match=r"."):
            queue.enqueue(job_id)  # type: ignore[arg-type]
        assert queue.size() == 0

    @settings(
        deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors]
    )
    @given(job_id=st.one_of(st.text(), st.uuids().map(str)))
    def test_the_queue_takes_canonical_uuids_and_nothing_else(self, queue: QueueService, job_id: str) -> None:
        if _is_canonical(job_id):
            queue.enqueue(job_id)
            assert queue.dequeue() == job_id
        else:
            with pytest.raises(ValueError, match=r"."):
                queue.enqueue(job_id)
        assert queue.size() == 0

    def test_many_threads_lose_and_double_nothing(self, queue: QueueService) -> None:
        sent = [_new_ids(_IDS_OF_ONE_THREAD) for _ in range(4)]

        def put(batch: list[str]) -> None:
            for job_id in batch:
                queue.enqueue(job_id)

        def take() -> list[str]:
            taken: list[str] = []
            while len(taken) < _IDS_OF_ONE_THREAD:
                if job_id := queue.dequeue():
                    taken.append(job_id)
            return taken

        with ThreadPoolExecutor(8) as pool:
            takers = [pool.submit(take) for _ in range(4)]
            list(pool.map(put, sent))
            taken = [job_id for taker in takers for job_id in taker.result(30)]
        assert sorted(taken) == sorted(job_id for batch in sent for job_id in batch)
        assert queue.size() == 0


def _new_ids(count: int) -> list[str]:
    return [str(uuid4()) for _ in range(count)]


def _is_canonical(payload: str) -> bool:
    try:
        return str(UUID(payload)) == payload
    except ValueError:
        return False
