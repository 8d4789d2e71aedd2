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
from job_client.job import FrameResult, Job, JobInfo
from shared.contract.job_status import JobStatus

__all__ = [
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
    "PayloadTooLarge",
    "PipelineInfo",
    "RequestIdReused",
    "ServerBusy",
    "ServiceError",
    "Unreachable",
]
