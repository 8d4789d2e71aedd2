"""One job of a server: its status, its end, its results."""

import gzip
import io
import math
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO, TypeVar, cast

import grpc

from job_client.errors import ServerBusy, ServiceError, Unreachable, WaitTimedOut
from job_client.retry import CALL_SECONDS, FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS, RESULTS_SECONDS, call
from job_client.timeline import DEFAULT_SETTINGS, Timeline, TimelineSettings, timeline_of
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub
from shared.contract.job_status import JobStatus
from shared.contract.status_numbers import status_of_number
from shared.results import FrameResult, InvalidDocument, decode_frame, iter_list

T = TypeVar("T")

OUTAGE_SECONDS = 60.0
"""How long `wait` goes on without an answer: a server that is started again comes back in a few seconds."""


@dataclass(frozen=True, slots=True)
class JobInfo:
    """The status of a job; the fields are those of `GetJobStatusResponse`, times in UTC."""

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
    _timeout: float | None = field(default=None, repr=False, compare=False)

    def __str__(self) -> str:
        return self.job_id

    def status(self) -> JobInfo:
        """Return the job's status now."""
        return job_info(self._answer(self._stub.GetJobStatus, pb.GetJobStatusRequest(job_id=self.job_id)))

    def wait(
        self,
        timeout: float | None = None,
        on_status: Callable[[JobInfo], None] = lambda _: None,
        on_outage: Callable[[ServiceError], None] = lambda _: None,
        outage_seconds: float = OUTAGE_SECONDS,
    ) -> JobInfo:
        """Wait until the job has ended, completed or failed, and return its status.

        Args:
            timeout: The longest wait in seconds; None waits for ever.
            on_status: Called with each status that the server answers.
            on_outage: Called with the error of each call that does not reach the server, or that it is too busy for.
            outage_seconds: How long to go on while the server cannot be reached.

        Raises:
            WaitTimedOut: The job has not ended in time.
            ServiceError: The server refuses, or could not be reached for so long.
        """
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        pause = FIRST_PAUSE_SECONDS
        answered_at = time.monotonic()
        while True:
            try:
                job = self.status()
            except (Unreachable, ServerBusy) as error:
                if time.monotonic() > answered_at + outage_seconds:
                    raise
                on_outage(error)
            else:
                answered_at = time.monotonic()
                on_status(job)
                if job.status.is_final:
                    return job
            left = deadline - time.monotonic()
            if left <= 0:
                raise WaitTimedOut(f"job {self.job_id} has not ended after {timeout:g} seconds")
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, MAX_PAUSE_SECONDS)

    def results(self) -> list[FrameResult]:
        """Return the result of every frame in display order, however long the video is.

        Raises:
            JobNotCompleted: The job is pending or running.
            JobFailed: The job ended with an error; the message says which.
            ServiceError: The results are damaged.
        """
        return list(self.iter_results())

    def iter_results(self) -> Iterator[FrameResult]:
        """Yield the results frame by frame, which takes less memory than `results`; raises as that does."""
        request = pb.GetJobResultsRequest(job_id=self.job_id, format=pb.RESULTS_FORMAT_JSON, gzip=True)
        try:
            yield from iter_list(self._results_json(request), decode_frame)
        except (InvalidDocument, gzip.BadGzipFile, EOFError, zlib.error) as error:
            message = f"the server's answer holds no results of job {self.job_id}: {error}"
            raise ServiceError(grpc.StatusCode.DATA_LOSS, message) from error

    def timeline(self, settings: TimelineSettings = DEFAULT_SETTINGS) -> Timeline:
        """Return what is in the video and when: each line of text and each object once, over all of its frames.

        Args:
            settings: When two sightings are of one thing, and what is noise.

        Raises:
            ServiceError: As by `results`.
        """
        return timeline_of(self.iter_results(), settings)

    def _results_json(self, request: pb.GetJobResultsRequest) -> BinaryIO:
        """Return the answered JSON text, and keep nothing else of the answer: it may be large."""
        answer = self._answer(self._stub.GetJobResults, request, RESULTS_SECONDS)
        if answer.results_json_gzip:
            return cast("BinaryIO", gzip.GzipFile(fileobj=io.BytesIO(answer.results_json_gzip)))
        return io.BytesIO(answer.results_json.encode())  # of a server that does not compress

    def results_as_dicts(self) -> list[dict[str, Any]]:
        """Return the same as plain dicts, `{"frame_index": int, "result": {...}}`; raises as `results` does."""
        return [frame.to_dict() for frame in self.results()]

    def delete(self) -> None:
        """Delete the job, its video and its results.

        Raises:
            JobNotFinished: The job is pending or running.
        """
        self._answer(self._stub.DeleteJob, pb.DeleteJobRequest(job_id=self.job_id))

    def _answer(self, method: Callable[..., T], request: object, seconds: float = CALL_SECONDS) -> T:
        return call(method, request, self._timeout or seconds)


def job_info(answer: pb.GetJobStatusResponse | pb.JobSummary) -> JobInfo:
    """Return a job of the server's answer."""
    return JobInfo(
        job_id=answer.job_id,
        status=status_of_number(answer.status),
        progress=answer.progress,
        created_at=answer.created_at.ToDatetime(UTC),
        updated_at=answer.updated_at.ToDatetime(UTC),
        pipeline_id=answer.pipeline_id,
        error_message=answer.error_message,
    )
