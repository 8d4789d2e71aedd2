"""The Python client and the `foregsyte` command against a real server."""

import io
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from job_api.settings import ApiSettings
from job_client import JobClient, JobInfo, ServiceError
from job_client.__main__ import ROWS_SHOWN, _table, app, main
from job_client.summary import Sighting, labels_of, texts_of
from job_worker.errors import JobFailure
from job_worker.pipeline_runner import results_document
from shared.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub
from shared.job_status import JobStatus
from tests.conftest import TINY_MP4
from tests.support.running import running_server
from tests.support.waiting import eventually, in_thread
from tests.support.worker_fakes import FakeRunner, raising
from tests.support.working import free_port, working

pytestmark = pytest.mark.integration

UNKNOWN_JOB = "00000000-0000-4000-8000-000000000000"


def frame(index: int, labels: dict[str, float], texts: dict[str, float]) -> dict[str, Any]:
    return {
        "frame_index": index,
        "result": {
            "detections": [{"label": label, "confidence": confidence} for label, confidence in labels.items()],
            "text_lines": [{"text": text, "confidence": confidence} for text, confidence in texts.items()],
        },
    }


RESULTS = [
    frame(0, {"car": 0.5}, {"STOP": 0.9}),
    frame(1, {"car": 0.75, "dog": 0.9}, {"[live] Кадр": 0.8}),
    frame(2, {}, {"STOP": 0.7, "[/b]": 0.6}),
    frame(3, {"car": 0.6}, {}),
]


@pytest.fixture
def jobs_of(address: str, connect: Callable[[str], grpc.Channel]) -> Callable[[], list[pb.JobSummary]]:
    stub = JobServiceStub(connect(address))
    return lambda: list(stub.ListJobs(pb.ListJobsRequest()).jobs)


@pytest.fixture
def worker(address: str) -> Iterator[None]:
    """A worker that finds RESULTS in every video."""
    with working(address, FakeRunner(lambda *_: results_document(RESULTS))):
        yield


@pytest.fixture
def failing_worker(address: str) -> Iterator[None]:
    """A worker that can do no job."""
    with working(address, FakeRunner(raising(JobFailure("the file holds [only] audio [/b]")))):
        yield


def refusal_of(call: Callable[[], object]) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(ServiceError) as raised:
        call()
    assert raised.value.message
    assert str(raised.value).startswith(raised.value.code.name)
    assert raised.value.message in str(raised.value)
    return raised.value.code, raised.value.reason


@pytest.mark.parametrize("video", [TINY_MP4, TINY_MP4.read_bytes()], ids=["a path", "bytes"])
def test_a_video_is_submitted_from_a_path_or_from_bytes(video: Path | bytes, client: JobClient, worker: None) -> None:
    job = client.wait(client.submit(video, "ocr"), 20)
    assert (job.status, job.pipeline_id) == (JobStatus.completed, "ocr")


def test_the_whole_file_arrives(client: JobClient, address: str) -> None:
    videos: list[bytes] = []

    def run(_pipeline_id: str, video: Path, _: Callable[[], bool]) -> bytes:
        videos.append(video.read_bytes())
        return results_document([])

    with working(address, FakeRunner(run)):
        client.wait(client.submit(TINY_MP4), 20)
    assert videos == [TINY_MP4.read_bytes()]


def test_two_submits_of_one_video_are_two_jobs(client: JobClient) -> None:
    assert client.submit(TINY_MP4) != client.submit(TINY_MP4)


def test_one_request_id_is_one_job(client: JobClient) -> None:
    assert client.submit(TINY_MP4, request_id="r") == client.submit(TINY_MP4, request_id="r")


def test_a_status_says_all_that_is_known(client: JobClient) -> None:
    before = datetime.now(UTC)
    job_id = client.submit(TINY_MP4, "yolo")
    job = client.status(job_id)
    assert job == JobInfo(job_id, JobStatus.pending, 0.0, job.created_at, job.created_at, "yolo", "")
    assert before - timedelta(seconds=1) <= job.created_at <= datetime.now(UTC) + timedelta(seconds=1)


