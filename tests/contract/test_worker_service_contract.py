"""WorkerService as workers see it, over a real server and over the fake that the worker's tests use."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Protocol

import grpc
import pytest

from job_api.settings import ApiSettings
from job_client import JobClient
from job_worker.errors import Cancelled, JobCannotBeDone, LeaseLost, UnsupportedPipeline
from job_worker.runtime.api_client import Offer, WorkerApi
from job_worker.runtime.stop_signal import StopSignal
from shared.contract.channel import open_channel
from shared.contract.job_status import JobStatus
from shared.process.clock import monotonic_clock
from tests.support.running import running_server
from tests.support.samples import DOCUMENT, OTHER_DOCUMENT, OTHER_VIDEO, UNKNOWN_JOB, VIDEO, results_document
from tests.support.worker_fakes import (
    LEASE_SECONDS,
    MAX_CHUNK_BYTES,
    MAX_ERROR_BYTES,
    FakeApi,
    FakeServer,
    report_results,
)

pytestmark = [pytest.mark.integration, pytest.mark.worker]

RESULTS = json.loads(DOCUMENT)["results"]
PIPELINES = frozenset({"ocr", "yolo"})
RESULTS_LIMIT = 2 << 20


class Served(Protocol):
    """A server with jobs, whose workers are called `w` unless said otherwise."""

    def submit(self, video: bytes = VIDEO, pipeline_id: str = "ocr") -> str:
        """Submit a job; return its id."""

    def worker(self, worker_id: str = "w") -> WorkerApi | FakeApi:
        """Connect a worker."""

    def expire_leases(self) -> None:
        """Have no worker call for longer than a lease."""

    def outcome(self, job_id: str) -> tuple[JobStatus, object]:
        """Return the job's status, with its results or its error message once it has ended."""


class RealServer:
    def __init__(self, settings: ApiSettings, stack: ExitStack) -> None:
        self._seconds_ahead = 0.0
        clock = lambda: monotonic_clock() + self._seconds_ahead  # noqa: E731
        self._running = stack.enter_context(running_server(settings, clock=clock))
        self._stack = stack
        self._client = stack.enter_context(JobClient(self._running.addresses[0]))

    def submit(self, video: bytes = VIDEO, pipeline_id: str = "ocr") -> str:
        return self._client.submit(video, pipeline_id).job_id

    def worker(self, worker_id: str = "w") -> WorkerApi:
        connect = partial(open_channel, self._running.addresses[0])
        return self._stack.enter_context(WorkerApi(connect, worker_id, StopSignal(0)))

    def expire_leases(self) -> None:
        self._seconds_ahead += LEASE_SECONDS
        self._running.services.expiry.expire_leases()

    def outcome(self, job_id: str) -> tuple[JobStatus, object]:
        job = self._client.job(job_id)
        info = job.status()
        return info.status, job.results_as_dicts() if info.status is JobStatus.completed else info.error_message or None


class FakedServer:
    def __init__(self) -> None:
        self._server = FakeServer(PIPELINES, RESULTS_LIMIT)

    def submit(self, video: bytes = VIDEO, pipeline_id: str = "ocr") -> str:
        job_id = f"job {len(self._server.jobs)}"
        self._server.submit(job_id, pipeline_id, video)
        return job_id

    def worker(self, worker_id: str = "w") -> FakeApi:
        return FakeApi(worker_id=worker_id, server=self._server)

    def expire_leases(self) -> None:
        self._server.expire_leases()

    def outcome(self, job_id: str) -> tuple[JobStatus, object]:
        job = self._server.jobs[job_id]
        return job.status, json.loads(job.outcome)["results"] if isinstance(job.outcome, bytes) else job.outcome


@pytest.fixture(params=["real", "fake"])
def server(request: pytest.FixtureRequest, make_settings: Callable[..., ApiSettings]) -> Iterator[Served]:
    if request.param == "fake":
        yield FakedServer()
        return
    settings = make_settings(
        pipelines=",".join(sorted(PIPELINES)), lease_seconds=LEASE_SECONDS, max_results_bytes=RESULTS_LIMIT
    )
    with ExitStack() as stack:
        yield RealServer(settings, stack)


def never() -> bool:
    return False


def taken(server: Served) -> tuple[WorkerApi | FakeApi, str]:
    """Return a worker and the job that it holds and has called about."""
    job_id, worker = server.submit(), server.worker()
    assert worker.dequeue(1) == job_id
    worker.renew(job_id)
    return worker, job_id


Call = Callable[[WorkerApi | FakeApi, str, Path], object]

