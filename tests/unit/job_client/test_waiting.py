"""What a person learns while a command waits for the end of a job."""

from datetime import UTC, datetime

import grpc
import pytest

from job_client import Job, JobInfo, JobStatus, Unreachable
from job_client.cli.progress import wait_for
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub

pytestmark = pytest.mark.unit

NOW = datetime.now(UTC)
AWAY = Unreachable(grpc.StatusCode.UNAVAILABLE, "failed to connect to all addresses: Connection refused")
UNKNOWN = Unreachable(grpc.StatusCode.UNAVAILABLE, "Domain name not found")


def info(status: JobStatus) -> JobInfo:
    return JobInfo("a", status, 0.5, NOW, NOW, "ocr", "")


def test_an_outage_of_the_server_is_reported_once_until_it_answers_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = iter([AWAY, AWAY, info(JobStatus.running), UNKNOWN, AWAY, info(JobStatus.completed)])

    def status(job: Job) -> JobInfo:
        answer = next(answers)
        if isinstance(answer, Unreachable):
            raise answer
        return answer

    monkeypatch.setattr(Job, "status", status)
    monkeypatch.setattr("time.sleep", lambda _: None)
    job = Job("a", JobServiceStub(grpc.insecure_channel("localhost:1")))
    assert wait_for(job, "a.mp4", None, "localhost:1").status is JobStatus.completed
    plain = (
        "Waiting for the server: the server at localhost:1 does not answer; "
        "foregsyte-api starts one, and --address or FOREGSYTE_ADDRESS names another"
    )
    detail = "Waiting for the server: UNAVAILABLE: Domain name not found"
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if line] == [plain, plain, detail]  # older versions of Rich end with an empty one