def test_results_are_those_that_the_worker_found(client: JobClient, worker: None) -> None:
    job_id = client.submit(TINY_MP4)
    client.wait(job_id, 20)
    assert client.results(job_id) == RESULTS


def test_waiting_ends_with_a_failed_job_too(client: JobClient, failing_worker: None) -> None:
    job = client.wait(client.submit(TINY_MP4), 20)
    assert (job.status, job.progress) == (JobStatus.failed, 1.0)
    assert job.error_message == "the file holds [only] audio [/b]"


def test_waiting_tells_what_it_sees(client: JobClient, address: str) -> None:
    seen: list[JobStatus] = []
    job_id = client.submit(TINY_MP4)
    waiting = in_thread(lambda: client.wait(job_id, 20, on_status=lambda job: seen.append(job.status)))
    eventually(lambda: seen, "a first look")
    with working(address, FakeRunner()):
        waiting.result(20)
    assert seen[0] is JobStatus.pending
    assert seen[-1] is JobStatus.completed


@pytest.mark.parametrize("seconds", [0.0, 1.0])
def test_waiting_gives_up_when_the_time_is_over_and_not_before(seconds: float, client: JobClient) -> None:
    job_id = client.submit(TINY_MP4)
    began_at = time.monotonic()
    with pytest.raises(TimeoutError, match=f"job {job_id} has not ended after {seconds:g} seconds"):
        client.wait(job_id, seconds)
    assert seconds <= time.monotonic() - began_at < seconds + 3


