"""What the API refuses, and why.

ApiError
├── InvalidRequest            a field of the request is wrong
│   ├── InvalidMp4            ├── InvalidRequestId        ├── InvalidPageSize
│   ├── UnknownPipeline       ├── InvalidWait             ├── InvalidPageToken
│   ├── InvalidJobId          ├── InvalidRange            ├── InvalidStatus
│   ├── InvalidWorkerId       ├── InvalidResults          ├── InvalidFormat
│   ├── InvalidErrorMessage    └── MalformedRequest (the whole of it)
├── NotFound                  the job, or what was requested of it, is not there
│   ├── JobNotFound           ├── JobNotCompleted         └── JobFailed
├── AlreadyExists
│   └── RequestIdReused
├── WrongState                the job is not in a state that allows this
│   ├── LeaseLost             ├── ResultsIncomplete       └── JobNotFinished
├── Exhausted                 a limit is reached
│   ├── PayloadTooLarge       ├── DiskLow (retry)         └── Overloaded (retry)
├── Unavailable
│   ├── ShuttingDown          └── StorageUnavailable
└── DataLoss                  a stored file is missing or damaged
    ├── InputUnreadable       └── ResultsUnreadable

The errors know nothing of gRPC: `job_api/interceptors/error_mapping.py` turns them into status codes and details. Their
messages are for callers: plain language, what to do, never a path.
"""

from typing import ClassVar

from shared.contract.reasons import Reason


class ApiError(Exception):
    """Base of everything the API refuses.

    Attributes:
        reason: The reason that programs switch on.
        message: What was wrong and what to do.
        retry_after_seconds: When trying again can help, else None.
    """

    reason: ClassVar[Reason]
    retry_after_seconds: ClassVar[float | None] = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRequest(ApiError):
    """A field of the request is wrong; `field` names it: the one that the error is usually about, or another."""

    field: str

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        if field is not None:
            self.field = field


class MalformedRequest(InvalidRequest):
    """The bytes are no message of the contract, so that no field can be named."""

    reason, field = Reason.MALFORMED_REQUEST, ""

    def __init__(self) -> None:
        super().__init__("the request's bytes are not the message that this call takes")


class InvalidMp4(InvalidRequest):
    """The bytes are not an MP4."""

    reason, field = Reason.INVALID_MP4, "video"


class UnknownPipeline(InvalidRequest):
    """No pipeline of that name is offered."""

    reason, field = Reason.UNKNOWN_PIPELINE, "pipeline_id"


class InvalidRequestId(InvalidRequest):
    """The request id is too long."""

    reason, field = Reason.INVALID_REQUEST_ID, "request_id"


class InvalidJobId(InvalidRequest):
    """The job id is not a UUID."""

    reason, field = Reason.INVALID_JOB_ID, "job_id"


class InvalidWorkerId(InvalidRequest):
    """The worker id is empty or too long."""

    reason, field = Reason.INVALID_WORKER_ID, "worker_id"


class InvalidWait(InvalidRequest):
    """The wait is negative or not a duration."""

    reason, field = Reason.INVALID_WAIT, "wait"


class InvalidRange(InvalidRequest):
    """The chunk does not lie within the video, or begins behind the results that are held; or `length` is negative."""

    reason, field = Reason.INVALID_RANGE, "offset"


class InvalidResults(InvalidRequest):
    """The results are not the frozen shape; or `results_size_bytes` or `results_sha256` cannot be those of any."""

    reason, field = Reason.INVALID_RESULTS, "results_json"


class InvalidErrorMessage(InvalidRequest):
    """The error message is empty."""

    reason, field = Reason.INVALID_ERROR_MESSAGE, "error_message"


class InvalidFormat(InvalidRequest):
    """The results format is not one of the enum's."""

    reason, field = Reason.INVALID_FORMAT, "format"


class InvalidPageSize(InvalidRequest):
    """The page size is negative."""

    reason, field = Reason.INVALID_PAGE_SIZE, "page_size"


class InvalidPageToken(InvalidRequest):
    """The page token is not one of this server."""

    reason, field = Reason.INVALID_PAGE_TOKEN, "page_token"


class InvalidStatus(InvalidRequest):
    """The status is not one of the enum's."""

    reason, field = Reason.INVALID_STATUS, "status"


class _AboutJob(ApiError):
    """An error about one job; `job_id` names it."""

    def __init__(self, job_id: str, message: str) -> None:
        super().__init__(message)
        self.job_id = job_id


class NotFound(_AboutJob):
    """The job, or what was requested of it, is not there."""


class JobNotFound(NotFound):
    """No job has this id."""

    reason = Reason.JOB_NOT_FOUND

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id, f"no job has the id {job_id}")


class JobNotCompleted(NotFound):
    """The job has no results yet."""

    reason = Reason.JOB_NOT_COMPLETED


class JobFailed(NotFound):
    """The job has no results because it failed."""

    reason = Reason.JOB_FAILED


class AlreadyExists(_AboutJob):
    """What the request would create exists already, and differs."""


class RequestIdReused(AlreadyExists):
    """The request id was used before with another video or pipeline."""

    reason = Reason.REQUEST_ID_REUSED


class WrongState(_AboutJob):
    """The job is not in a state that allows this."""


class LeaseLost(WrongState):
    """The worker does not hold the job."""

    reason = Reason.LEASE_LOST

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id, f"this worker does not hold job {job_id}; drop it and take another")


class ResultsIncomplete(WrongState):
    """The server holds other results of the job, or only a part of them."""

    reason = Reason.RESULTS_INCOMPLETE


class JobNotFinished(WrongState):
    """The job is still pending or running."""

    reason = Reason.JOB_NOT_FINISHED


class Exhausted(ApiError):
    """A limit is reached."""


class PayloadTooLarge(Exhausted):
    """The video, the results, the chunk or the message are larger than the server takes or gives in this form."""

    reason = Reason.PAYLOAD_TOO_LARGE


class DiskLow(Exhausted):
    """The server's disk is too full to take more."""

    reason = Reason.DISK_LOW
    retry_after_seconds = 30.0


class Overloaded(Exhausted):
    """More messages are in flight than the server has memory for, or too many files are open."""

    reason = Reason.OVERLOADED
    retry_after_seconds = 1.0


class Unavailable(ApiError):
    """The server cannot answer now."""


class ShuttingDown(Unavailable):
    """The server is stopping."""

    reason = Reason.SHUTTING_DOWN
    retry_after_seconds = 1.0


class StorageUnavailable(Unavailable):
    """The server's disk fails, is read-only or is gone."""

    reason = Reason.STORAGE_UNAVAILABLE
    retry_after_seconds = 1.0


class DataLoss(_AboutJob):
    """A stored file of the job is missing or damaged."""


class InputUnreadable(DataLoss):
    """The job's stored video is missing."""

    reason = Reason.INPUT_UNREADABLE


class ResultsUnreadable(DataLoss):
    """The job's stored results are missing or damaged."""

    reason = Reason.RESULTS_UNREADABLE
