"""The Foregsyte client: `JobClient` for Python programs, the `foregsyte` command for people.

What is exported is imported when it is used: the command must start, and say what is missing, without any library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from job_client.client import JobClient, PipelineInfo
    from job_client.errors import (
        InvalidRequest,
        JobFailed,
        JobNotCompleted,
        JobNotFinished,
        JobNotFound,
        PayloadTooLarge,
        RequestIdReused,
        ServerBusy,
        ServiceError,
        Unreachable,
    )
    from job_client.job import Job, JobInfo
    from job_client.timeline import CodeSpan, ObjectSpan, TextSpan, Timeline, TimelineSettings
    from shared.contract.job_status import JobStatus
    from shared.results import Code, Detection, FrameResult, TextLine

__all__ = [
    "Code",
    "CodeSpan",
    "Detection",
    "FrameResult",
    "InvalidRequest",
    "Job",
    "JobClient",
    "JobFailed",
    "JobInfo",
    "JobNotCompleted",
    "JobNotFinished",
    "JobNotFound",
    "JobStatus",
    "ObjectSpan",
    "PayloadTooLarge",
    "PipelineInfo",
    "RequestIdReused",
    "ServerBusy",
    "ServiceError",
    "TextLine",
    "TextSpan",
    "Timeline",
    "TimelineSettings",
    "Unreachable",
]

_HOMES = (
    "job_client.client", "job_client.errors", "job_client.job", "job_client.timeline", "shared.contract.job_status",
    "shared.results",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in __all__:
        for home in map(import_module, _HOMES):
            if hasattr(home, name):
                return getattr(home, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
