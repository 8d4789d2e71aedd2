"""A worker whose link to its server is slow, becomes slow, or is cut again and again."""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from job_api.settings import ApiSettings
from job_client import Job, JobClient
from job_worker.errors import Cancelled
from job_worker.runtime import api_client, chunk_size
from job_worker.runtime.api_client import WorkerApi
from job_worker.runtime.heartbeat import Heartbeat
from job_worker.runtime.server_stub import ServerStub
from job_worker.runtime.stop_signal import StopSignal
from shared.contract.channel import open_channel
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import (
    WorkerServiceServicer,
    WorkerServiceStub,
    add_WorkerServiceServicer_to_server,
)
from shared.contract.job_status import JobStatus
from shared.contract.reasons import Reason
from tests.support.clock import FakeClock
from tests.support.failed_calls import failed_call
from tests.support.samples import VIDEO, results_document
from tests.support.slow_link import slow_link
from tests.support.waiting import eventually, in_thread, opened_at_the_end
from tests.support.worker_fakes import report_results

pytestmark = [pytest.mark.integration, pytest.mark.worker]

MakeSettings = Callable[..., ApiSettings]
Interfere = Callable[[str, Any], None]

RESULTS = [{"frame_index": index, "result": {"text": "Кадр " * 1000}} for index in range(500)]
LARGE_BYTES = 200_000
SMALL_BYTES = 50_000
FAST = 50_000_000
SLOWEST = 32_000
STANDSTILL = 100
SOON_SECONDS = 2.0


