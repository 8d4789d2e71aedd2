"""The jobs of a Foregsyte server, from Python."""

import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

import grpc
import tenacity

from shared.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub
from shared.grpc_channel import open_channel
from shared.grpc_errors import STOPPED_SERVER_CODES, reason_of
from shared.job_status import JobStatus

__all__ = ["JobClient", "JobInfo", "ServiceError"]

T = TypeVar("T")

DEFAULT_ADDRESS = "127.0.0.1:50051"
CALL_SECONDS = 60.0
TRANSFER_SECONDS = 600.0
PATIENCE_SECONDS = 3.0
"""How long a call is tried again while the server cannot be reached."""
OUTAGE_SECONDS = 60.0
"""How long `wait` bears a server that cannot be reached: one that is started again comes back in a few seconds."""
FIRST_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 2.0


class ServiceError(Exception):
    """What the server refused, or that it cannot be reached.

    Attributes:
        code: The canonical gRPC code.
        reason: The reason that programs switch on, such as `JOB_NOT_FOUND`; empty where the server gave none.
        message: What was wrong and what to do.
    """

    def __init__(self, error: grpc.RpcError) -> None:
        self.code: grpc.StatusCode = error.code()
        self.reason: str = reason_of(error) or ""
        self.message: str = error.details() or ""
        super().__init__(f"{self.code.name}{f' ({self.reason})' if self.reason else ''}: {self.message}")


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


class JobClient:
    """A connection to JobService. Every method raises `ServiceError` for what the server refuses.

    Args:
        address: The server, host:port.
        tls_ca_file: Certificates to trust (PEM): connect with TLS. None connects without.
    """

    def __init__(self, address: str = DEFAULT_ADDRESS, tls_ca_file: Path | None = None) -> None:
        self._channel = open_channel(address, tls_ca_file)
        self._stub = JobServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def submit(self, video: Path | bytes, pipeline_id: str = "yolo_ocr", request_id: str | None = None) -> str:
        """Submits a video and returns the job's id.

        Args:
            video: An MP4: its file or its bytes.
            pipeline_id: Which pipeline to run.
            request_id: Makes repeats safe across runs of the program; within one call they always are.
        """
        request = pb.SubmitJobRequest(
            pipeline_id=pipeline_id,
            video=video if isinstance(video, bytes) else video.read_bytes(),
            request_id=request_id or str(uuid4()),
        )
        return _call(self._stub.SubmitJob, request, TRANSFER_SECONDS).job_id

    def status(self, job_id: str) -> JobInfo:
        """Returns where the job stands."""
        answer = _call(self._stub.GetJobStatus, pb.GetJobStatusRequest(job_id=job_id), CALL_SECONDS)
        return JobInfo(
            job_id=answer.job_id,
            status=JobStatus(pb.JobStatus.Name(answer.status).removeprefix("JOB_STATUS_").lower()),
            progress=answer.progress,
            created_at=answer.created_at.ToDatetime(UTC),
            updated_at=answer.updated_at.ToDatetime(UTC),
            pipeline_id=answer.pipeline_id,
            error_message=answer.error_message,
        )

    def wait(
        self,
        job_id: str,
        timeout_seconds: float | None = None,
        on_status: Callable[[JobInfo], None] = lambda _: None,
    ) -> JobInfo:
        """Waits until the job has ended and returns how.

        Args:
            job_id: The job.
            timeout_seconds: The longest wait; None waits for ever.
            on_status: Called each time the server was asked.

        Raises:
            TimeoutError: The job has not ended in time.
            ServiceError: The server refuses, or could not be reached for a minute.
        """
        deadline = None if timeout_seconds is None else time.monotonic() + timeout_seconds
        pause = FIRST_PAUSE_SECONDS
        heard_at = time.monotonic()
        while True:
            try:
                job = self.status(job_id)
            except ServiceError as error:
                if error.code not in STOPPED_SERVER_CODES or time.monotonic() - heard_at > OUTAGE_SECONDS:
                    raise
            else:
                heard_at = time.monotonic()
                on_status(job)
                if job.status.is_final:
                    return job
            left = math.inf if deadline is None else deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"job {job_id} has not ended after {timeout_seconds:g} seconds")
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, MAX_PAUSE_SECONDS)

    def results(self, job_id: str) -> list[dict[str, Any]]:
        """Returns what was found: one `{"frame_index": int, "result": {...}}` a frame."""
        request = pb.GetJobResultsRequest(job_id=job_id, format=pb.RESULTS_FORMAT_JSON)
        results: list[dict[str, Any]] = json.loads(
            _call(self._stub.GetJobResults, request, TRANSFER_SECONDS).results_json
        )
        return results


def _call(method: Callable[..., T], request: object, seconds: float) -> T:
    trying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_unavailable),
        wait=tenacity.wait_random_exponential(multiplier=FIRST_PAUSE_SECONDS, max=MAX_PAUSE_SECONDS),
        stop=tenacity.stop_after_delay(PATIENCE_SECONDS),
        reraise=True,
    )
    try:
        return trying(method, request, timeout=seconds)
    except grpc.RpcError as error:
        raise ServiceError(error) from error


def _is_unavailable(error: BaseException) -> bool:
    return isinstance(error, grpc.RpcError) and error.code() in STOPPED_SERVER_CODES
