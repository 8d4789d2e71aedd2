"""The Python client against a real server."""

import gzip
import json
import socket
import time
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2 as details

from job_api.settings import ApiSettings
from job_client import (
    InvalidRequest,
    JobClient,
    JobFailed,
    JobInfo,
    JobNotCompleted,
    JobNotFinished,
    JobNotFound,
    PayloadTooLarge,
    PipelineInfo,
    RequestIdReused,
    ServerBusy,
    ServiceError,
    Unreachable,
    WaitTimedOut,
)
from job_client.__main__ import main
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceServicer, JobServiceStub
from shared.contract.job_status import JobStatus
from shared.pipelines.catalogue import PipelineCatalogue
from shared.pipelines.profiles import Profile
from shared.process.exit_codes import ExitCode
from tests.conftest import TINY_MP4
from tests.support.found import FRAME_RESULTS, RESULTS, frame
from tests.support.relay import Relay, address_of, client_of
from tests.support.running import running_server
from tests.support.samples import results_document
from tests.support.waiting import eventually, in_thread
from tests.support.worker_fakes import FakeRunner
from tests.support.working import free_port, working

pytestmark = pytest.mark.integration

UNKNOWN_JOB = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def jobs_of(address: str, connect: Callable[[str], grpc.Channel]) -> Callable[[], list[pb.JobSummary]]:
    stub = JobServiceStub(connect(address))
    return lambda: list(stub.ListJobs(pb.ListJobsRequest()).jobs)


def refused(call: Callable[[], object]) -> ServiceError:
    with pytest.raises(ServiceError) as raised:
        call()
    return raised.value


