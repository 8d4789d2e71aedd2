"""The Foregsyte client: `JobClient` for Python programs, the `foregsyte` command for people."""

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