CALLS: dict[str, Call] = {
    "download": lambda worker, job_id, folder: worker.download(job_id, folder / "video", 100, never),
    "renew": lambda worker, job_id, _: worker.renew(job_id),
    "complete": lambda worker, job_id, _: report_results(worker, job_id, DOCUMENT),
    "fail": lambda worker, job_id, _: worker.fail(job_id, "no"),
    "release": lambda worker, job_id, _: worker.release(job_id),
}
every_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


class TestTaking:
    def test_an_empty_queue_gives_nothing(self, server: Served) -> None:
        assert server.worker().dequeue(0.05) is None

    def test_each_job_is_given_once_and_in_order(self, server: Served) -> None:
        first, second = server.submit(), server.submit(OTHER_VIDEO)
        assert [server.worker(worker_id).dequeue(0.05) for worker_id in "abc"] == [first, second, None]

    def test_a_worker_that_never_called_about_its_job_is_given_it_again(self, server: Served) -> None:
        job_id, worker = server.submit(), server.worker()
        assert [worker.dequeue(0.05) for _ in range(2)] == [job_id, job_id]
        worker.renew(job_id)
        assert worker.dequeue(0.05) is None

    def test_a_taken_job_is_running(self, server: Served) -> None:
        _, job_id = taken(server)
        assert server.outcome(job_id) == (JobStatus.running, None)

    def test_what_is_offered_and_taken_is_said(self, server: Served) -> None:
        worker, offer = server.worker(), Offer(PIPELINES, RESULTS_LIMIT, MAX_CHUNK_BYTES)
        assert (worker.offer(), worker.offer_for_job(never)) == (offer, offer)


class TestDownloading:
    @pytest.mark.parametrize("chunk_bytes", [1, 100, len(VIDEO), 1 << 20])
    def test_the_chunks_are_the_video(self, chunk_bytes: int, server: Served, tmp_path: Path) -> None:
        worker, job_id = taken(server)
        accepted: list[str] = []
        assert worker.download(job_id, tmp_path / "video", chunk_bytes, never, accepted.append) == "ocr"
        assert ((tmp_path / "video").read_bytes(), accepted) == (VIDEO, ["ocr"])

    def test_a_pipeline_that_is_not_accepted_ends_it(self, server: Served, tmp_path: Path) -> None:
        worker, job_id = taken(server)

        def refuse(pipeline_id: str) -> None:
            raise UnsupportedPipeline(pipeline_id)

        with pytest.raises(UnsupportedPipeline, match="ocr"):
            worker.download(job_id, tmp_path / "video", 100, never, refuse)
        assert (tmp_path / "video").read_bytes() == b""

    def test_it_is_cancelled_between_two_chunks(self, server: Served, tmp_path: Path) -> None:
        worker, job_id = taken(server)
        answers = iter([False, False])
        with pytest.raises(Cancelled):
            worker.download(job_id, tmp_path / "video", 100, lambda: next(answers, True))
        assert (tmp_path / "video").read_bytes() == VIDEO[:200]


class TestHolding:
    def test_a_renewal_says_how_long_the_lease_is(self, server: Served) -> None:
        worker, job_id = taken(server)
        assert worker.renew(job_id) == LEASE_SECONDS

    def test_a_job_whose_lease_expired_returns_to_its_worker_where_no_other_took_it(self, server: Served) -> None:
        worker, job_id = taken(server)
        server.expire_leases()
        assert server.outcome(job_id) == (JobStatus.pending, None)
        worker.renew(job_id)
        assert server.outcome(job_id) == (JobStatus.running, None)
        assert server.worker("other").dequeue(0.05) is None

    def test_a_job_whose_lease_expired_is_lost_where_another_took_it(self, server: Served) -> None:
        worker, job_id = taken(server)
        server.expire_leases()
        assert server.worker("other").dequeue(1) == job_id
        with pytest.raises(LeaseLost):
            worker.renew(job_id)

    @every_call
    def test_a_job_of_another_worker_is_lost(self, call: Call, server: Served, tmp_path: Path) -> None:
        _, job_id = taken(server)
        with pytest.raises(LeaseLost):
            call(server.worker("other"), job_id, tmp_path)
        assert server.outcome(job_id) == (JobStatus.running, None)

    @every_call
    def test_a_job_that_waits_is_lost(self, call: Call, server: Served, tmp_path: Path) -> None:
        job_id = server.submit()
        with pytest.raises(LeaseLost):
            call(server.worker(), job_id, tmp_path)

    @every_call
    def test_an_unknown_job_is_lost(self, call: Call, server: Served, tmp_path: Path) -> None:
        with pytest.raises(LeaseLost):
            call(server.worker(), UNKNOWN_JOB, tmp_path)


