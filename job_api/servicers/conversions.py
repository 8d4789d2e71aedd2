"""Between the contract's messages and the services' types."""

from typing import Any

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from job_api.errors import InvalidFormat, InvalidResults, InvalidStatus, InvalidWait
from job_api.repositories.jobs import JobRecord
from job_api.services.reports import ResultsDigest
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.job_status import JobStatus
from shared.contract.status_numbers import number_of_status, status_of_number

SHA256_BYTES = 32
_MAX_DURATION_SECONDS = 315_576_000_000
"""The longest `google.protobuf.Duration`; see duration.proto."""


def status_message(job: JobRecord) -> pb.GetJobStatusResponse:
    """Return the status of the job as a response."""
    return pb.GetJobStatusResponse(**_status_fields(job))


def summary_message(job: JobRecord) -> pb.JobSummary:
    """Return the status of the job as an entry of a list."""
    return pb.JobSummary(**_status_fields(job))


def _status_fields(job: JobRecord) -> dict[str, Any]:
    created_at, updated_at = Timestamp(), Timestamp()
    created_at.FromDatetime(job.created_at)
    updated_at.FromDatetime(job.updated_at)
    return {
        "job_id": str(job.job_id),
        "status": number_of_status(job.status),
        "progress": job.status.progress,
        "created_at": created_at,
        "updated_at": updated_at,
        "pipeline_id": job.pipeline_id,
        "error_message": job.error_message or "",
    }


def status_of_filter(status: int) -> JobStatus | None:
    """Return the status to filter by, None for all.

    Raises:
        InvalidStatus: The number is not one of the enum's.
    """
    if status == pb.JOB_STATUS_UNSPECIFIED:
        return None
    try:
        return status_of_number(status)
    except ValueError:
        raise InvalidStatus(f"status must be one of JobStatus, not {status}") from None


def wants_json(request: pb.GetJobResultsRequest) -> bool:
    """Return whether the caller requests the results as JSON text.

    Raises:
        InvalidFormat: The format is not one of the enum's, or none that can be compressed.
    """
    if request.format not in pb.ResultsFormat.values():
        raise InvalidFormat(f"format must be one of ResultsFormat, not {request.format}")
    is_json = request.format == pb.RESULTS_FORMAT_JSON
    if request.gzip and not is_json:
        raise InvalidFormat("format must be RESULTS_FORMAT_JSON where gzip is requested")
    return is_json


def seconds_of_wait(wait: Duration) -> float:
    """Return the wait in seconds.

    Raises:
        InvalidWait: It is negative or not a valid duration.
    """
    if not (0 <= wait.seconds <= _MAX_DURATION_SECONDS and 0 <= wait.nanos < 10**9):
        raise InvalidWait("wait must be a duration of zero or more")
    return float(wait.seconds) + wait.nanos / 1e9


def digest_of(request: pb.CompleteJobRequest) -> ResultsDigest | None:
    """Return the digest of the results that were sent in chunks, None where the request holds the results.

    Raises:
        InvalidResults: It holds both, or no valid digest.
    """
    if not request.results_size_bytes and not request.results_sha256:
        return None
    if request.results_json:
        raise InvalidResults("results_json must be empty where results_size_bytes and results_sha256 are given")
    if (size := request.results_size_bytes) < 1:
        raise InvalidResults(f"results_size_bytes must be at least 1, not {size}", "results_size_bytes")
    if (length := len(request.results_sha256)) != SHA256_BYTES:
        raise InvalidResults(f"results_sha256 must have {SHA256_BYTES} bytes, not {length}", "results_sha256")
    return ResultsDigest(request.results_size_bytes, request.results_sha256)