class Interferer(grpc.UnaryUnaryClientInterceptor):
    """Lets something happen before each call."""

    def __init__(self, interfere: Interfere) -> None:
        self._interfere = interfere

    def intercept_unary_unary(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        self._interfere(details.method.rpartition("/")[2], request)
        return continuation(details, request)


@contextmanager
def worker_api(address: str, interfere: Interfere, stop: StopSignal | None = None) -> Iterator[WorkerApi]:
    def connect() -> grpc.Channel:
        return grpc.intercept_channel(open_channel(address), Interferer(interfere))

    with WorkerApi(connect, "w", stop or StopSignal(0), retry_pause=lambda _: 0.05) as api:
        yield api


@pytest.fixture
def take_job(tiny_mp4: bytes) -> Iterator[Callable[[str, WorkerApi], Job]]:
    """Submit a job to a server, and have a worker take it."""
    with ExitStack() as stack:

        def take(address: str, api: WorkerApi, video: bytes = tiny_mp4) -> Job:
            job = stack.enter_context(JobClient(address)).submit(video)
            assert api.dequeue(10) == job.job_id
            return job

        yield take


def chunk_bytes(rpc: str, request: Any) -> int:
    if rpc == "PutJobResults":
        return len(request.data)
    return int(request.length) if rpc == "GetJobInput" else 0


def test_a_chunk_that_never_gets_through_is_followed_by_smaller_ones(
    address: str, take_job: Callable[..., Job], tiny_mp4: bytes, tmp_path: Path
) -> None:
    cut: list[str] = []

    def cut_connection(rpc: str, request: Any) -> None:
        size_bytes = chunk_bytes(rpc, request)
        if size_bytes > LARGE_BYTES or (rpc in cut and size_bytes > SMALL_BYTES):  # slower from the first cut on
            cut.append(rpc)
            raise failed_call(grpc.StatusCode.UNAVAILABLE)

    video = tiny_mp4 + bytes(1_000_000)
    with worker_api(address, cut_connection) as api:
        job = take_job(address, api, video)
        api.download(job.job_id, tmp_path / "video", 4 << 20, lambda: False)
        report_results(api, job.job_id, results_document(RESULTS[:50]))
    assert (tmp_path / "video").read_bytes() == video
    assert job.results_as_dicts() == RESULTS[:50]
    assert set(cut) == {"GetJobInput", "PutJobResults"}


def test_results_that_the_server_has_lost_are_sent_again_in_chunks_as_large_as_before(
    address: str, take_job: Callable[..., Job]
) -> None:
    sizes: list[int] = []

    def lose(rpc: str, request: Any) -> None:
        if rpc == "PutJobResults":
            sizes.append(len(request.data))
            if len(sizes) == 3:
                raise failed_call(grpc.StatusCode.INVALID_ARGUMENT, Reason.INVALID_RANGE)

    with worker_api(address, lose) as api:
        job = take_job(address, api)
        report_results(api, job.job_id, results_document(RESULTS[:50]))
    assert job.results_as_dicts() == RESULTS[:50]
    assert [size // chunk_size.MIN_BYTES for size in sizes[:5]] == [1, 2, 4, 0, 4]


def test_a_link_that_becomes_slow_while_a_large_chunk_is_sent_costs_no_lease(
    start_server: Callable[..., str],
    make_settings: MakeSettings,
    take_job: Callable[..., Job],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(api_client, "MIN_RENEWAL_SECONDS", 0.1)
    monkeypatch.setattr(chunk_size, "CHUNK_SECONDS", 0.4)
    address = start_server(make_settings(lease_seconds=3))
    renewed: list[bool] = []

    def become_slow(rpc: str, request: Any) -> None:
        if chunk_bytes(rpc, request) > 1_000_000 and True not in renewed:
            link.bytes_a_second = SLOWEST

    def renew() -> float:
        seconds = api.renew(job.job_id)
        renewed.append(link.bytes_a_second == SLOWEST)
        if renewed.count(True) == 3:
            link.bytes_a_second = FAST
        return seconds

    with slow_link(address, FAST) as link, worker_api(link.address, become_slow) as api:
        job = take_job(address, api)
        with caplog.at_level(logging.INFO), Heartbeat(renew, retry_seconds=0.2):
            eventually(lambda: renewed, "the first renewal")
            report_results(api, job.job_id, results_document(RESULTS))
    assert job.status().status is JobStatus.completed
    assert renewed.count(True) >= 3
    assert "worker lost" not in caplog.messages


def test_a_chunk_that_is_under_way_when_the_job_must_be_released_is_given_up(
    address: str, take_job: Callable[..., Job], tmp_path: Path
) -> None:
    results, stop = tmp_path / "results", StopSignal(drain_seconds=1000)
    results.write_bytes(results_document(RESULTS))

    def stand_still(rpc: str, _: Any) -> None:
        if rpc == "PutJobResults":
            link.bytes_a_second = STANDSTILL

    with slow_link(address, FAST) as link, worker_api(link.address, stand_still, stop) as api:
        job = take_job(address, api)
        sending = in_thread(lambda: api.complete(job.job_id, results, lambda: stop.must_release))
        eventually(lambda: link.bytes_a_second == STANDSTILL, "a chunk under way")
        stop.request()
        with pytest.raises(TimeoutError):
            sending.result(0.3)
        stop.request()
        with pytest.raises(Cancelled):
            sending.result(SOON_SECONDS)
        link.bytes_a_second = FAST
        api.release(job.job_id)
    assert job.status().status is JobStatus.pending


def test_calls_that_are_cancelled_do_not_fail_a_renewal_of_the_same_instant(address: str, client: JobClient) -> None:
    renewed: list[pb.RenewLeaseResponse] = []
    opened: list[grpc.Channel] = []

    def connect() -> grpc.Channel:
        if opened:  # and is being replaced
            renewed.append(stub.RenewLease(renewal, timeout=30))
        opened.append(open_channel(address))
        return opened[-1]

    with closing(ServerStub(connect)) as stub:
        renewal = pb.RenewLeaseRequest(job_id=client.submit(VIDEO).job_id, worker_id="w")
        stub.Dequeue(pb.DequeueRequest(worker_id="w"))
        stub.cancel_calls()
    assert len(renewed) == 1


def test_a_renewal_on_the_channel_after_a_cancelled_chunk_does_not_wait_behind_it(
    address: str, client: JobClient
) -> None:
    opened: list[grpc.Channel] = []

    def connect() -> grpc.Channel:
        opened.append(open_channel(link.address))
        if len(opened) == 2:  # and the first one is still open
            WorkerServiceStub(opened[-1]).RenewLease(renewal, timeout=SOON_SECONDS)
        return opened[-1]

    with slow_link(address, FAST) as link, closing(ServerStub(connect)) as stub:
        renewal = pb.RenewLeaseRequest(job_id=client.submit(VIDEO).job_id, worker_id="w")
        stub.Dequeue(pb.DequeueRequest(worker_id="w"))
        link.bytes_a_second = SLOWEST
        chunk = pb.PutJobResultsRequest(job_id=renewal.job_id, worker_id="w", data=bytes(1_000_000))
        sending = stub.begin(stub.PutJobResults, chunk, 60)
        eventually(lambda: max(link.passed.values()) > SMALL_BYTES, "a chunk under way")
        stub.cancel_calls()
        with pytest.raises(grpc.RpcError, match="CANCELLED"):
            sending.result(SOON_SECONDS)
        stub.RenewLease(renewal, timeout=SOON_SECONDS)


class Silent(WorkerServiceServicer):
    """Knows how to release a job, and answers nothing else until its end."""

    def __init__(self) -> None:
        self.called = threading.Event()
        self.ended = threading.Event()
        self.released: list[str] = []

    def ReleaseJob(self, request: pb.ReleaseJobRequest, context: object) -> pb.ReleaseJobResponse:  # noqa: N802
        self.released.append(request.job_id)
        return pb.ReleaseJobResponse()

    def CompleteJob(self, request: pb.CompleteJobRequest, context: object) -> pb.CompleteJobResponse:  # noqa: N802
        self.called.set()
        self.ended.wait()
        return pb.CompleteJobResponse()

    def ListOfferedPipelines(  # noqa: N802
        self, request: pb.ListOfferedPipelinesRequest, context: object
    ) -> pb.ListOfferedPipelinesResponse:
        self.called.set()
        self.ended.wait()
        return pb.ListOfferedPipelinesResponse()


@dataclass(frozen=True)
class WithSilentServer:
    """A worker that must release its job at once, and its server."""

    server: Silent
    api: WorkerApi
    stop: StopSignal


@pytest.fixture
def stopping(clock: FakeClock) -> Iterator[WithSilentServer]:
    servicer, stop = Silent(), StopSignal(0, clock)
    with ThreadPoolExecutor(2) as pool, opened_at_the_end(servicer.ended):
        server = grpc.server(pool)
        add_WorkerServiceServicer_to_server(servicer, server)
        address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        stop.request()
        with WorkerApi(lambda: open_channel(address), "w", stop, last_report_seconds=30) as api:
            yield WithSilentServer(servicer, api, stop)
        server.stop(0)


def test_a_worker_that_must_release_its_job_awaits_the_answer_to_its_results_for_a_third_of_the_time(
    stopping: WithSilentServer, clock: FakeClock, tmp_path: Path
) -> None:
    (tmp_path / "results").write_bytes(results_document([]))
    sending = in_thread(lambda: stopping.api.complete("job", tmp_path / "results", lambda: stopping.stop.must_release))
    assert stopping.server.called.wait(SOON_SECONDS)
    clock.advance(9.9)
    with pytest.raises(TimeoutError):
        sending.result(0.3)
    clock.advance(0.2)
    with pytest.raises(Cancelled):
        sending.result(SOON_SECONDS)
    stopping.api.release("job")
    assert stopping.server.released == ["job"]


def test_a_worker_that_must_release_its_job_does_not_wait_for_an_offer(stopping: WithSilentServer) -> None:
    asking = in_thread(lambda: stopping.api.offer_for_job(lambda: stopping.stop.must_release))
    assert stopping.server.called.wait(SOON_SECONDS)
    with pytest.raises(Cancelled):
        asking.result(SOON_SECONDS)


def test_a_release_at_the_end_of_a_long_drain_time_is_repeated(
    address: str, take_job: Callable[..., Job], clock: FakeClock
) -> None:
    tries: list[str] = []

    def fail_first_ones(rpc: str, _: Any) -> None:
        if rpc == "ReleaseJob":
            tries.append(rpc)
            if len(tries) < 3:
                raise failed_call(grpc.StatusCode.UNAVAILABLE)

    stop = StopSignal(drain_seconds=30, clock=clock)
    with worker_api(address, fail_first_ones, stop) as api:
        job = take_job(address, api)
        stop.request()
        clock.advance(30)
        api.release(job.job_id)
    assert job.status().status is JobStatus.pending