def test_waiting_looks_a_last_time_when_the_time_is_over(client: JobClient, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = client.submit(TINY_MP4)
    pending = client.status(job_id)
    statuses = iter([JobStatus.pending] * 3 + [JobStatus.completed])
    now = [0.0]
    monkeypatch.setattr("job_client.client.time.monotonic", lambda: now[0])
    monkeypatch.setattr("job_client.client.time.sleep", lambda seconds: now.append(now.pop() + seconds))
    fields = {name: getattr(pending, name) for name in JobInfo.__slots__}
    monkeypatch.setattr(client, "status", lambda _: JobInfo(**(fields | {"status": next(statuses)})))
    assert client.wait(job_id, 0.3).status is JobStatus.completed
    assert now[0] == pytest.approx(0.3)


def test_refusals_carry_code_and_reason(client: JobClient, failing_worker: None) -> None:
    cases: dict[str, Callable[[], object]] = {
        "INVALID_MP4": lambda: client.submit(b"no video"),
        "UNKNOWN_PIPELINE": lambda: client.submit(TINY_MP4, "nonsense"),
        "INVALID_JOB_ID": lambda: client.status("nonsense"),
    }
    for reason, call in cases.items():
        assert refusal_of(call) == (grpc.StatusCode.INVALID_ARGUMENT, reason)
    assert refusal_of(lambda: client.status(UNKNOWN_JOB)) == (grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND")
    assert refusal_of(lambda: client.wait(UNKNOWN_JOB)) == (grpc.StatusCode.NOT_FOUND, "JOB_NOT_FOUND")
    failed = client.wait(client.submit(TINY_MP4), 20).job_id
    assert refusal_of(lambda: client.results(failed)) == (grpc.StatusCode.NOT_FOUND, "JOB_FAILED")


def test_results_before_the_end_are_refused(client: JobClient) -> None:
    job_id = client.submit(TINY_MP4)
    assert refusal_of(lambda: client.results(job_id)) == (grpc.StatusCode.NOT_FOUND, "JOB_NOT_COMPLETED")


def test_a_server_that_is_not_there_is_told_after_a_few_tries() -> None:
    began_at = time.monotonic()
    with JobClient(f"127.0.0.1:{free_port()}") as client:
        assert refusal_of(lambda: client.status(UNKNOWN_JOB)) == (grpc.StatusCode.UNAVAILABLE, "")
    assert time.monotonic() - began_at < 30


def test_waiting_survives_a_restart_of_the_server(
    settings_on_disk: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("job_client.client.PATIENCE_SECONDS", 0.2)
    settings = settings_on_disk
    refused = threading.Event()
    with JobClient(settings.address) as client:
        status = client.status

        def counted(job_id: str) -> JobInfo:
            try:
                return status(job_id)
            except ServiceError:
                refused.set()
                raise

        with running_server(settings):
            job_id = client.submit(TINY_MP4)
            monkeypatch.setattr(client, "status", counted)
            waiting = in_thread(lambda: client.wait(job_id, 60))
        assert refused.wait(20)
        with running_server(settings), working(settings.address, FakeRunner()):
            assert waiting.result(30).status is JobStatus.completed


def test_waiting_for_a_server_that_stays_away_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("job_client.client.PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr("job_client.client.OUTAGE_SECONDS", 0.5)
    began_at = time.monotonic()
    with JobClient(f"127.0.0.1:{free_port()}") as client:
        assert refusal_of(lambda: client.wait(UNKNOWN_JOB)) == (grpc.StatusCode.UNAVAILABLE, "")
    assert 0.5 <= time.monotonic() - began_at < 30


def test_a_closed_client_is_of_no_use_any_more(address: str) -> None:
    client = JobClient(address)
    client.close()
    with pytest.raises(ValueError, match="closed channel"):
        client.status(UNKNOWN_JOB)


class LosingTheFirstAnswers:
    """Lets a call through to the server, then says that it could not be reached."""

    def __init__(self, call: Callable[..., Any], losses: int) -> None:
        self._call = call
        self.losses = losses
        self.requests: list[pb.SubmitJobRequest] = []

    def __call__(self, request: pb.SubmitJobRequest, timeout: float) -> Any:
        self.requests.append(request)
        answer = self._call(request, timeout=timeout)
        if len(self.requests) <= self.losses:
            raise Unavailable
        return answer


class Unavailable(grpc.RpcError):
    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNAVAILABLE

    def details(self) -> str:
        return "Connection reset by peer"

    def trailing_metadata(self) -> None:
        return None


def test_a_submit_whose_answers_are_lost_is_one_job(
    client: JobClient, jobs_of: Callable[[], list[pb.JobSummary]]
) -> None:
    losing = client._stub.SubmitJob = LosingTheFirstAnswers(client._stub.SubmitJob, losses=3)
    job_id = client.submit(TINY_MP4)
    assert len(losing.requests) == 4
    assert [job.job_id for job in jobs_of()] == [job_id]


def test_a_client_may_submit_before_the_server_is_there(make_settings: Callable[..., ApiSettings]) -> None:
    settings = make_settings(address=f"127.0.0.1:{free_port()}")
    with JobClient(settings.address) as client:
        tries = threading.Event()
        submit = client._stub.SubmitJob

        def counted(*arguments: object, **options: object) -> pb.SubmitJobResponse:
            try:
                return submit(*arguments, **options)
            finally:
                tries.set()

        client._stub.SubmitJob = counted
        submitted = in_thread(lambda: client.submit(TINY_MP4))
        assert tries.wait(20)
        with running_server(settings):
            assert client.status(submitted.result(20)).status is JobStatus.pending


def test_labels_and_texts_are_counted_once_a_frame_and_the_most_frequent_come_first() -> None:
    twice = frame(7, {"dog": 0.3}, {})
    twice["result"]["detections"] *= 2
    assert labels_of([*RESULTS, twice]) == [
        Sighting("car", frames=3, first_frame=0, last_frame=3, best_confidence=0.75),
        Sighting("dog", frames=2, first_frame=1, last_frame=7, best_confidence=0.9),
    ]
    assert texts_of(RESULTS) == [
        Sighting("STOP", frames=2, first_frame=0, last_frame=2, best_confidence=0.9),
        Sighting("[live] Кадр", frames=1, first_frame=1, last_frame=1, best_confidence=0.8),
        Sighting("[/b]", frames=1, first_frame=2, last_frame=2, best_confidence=0.6),
    ]


def test_results_of_a_pipeline_without_objects_or_text_have_no_labels_or_texts() -> None:
    results = [{"frame_index": 0, "result": {"timestamp_ms": 0.0}}]
    assert labels_of(results) == texts_of(results) == []


def test_a_table_shows_text_as_it_was_read_and_how_much_it_leaves_out() -> None:
    many = [Sighting(f"[live] {number} [/b]", 1, 0, 0, 0.5) for number in range(ROWS_SHOWN + 2)]
    screen = Console(width=120, record=True, file=io.StringIO())
    screen.print(_table("Text", many))
    shown = screen.export_text()
    assert "[live] 0 [/b]" in shown
    assert f"[live] {ROWS_SHOWN}" not in shown
    assert "and 2 more" in shown


def run(*arguments: str, **variables: str) -> Result:
    return CliRunner().invoke(app, arguments, env=variables)


def submitted(address: str, *more: str) -> str:
    result = run("submit", str(TINY_MP4), "--address", address, *more)
    assert result.exit_code == 0, result.output
    return result.stdout.splitlines()[0]


def test_the_command_submits_and_prints_the_job_id_alone(address: str, client: JobClient) -> None:
    result = run("submit", str(TINY_MP4), "--pipeline", "ocr", "--address", address)
    assert result.exit_code == 0
    assert client.status(result.stdout.strip()).pipeline_id == "ocr"


def test_the_command_waits_for_the_end(address: str, client: JobClient, worker: None) -> None:
    assert client.status(submitted(address, "--wait")).status is JobStatus.completed


def test_the_command_takes_the_address_from_the_environment(address: str) -> None:
    job_id = run("submit", str(TINY_MP4), FOREGSYTE_ADDRESS=address).stdout.strip()
    assert run("status", job_id, FOREGSYTE_ADDRESS=address).exit_code == 0


def test_the_command_prints_a_status_as_json(address: str, client: JobClient) -> None:
    job_id = submitted(address)
    printed = json.loads(run("status", job_id, "--address", address).stdout)
    job = client.status(job_id)
    assert printed == {
        "job_id": job_id,
        "status": "pending",
        "progress": 0.0,
        "created_at": str(job.created_at),
        "updated_at": str(job.updated_at),
        "pipeline_id": "yolo_ocr",
        "error_message": "",
    }


def test_the_command_prints_results_as_json(address: str, worker: None) -> None:
    result = run("results", submitted(address, "--wait"), "--address", address)
    assert json.loads(result.stdout) == RESULTS
    assert "Кадр" in result.stdout


def test_waiting_for_a_job_that_fails_ends_with_code_1_and_its_reason(address: str, failing_worker: None) -> None:
    result = run("submit", str(TINY_MP4), "--wait", "--address", address)
    assert result.exit_code == 1
    assert "the file holds [only] audio [/b]" in result.stdout


def test_a_file_that_is_not_there_is_wrong_usage(tmp_path: Path) -> None:
    result = run("submit", str(tmp_path / "absent.mp4"))
    assert result.exit_code == 2
    assert "does not exist" in result.stderr


def test_no_command_shows_the_help() -> None:
    result = run()
    assert result.exit_code == 2
    assert "submit" in result.output


def exit_code_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["foregsyte", *arguments])
    try:
        return main()
    except SystemExit as left:
        return int(left.code or 0)


def test_the_program_ends_with_0_when_all_went_well(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_code_of(monkeypatch, "submit", str(TINY_MP4), "--address", address) == 0


def test_the_program_ends_with_1_and_one_line_when_the_server_refuses(
    address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(monkeypatch, "results", UNKNOWN_JOB, "--address", address) == 1
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("foregsyte: NOT_FOUND (JOB_NOT_FOUND): ")
    assert UNKNOWN_JOB in line


def test_the_program_ends_with_1_when_the_server_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code_of(monkeypatch, "status", UNKNOWN_JOB, "--address", f"127.0.0.1:{free_port()}") == 1
    assert capsys.readouterr().err.startswith("foregsyte: UNAVAILABLE")


def test_the_program_ends_with_2_for_wrong_usage(monkeypatch: pytest.MonkeyPatch) -> None:
    assert exit_code_of(monkeypatch, "nonsense") == 2
