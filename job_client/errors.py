"""What can go wrong with a call or a file, as exceptions that programs can tell apart.

ServiceError
├── InvalidRequest        the request itself is wrong: no MP4, unknown pipeline, no job id
│   ├── RequestIdReused   the request_id stands for other content
│   └── PayloadTooLarge   the video is above the server's limit
├── JobNotFound           there is no such job
├── JobNotCompleted       the job has no results yet
├── JobFailed             the job has no results: it ended with an error
├── JobNotFinished        the job cannot be deleted while it is pending or running
├── ServerBusy            the server has no room, or its disk fails; `retry_after_seconds` may say when to try again
└── Unreachable           the server cannot be reached, or did not answer in time

What fits none of them (a fault in the server, damaged results) is a plain `ServiceError`.

WaitTimedOut (TimeoutError)  the job has not ended within the time that `Job.wait` was given

UnsuitableFile            a file that the caller names cannot be used; the message says why
├── UnsuitableVideo       it is no video, or not the one that the results are of
└── UnsuitableFont        it is no font
"""

from typing import TypeVar

import grpc
from google.protobuf.message import Message

from shared.contract.errors import (
    STOPPED_SERVER_CODES,
    details_of,
    first_of,
    is_above_grpc_limit,
    reason_in,
    retry_delay_in,
)
from shared.contract.reasons import Reason

M = TypeVar("M", bound=Message)


class ServiceError(Exception):
    """A call that failed: the server refused it, or cannot be reached.

    Attributes:
        code: The canonical gRPC code.
        reason: The reason that programs switch on, such as `JOB_NOT_FOUND`; empty where the server gave none.
        message: What was wrong and what to do.
        details: The `google.rpc` messages that came along: `ErrorInfo`, `BadRequest`, `ResourceInfo`, `RetryInfo`.
        retry_after_seconds: How long the server requests to wait before the next try; None where it does not.
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        reason: str = "",
        details: tuple[Message, ...] = (),
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(f"{code.name}{f' ({reason})' if reason else ''}: {message}")
        self.code = code
        self.message = message
        self.reason = reason
        self.details = details
        self.retry_after_seconds = retry_after_seconds

    def detail(self, kind: type[M]) -> M | None:
        """Return the detail of this kind, or None where the server sent none."""
        return first_of(kind, self.details)


class InvalidRequest(ServiceError):
    """The request itself is wrong; the same one again is refused again."""


class RequestIdReused(InvalidRequest):
    """The request_id was used before for another video or pipeline."""


class PayloadTooLarge(InvalidRequest):
    """The video is above the server's limit."""


class JobNotFound(ServiceError):
    """There is no such job."""


class JobNotCompleted(ServiceError):
    """The job is pending or running, so there are no results yet."""


class JobFailed(ServiceError):
    """The job ended with an error, so there are no results."""


class JobNotFinished(ServiceError):
    """The job is pending or running, so it cannot be deleted."""


class ServerBusy(ServiceError):
    """The server cannot do it just now: too much is under way, or its disk is nearly full or fails."""


class Unreachable(ServiceError):
    """The server cannot be reached, is stopping, or did not answer in time."""


class WaitTimedOut(TimeoutError):
    """The job has not ended within the time that the caller gave it."""


class UnsuitableFile(Exception):
    """A file cannot be used; the message says why."""


class UnsuitableVideo(UnsuitableFile):
    """The file is no video, or not the one that the results are of."""


class UnsuitableFont(UnsuitableFile):
    """The file is no font."""


_BY_REASON: dict[str, type[ServiceError]] = {
    Reason.JOB_NOT_FOUND: JobNotFound,
    Reason.JOB_NOT_COMPLETED: JobNotCompleted,
    Reason.JOB_FAILED: JobFailed,
    Reason.JOB_NOT_FINISHED: JobNotFinished,
    Reason.PAYLOAD_TOO_LARGE: PayloadTooLarge,
    Reason.REQUEST_ID_REUSED: RequestIdReused,
    Reason.STORAGE_UNAVAILABLE: ServerBusy,
}

_BY_CODE: dict[grpc.StatusCode, type[ServiceError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.RESOURCE_EXHAUSTED: ServerBusy,
    grpc.StatusCode.DEADLINE_EXCEEDED: Unreachable,
    **dict.fromkeys(STOPPED_SERVER_CODES, Unreachable),
}


def service_error(error: grpc.RpcError) -> ServiceError:
    """Return the exception that stands for what gRPC raised."""
    details = details_of(error)
    reason = reason_in(details) or (Reason.PAYLOAD_TOO_LARGE if is_above_grpc_limit(error) else "")
    kind = _BY_REASON.get(reason) or _BY_CODE.get(error.code(), ServiceError)
    return kind(error.code(), error.details() or "", reason, details, retry_delay_in(details))