def refusal_of(call: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
    error = refused(call)
    assert error.message
    assert str(error).startswith(error.code.name)
    assert error.message in str(error)
    return error.code, error.reason


@pytest.mark.parametrize("video", [TINY_MP4, str(TINY_MP4), TINY_MP4.read_bytes()], ids=["a path", "text", "bytes"])
def test_a_video_is_submitted_from_a_path_or_from_bytes(
    video: Path | str | bytes, client: JobClient, worker: None
) -> None:
    job = client.submit(video, "ocr").wait(20)
    assert (job.status, job.pipeline_id) == (JobStatus.completed, "ocr")


def test_the_whole_file_arrives(client: JobClient, address: str) -> None:
    videos: list[bytes] = []

    def run(_pipeline_id: str, video: Path, _: Callable[[], bool]) -> bytes:
        videos.append(video.read_bytes())
        return results_document([])

    with working(address, FakeRunner(run)):
        client.submit(TINY_MP4).wait(20)
    assert videos == [TINY_MP4.read_bytes()]


def test_a_file_that_no_message_can_hold_is_not_read(client: JobClient, tmp_path: Path) -> None:
    with (tmp_path / "large.mp4").open("wb") as file:
        file.truncate(2**31)
    with pytest.raises(PayloadTooLarge, match="no server takes more than 2147418112; cut it into several files"):
        client.submit(tmp_path / "large.mp4")


def test_two_submits_of_one_video_are_two_jobs(client: JobClient) -> None:
    assert client.submit(TINY_MP4) != client.submit(TINY_MP4)


def test_one_request_id_is_one_job(client: JobClient) -> None:
    assert client.submit(TINY_MP4, request_id="r") == client.submit(TINY_MP4, request_id="r")


def test_a_status_says_all_that_is_known(client: JobClient) -> None:
    before = datetime.now(UTC)
    submitted = client.submit(TINY_MP4, "yolo")
    job = submitted.status()
    assert job == JobInfo(submitted.job_id, JobStatus.pending, 0.0, job.created_at, job.created_at, "yolo", "")
    assert before - timedelta(seconds=1) <= job.created_at <= datetime.now(UTC) + timedelta(seconds=1)


def test_results_are_those_that_the_worker_found(client: JobClient, worker: None) -> None:
    job = client.submit(TINY_MP4)
    job.wait(20)
    assert job.results() == client.job(job.job_id).results() == FRAME_RESULTS
    assert job.results_as_dicts() == RESULTS


def test_a_result_has_types_and_the_json_that_was_stored(client: JobClient, worker: None) -> None:
    job = client.submit(TINY_MP4)
    job.wait(20)
    second = job.results()[1]
    dog, line = second.detections[1], second.text_lines[0]
    assert (second.frame_index, second.timestamp_ms, second.text) == (1, 40.0, "[live] Кадр")
    assert (dog.label, dog.class_id, dog.confidence, dog.box) == ("dog", 1, 0.9, (11.0, 20.0, 61.0, 80.0))
    assert (line.text, line.polygon[2]) == ("[live] Кадр", (105.0, 110.0))
    assert second.to_dict() == json.loads(second.to_json()) == RESULTS[1]


class Answering(JobServiceServicer):
    """Gives the same results for every job."""

    def __init__(self, **answer: Any) -> None:
        self._answer = pb.GetJobResultsResponse(**answer)

    def GetJobResults(self, request: pb.GetJobResultsRequest, context: object) -> pb.GetJobResultsResponse:  # noqa: N802 (gRPC's name)
        assert request.gzip
        return self._answer


CUT_OFF = b'[{"frame_index":0,"result":{}},'


@pytest.mark.parametrize(
    "answer",
    [
        {"results_json": CUT_OFF.decode()},
        {"results_json_gzip": gzip.compress(CUT_OFF)},
        {"results_json_gzip": gzip.compress(b"[]")[:-9]},
        {"results_json_gzip": gzip.compress(b"[]" * 100)[:10] + b"damaged"},
        {"results_json_gzip": b"damaged"},
        {},
    ],
)
def test_an_answer_that_holds_no_results_is_a_service_error(answer: dict[str, Any]) -> None:
    with client_of(Answering(**answer)) as client:
        error = refused(client.job(UNKNOWN_JOB).results)
    assert (type(error), error.code) == (ServiceError, grpc.StatusCode.DATA_LOSS)
    assert f"holds no results of job {UNKNOWN_JOB}" in error.message


def test_results_of_a_server_that_does_not_compress_are_read_too() -> None:
    with client_of(Answering(results_json=json.dumps(RESULTS))) as client:
        assert client.job(UNKNOWN_JOB).results_as_dicts() == RESULTS


def test_reading_results_frame_by_frame_takes_less_memory_than_their_json() -> None:
    """Characters beyond the first 65,536 take four bytes each as text."""
    found = [frame(index, {}, {f"駐車場 🚗 {index} " + "東京都" * 300: 0.5}) for index in range(500)]
    document = json.dumps(found, ensure_ascii=False).encode()
    with client_of(Answering(results_json_gzip=gzip.compress(document))) as client:
        list(client.job(UNKNOWN_JOB).iter_results())  # what is made once is not counted
        tracemalloc.start()
        try:
            assert sum(1 for _ in client.job(UNKNOWN_JOB).iter_results()) == len(found)
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak_bytes < len(document)


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv", "events", "srt"])
def test_a_file_of_results_is_written_in_less_memory_than_their_json_takes(suffix: str, tmp_path: Path) -> None:
    found = [frame(index, {"car": 0.5}, {"the same": 0.9}) for index in range(1000)]
    for one in found:
        one["result"]["note"] = "x" * 4000
    document = json.dumps(found).encode()
    with address_of(Answering(results_json_gzip=gzip.compress(document))) as address:
        call = ["results", UNKNOWN_JOB, "--out", str(tmp_path / f"out.{suffix}"), "--address", address]
        assert main([*call, "--frames", "0:9"]) == ExitCode.OK  # what is made once is not counted
        tracemalloc.start()
        try:
            assert main(call) == ExitCode.OK
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert peak_bytes < len(document)


class TestTimeout:
    @pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf"), 1e12])
    def test_one_that_is_no_time_is_refused(self, seconds: float) -> None:
        with pytest.raises(ValueError, match="a timeout must be 0 to"):
            JobClient(timeout_seconds=seconds)

    @pytest.mark.parametrize("seconds", [None, 0, 20])
    def test_within_it_calls_are_answered(self, address: str, seconds: float | None) -> None:
        with JobClient(address, timeout_seconds=seconds) as client:
            assert client.submit(TINY_MP4).status().status is JobStatus.pending

    def test_each_call_ends_with_it(self) -> None:
        with (
            socket.create_server(("127.0.0.1", 0)) as deaf,
            JobClient(f"127.0.0.1:{deaf.getsockname()[1]}", timeout_seconds=0.1) as client,
        ):
            job = client.job(UNKNOWN_JOB)
            for call in (client.pipelines, job.status, job.results, job.delete, lambda: list(client.jobs())):
                assert refused(call).code is grpc.StatusCode.DEADLINE_EXCEEDED
            assert refused(lambda: client.submit(TINY_MP4)).code is grpc.StatusCode.DEADLINE_EXCEEDED


def test_waiting_ends_with_a_failed_job_too(client: JobClient, failing_worker: None) -> None:
    job = client.submit(TINY_MP4).wait(20)
    assert (job.status, job.progress) == (JobStatus.failed, 1.0)
    assert job.error_message == "the file holds [only] audio [/b]"


def test_waiting_reports_what_it_sees(client: JobClient, address: str) -> None:
    seen: list[JobStatus] = []
    job = client.submit(TINY_MP4)
    waiting = in_thread(lambda: job.wait(20, on_status=lambda info: seen.append(info.status)))
    eventually(lambda: seen, "a first look")
    with working(address, FakeRunner()):
        waiting.result(20)
    assert seen[0] is JobStatus.pending
    assert seen[-1] is JobStatus.completed


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_waiting_gives_up_when_the_time_is_over_and_not_before(seconds: float, client: JobClient) -> None:
    job = client.submit(TINY_MP4)
    began_at = time.monotonic()
    with pytest.raises(WaitTimedOut, match=f"job {job} has not ended after {seconds:g} seconds"):
        job.wait(seconds)
    assert seconds <= time.monotonic() - began_at < seconds + 3


def test_waiting_polls_a_last_time_when_the_time_is_over() -> None:
    seconds = 0.3
    over_at = time.monotonic() + seconds

    class JustInTime(JobServiceServicer):
        def GetJobStatus(self, request: pb.GetJobStatusRequest, context: object) -> pb.GetJobStatusResponse:  # noqa: N802 (gRPC's name)
            over = time.monotonic() >= over_at
            return pb.GetJobStatusResponse(status=pb.JOB_STATUS_COMPLETED if over else pb.JOB_STATUS_PENDING)

    with client_of(JustInTime()) as client:
        assert client.job(UNKNOWN_JOB).wait(seconds).status is JobStatus.completed


def test_refusals_are_exceptions_of_their_own_with_code_and_reason(client: JobClient, failing_worker: None) -> None:
    used = client.submit(TINY_MP4, request_id="used")
    used.wait(20)
    not_found, invalid = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT
    cases: list[tuple[type[ServiceError], grpc.StatusCode, str, Callable[[], object]]] = [
        (InvalidRequest, invalid, "INVALID_MP4", lambda: client.submit(b"no video")),
        (InvalidRequest, invalid, "UNKNOWN_PIPELINE", lambda: client.submit(TINY_MP4, "nonsense")),
        (InvalidRequest, invalid, "INVALID_JOB_ID", lambda: client.job("nonsense").status()),
        (
            RequestIdReused,
            grpc.StatusCode.ALREADY_EXISTS,
            "REQUEST_ID_REUSED",
            lambda: client.submit(TINY_MP4.read_bytes() + b"more", request_id="used"),
        ),
        (JobNotFound, not_found, "JOB_NOT_FOUND", lambda: client.job(UNKNOWN_JOB).status()),
        (JobNotFound, not_found, "JOB_NOT_FOUND", lambda: client.job(UNKNOWN_JOB).wait()),
        (JobNotFound, not_found, "JOB_NOT_FOUND", lambda: client.job(UNKNOWN_JOB).delete()),
        (JobFailed, not_found, "JOB_FAILED", used.results),
    ]
    for kind, code, reason, call in cases:
        assert (type(refused(call)), *refusal_of(call)) == (kind, code, reason)


def test_an_unfinished_job_has_no_results_and_cannot_be_deleted(client: JobClient) -> None:
    job = client.submit(TINY_MP4)
    assert (type(refused(job.results)), *refusal_of(job.results)) == (
        JobNotCompleted,
        grpc.StatusCode.NOT_FOUND,
        "JOB_NOT_COMPLETED",
    )
    assert (type(refused(job.delete)), *refusal_of(job.delete)) == (
        JobNotFinished,
        grpc.StatusCode.FAILED_PRECONDITION,
        "JOB_NOT_FINISHED",
    )


def test_an_error_carries_the_details_that_the_server_sent(client: JobClient) -> None:
    unknown_pipeline = refused(lambda: client.submit(TINY_MP4, "nonsense"))
    info = unknown_pipeline.detail(details.ErrorInfo)
    assert info
    assert (info.domain, info.reason) == ("foregsyte", "UNKNOWN_PIPELINE")
    request = unknown_pipeline.detail(details.BadRequest)
    assert request
    assert [violation.field for violation in request.field_violations] == ["pipeline_id"]
    assert unknown_pipeline.retry_after_seconds is None
    assert unknown_pipeline.detail(details.RetryInfo) is None


def test_a_server_without_room_says_when_to_try_again(
    start_server: Callable[..., str], make_settings: Callable[..., ApiSettings]
) -> None:
    with JobClient(start_server(make_settings(min_free_bytes=1 << 60))) as client:
        busy = refused(lambda: client.submit(TINY_MP4))
    assert isinstance(busy, ServerBusy)
    assert busy.retry_after_seconds


def test_a_video_above_the_limit_has_an_exception_of_its_own(
    start_server: Callable[..., str], make_settings: Callable[..., ApiSettings]
) -> None:
    with JobClient(start_server(make_settings(max_video_bytes=100))) as client:
        assert isinstance(refused(lambda: client.submit(TINY_MP4)), PayloadTooLarge)


def test_a_fault_that_fits_no_kind_is_a_plain_service_error() -> None:
    class Broken(JobServiceServicer):
        def GetJobStatus(self, request: pb.GetJobStatusRequest, context: grpc.ServicerContext) -> Any:  # noqa: N802 (gRPC's name)
            context.abort(grpc.StatusCode.INTERNAL, "internal error 4711")

    with client_of(Broken()) as client:
        error = refused(client.job(UNKNOWN_JOB).status)
    assert type(error) is ServiceError
    assert (error.code, error.reason, error.details) == (grpc.StatusCode.INTERNAL, "", ())


def test_results_of_a_long_video_just_come(address: str, client: JobClient) -> None:
    found = [{"frame_index": index, "result": {"text": "a line of text " * 60}} for index in range(6000)]
    with working(address, FakeRunner(lambda *_: results_document(found))):
        job = client.submit(TINY_MP4)
        assert job.wait(60).status is JobStatus.completed
    assert job.results_as_dicts() == found


def test_a_deleted_job_is_not_found(client: JobClient, worker: None) -> None:
    job = client.submit(TINY_MP4)
    job.wait(20)
    job.delete()
    assert isinstance(refused(job.status), JobNotFound)


def test_jobs_are_listed_newest_first_over_all_pages(
    start_server: Callable[..., str], make_settings: Callable[..., ApiSettings]
) -> None:
    with JobClient(start_server(make_settings(default_page_size=2))) as client:
        submitted = [client.submit(TINY_MP4).job_id for _ in range(5)]
        assert [info.job_id for info in client.jobs()] == submitted[::-1]
        assert [info.job_id for info in client.jobs(JobStatus.pending)] == submitted[::-1]
        assert list(client.jobs(JobStatus.failed)) == []


def test_the_pipelines_are_those_that_the_server_offers(
    start_server: Callable[..., str], make_settings: Callable[..., ApiSettings]
) -> None:
    with JobClient(start_server(make_settings(pipelines=("ocr",)))) as client:
        [offered] = client.pipelines()
    assert offered == PipelineInfo("ocr", PipelineCatalogue().get("ocr").describe(Profile.balanced))


def test_a_job_shows_its_id(client: JobClient) -> None:
    assert str(client.job(UNKNOWN_JOB)) == UNKNOWN_JOB
    assert repr(client.job(UNKNOWN_JOB)) == f"Job(job_id='{UNKNOWN_JOB}')"


def test_an_unreachable_server_is_reported_after_a_few_tries() -> None:
    began_at = time.monotonic()
    with JobClient(f"127.0.0.1:{free_port()}") as client:
        assert refusal_of(client.job(UNKNOWN_JOB).status) == (grpc.StatusCode.UNAVAILABLE, "")
        assert isinstance(refused(client.job(UNKNOWN_JOB).status), Unreachable)
    assert time.monotonic() - began_at < 30


def test_waiting_survives_a_restart_of_the_server(settings_on_disk: ApiSettings) -> None:
    settings = settings_on_disk
    relay = Relay(settings.address)
    with client_of(relay) as client:
        with running_server(settings):
            job = client.submit(TINY_MP4)
            waiting = in_thread(lambda: job.wait(60))
        assert relay.target_away.wait(20)
        with running_server(settings), working(settings.address, FakeRunner()):
            assert waiting.result(30).status is JobStatus.completed


def test_waiting_for_a_server_that_stays_away_ends() -> None:
    began_at = time.monotonic()
    with JobClient(f"127.0.0.1:{free_port()}") as client:
        job = client.job(UNKNOWN_JOB)
        assert refusal_of(lambda: job.wait(outage_seconds=0.5)) == (grpc.StatusCode.UNAVAILABLE, "")
    assert 0.5 <= time.monotonic() - began_at < 30


def test_a_closed_client_is_of_no_use_any_more(address: str) -> None:
    client = JobClient(address)
    client.close()
    with pytest.raises(ValueError, match="closed channel"):
        client.job(UNKNOWN_JOB).status()


def test_a_submit_whose_answers_are_lost_is_one_job(address: str, jobs_of: Callable[[], list[pb.JobSummary]]) -> None:
    relay = Relay(address, lost_answers=3)
    with client_of(relay) as client:
        job = client.submit(TINY_MP4)
    assert len(relay.submits) == 4
    assert [listed.job_id for listed in jobs_of()] == [job.job_id]


def test_a_client_may_submit_before_the_server_is_there(make_settings: Callable[..., ApiSettings]) -> None:
    settings = make_settings(address=f"127.0.0.1:{free_port()}")
    relay = Relay(settings.address)
    with client_of(relay) as client:
        submitted = in_thread(lambda: client.submit(TINY_MP4))
        assert relay.target_away.wait(20)
        with running_server(settings):
            assert submitted.result(20).status().status is JobStatus.pending