class TestCompleting:
    def test_the_results_are_kept_and_the_same_again_is_harmless(self, server: Served) -> None:
        worker, job_id = taken(server)
        for _ in range(2):
            report_results(worker, job_id, DOCUMENT)
        assert server.outcome(job_id) == (JobStatus.completed, RESULTS)

    def test_results_too_large_for_one_message_are_kept_too(self, server: Served) -> None:
        worker, job_id = taken(server)
        results = [{"frame_index": index, "result": {"text": "x" * 1000}} for index in range(1000)]
        report_results(worker, job_id, results_document(results))
        assert server.outcome(job_id) == (JobStatus.completed, results)

    def test_results_above_the_limit_are_refused(self, server: Served) -> None:
        worker, job_id = taken(server)
        frames = [{"frame_index": index, "result": {"text": "x" * (RESULTS_LIMIT // 4)}} for index in range(4)]
        with pytest.raises(JobCannotBeDone, match=f"larger than {RESULTS_LIMIT} bytes, the limit of the server"):
            report_results(worker, job_id, results_document(frames))
        assert server.outcome(job_id) == (JobStatus.running, None)

    def test_a_completed_job_takes_no_other_outcome(self, server: Served) -> None:
        worker, job_id = taken(server)
        report_results(worker, job_id, DOCUMENT)
        for call in (
            lambda: report_results(worker, job_id, OTHER_DOCUMENT),
            lambda: worker.fail(job_id, "no"),
            lambda: worker.release(job_id),
        ):
            with pytest.raises(LeaseLost):
                call()
        assert server.outcome(job_id) == (JobStatus.completed, RESULTS)

    @pytest.mark.parametrize(
        "document",
        [b"", b"[]", b"{}", b'{"results":[{}]}', b'{"results":[{"frame_index":1,"result":{}}]}', b'{"results":[]} x'],
    )
    def test_results_of_another_shape_are_refused_and_the_job_can_still_fail(
        self, document: bytes, server: Served
    ) -> None:
        worker, job_id = taken(server)
        with pytest.raises(JobCannotBeDone, match="results"):
            report_results(worker, job_id, document)
        worker.fail(job_id, "no")
        assert server.outcome(job_id) == (JobStatus.failed, "no")


class TestFailing:
    def test_the_message_is_kept_and_the_same_again_is_harmless(self, server: Served) -> None:
        worker, job_id = taken(server)
        for _ in range(2):
            worker.fail(job_id, "кадров нет")
        assert server.outcome(job_id) == (JobStatus.failed, "кадров нет")

    def test_a_failed_job_takes_no_other_outcome(self, server: Served) -> None:
        worker, job_id = taken(server)
        worker.fail(job_id, "no")
        with pytest.raises(LeaseLost):
            worker.fail(job_id, "another reason")
        with pytest.raises(LeaseLost):
            report_results(worker, job_id, DOCUMENT)
        assert server.outcome(job_id) == (JobStatus.failed, "no")

    @pytest.mark.parametrize("message", ["", " \n\t"])
    def test_a_blank_message_is_refused(self, message: str, server: Served) -> None:
        worker, job_id = taken(server)
        with pytest.raises(grpc.RpcError) as raised:
            worker.fail(job_id, message)
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert server.outcome(job_id) == (JobStatus.running, None)

    def test_the_longest_message_is_kept_and_a_longer_one_is_refused(self, server: Served) -> None:
        worker, job_id = taken(server)
        with pytest.raises(JobCannotBeDone, match="limit"):
            worker.fail(job_id, "x" * (MAX_ERROR_BYTES + 1))
        worker.fail(job_id, "x" * MAX_ERROR_BYTES)
        assert server.outcome(job_id) == (JobStatus.failed, "x" * MAX_ERROR_BYTES)


class TestReleasing:
    def test_the_job_goes_to_the_end_of_the_queue_and_the_same_again_is_harmless(self, server: Served) -> None:
        worker, job_id = taken(server)
        second = server.submit(OTHER_VIDEO)
        for _ in range(2):
            worker.release(job_id)
        assert server.outcome(job_id) == (JobStatus.pending, None)
        assert [server.worker(worker_id).dequeue(0.05) for worker_id in "abc"] == [second, job_id, None]

    def test_a_job_that_was_released_after_its_lease_expired_is_nobodys(self, server: Served) -> None:
        worker, job_id = taken(server)
        server.expire_leases()
        worker.release(job_id)
        with pytest.raises(LeaseLost):
            worker.renew(job_id)
        assert server.outcome(job_id)[0] is JobStatus.pending

    def test_a_job_that_another_took_since_is_lost(self, server: Served) -> None:
        worker, job_id = taken(server)
        worker.release(job_id)
        assert server.worker("other").dequeue(1) == job_id
        with pytest.raises(LeaseLost):
            worker.release(job_id)
