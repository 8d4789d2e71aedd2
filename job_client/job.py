"""One job of a server: where it stands, its end, what was found."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypedDict

from job_client.errors import Unreachable
from job_client.retry import FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS, TRANSFER_SECONDS, call
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub
from shared.contract.job_status import JobStatus

__all__ = ["FrameResult", "Job", "JobInfo", "job_info"]

OUTAGE_SECONDS = 60.0
"""How long `wait` bears a server that cannot be reached: one that is started again comes back in a few seconds."""


class FrameResult(TypedDict):
    """What was found in one frame.

    Attributes:
        frame_index: The frame's place in display order, counted from 0.
        result: What the pipeline found; the built-in ones give `detections`, `text`, `text_lines`, `timestamp_ms`.
    """

    frame_index: int
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class JobInfo:
    """Where a job stands; the fields are those of `GetJobStatusResponse`, times in UTC."""

    job_id: str
    status: JobStatus
    progress: float
    created_at: datetime
    updated_at: datetime
    pipeline_id: str
    error_message: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job of a server; made by `JobClient.submit` or `JobClient.job`.

    Every method raises `ServiceError` for what the server refuses. Usable as long as its client is open.

    Attributes:
        job_id: The job's id.
    """

    job_id: str
    _stub: JobServiceStub = field(repr=False, compare=False)

    def __str__(self) -> str:
        return self.job_id

    def status(self) -> JobInfo:
        """Returns where the job stands."""
        return job_info(call(self._stub.GetJobStatus, pb.GetJobStatusRequest(job_id=self.job_id)))

    def wait(self, timeout: float | None = None, on_status: Callable[[JobInfo], None] = lambda _: None) -> JobInfo:
        """Waits until the job has ended and returns how; a failed job is an end like any other.

        Args:
            timeout: The longest wait in seconds; None waits for ever.
            on_status: Called each time the server was asked.

        Raises:
            TimeoutError: The job has not ended in time.
            ServiceError: The server refuses, or could not be reached for a minute.
        """
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        pause = FIRST_PAUSE_SECONDS
        heard_at = time.monotonic()
        while True:
            if job := self._status_or_none(heard_at):
                heard_at = time.monotonic()
                on_status(job)
                if job.status.is_final:
                    return job
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"job {self.job_id} has not ended after {timeout:g} seconds")
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, MAX_PAUSE_SECONDS)

    def results(self) -> list[FrameResult]:
        """Returns what was found, one entry a frame in display order, however long the video is.

        Raises:
            JobNotCompleted: The job is pending or running.
            JobFailed: The job ended with an error; the message says which.
        """
        request = pb.GetJobResultsRequest(job_id=self.job_id, format=pb.RESULTS_FORMAT_JSON)
        results: list[FrameResult] = json.loads(call(self._stub.GetJobResults, request, TRANSFER_SECONDS).results_json)
        return results

    def delete(self) -> None:
        """Deletes the job, its video and its results.

        Raises:
            JobNotFinished: The job is pending or running.
        """
        call(self._stub.DeleteJob, pb.DeleteJobRequest(job_id=self.job_id))

    def _status_or_none(self, heard_at: float) -> JobInfo | None:
        try:
            return self.status()
        except Unreachable:
            if time.monotonic() - heard_at > OUTAGE_SECONDS:
                raise
            return None


def job_info(answer: pb.GetJobStatusResponse | pb.JobSummary) -> JobInfo:
    """Turns the server's words about a job into ours."""
    return JobInfo(
        job_id=answer.job_id,
        status=JobStatus(pb.JobStatus.Name(answer.status).removeprefix("JOB_STATUS_").lower()),
        progress=answer.progress,
        created_at=answer.created_at.ToDatetime(UTC),
        updated_at=answer.updated_at.ToDatetime(UTC),
        pipeline_id=answer.pipeline_id,
        error_message=answer.error_message,
    )
