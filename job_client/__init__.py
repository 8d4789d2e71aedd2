"""The Foregsyte client: `JobClient` for Python programs, the `foregsyte` command for people.

What is exported is imported when it is used: the command must start, and say what is missing, without any library.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from job_client.client import JobClient as JobClient
    from job_client.client import PipelineInfo as PipelineInfo
    from job_client.errors import InvalidRequest as InvalidRequest
    from job_client.errors import JobFailed as JobFailed
    from job_client.errors import JobNotCompleted as JobNotCompleted
    from job_client.errors import JobNotFinished as JobNotFinished
    from job_client.errors import JobNotFound as JobNotFound
    from job_client.errors import PayloadTooLarge as PayloadTooLarge
    from job_client.errors import RequestIdReused as RequestIdReused
    from job_client.errors import ServerBusy as ServerBusy
    from job_client.errors import ServiceError as ServiceError
    from job_client.errors import Unreachable as Unreachable
    from job_client.errors import WaitTimedOut as WaitTimedOut
    from job_client.job import Job as Job
    from job_client.job import JobInfo as JobInfo
    from job_client.timeline import CodeSpan as CodeSpan
    from job_client.timeline import ObjectSpan as ObjectSpan
    from job_client.timeline import TextSpan as TextSpan
    from job_client.timeline import Timeline as Timeline
    from job_client.timeline import TimelineSettings as TimelineSettings
    from shared.contract.job_status import JobStatus as JobStatus
    from shared.results import Box as Box
    from shared.results import Code as Code
    from shared.results import Detection as Detection
    from shared.results import FrameResult as FrameResult
    from shared.results import Polygon as Polygon
    from shared.results import TextLine as TextLine

_MODULE_OF = {
    "Box": "shared.results",
    "Code": "shared.results",
    "CodeSpan": "job_client.timeline",
    "Detection": "shared.results",
    "FrameResult": "shared.results",
    "InvalidRequest": "job_client.errors",
    "Job": "job_client.job",
    "JobClient": "job_client.client",
    "JobFailed": "job_client.errors",
    "JobInfo": "job_client.job",
    "JobNotCompleted": "job_client.errors",
    "JobNotFinished": "job_client.errors",
    "JobNotFound": "job_client.errors",
    "JobStatus": "shared.contract.job_status",
    "ObjectSpan": "job_client.timeline",
    "PayloadTooLarge": "job_client.errors",
    "PipelineInfo": "job_client.client",
    "Polygon": "shared.results",
    "RequestIdReused": "job_client.errors",
    "ServerBusy": "job_client.errors",
    "ServiceError": "job_client.errors",
    "TextLine": "shared.results",
    "TextSpan": "job_client.timeline",
    "Timeline": "job_client.timeline",
    "TimelineSettings": "job_client.timeline",
    "Unreachable": "job_client.errors",
    "WaitTimedOut": "job_client.errors",
}
__all__ = list(_MODULE_OF)

if not TYPE_CHECKING:  # a type checker finds what is imported above, and no other name

    def __getattr__(name: str) -> object:
        if name in _MODULE_OF:
            return getattr(import_module(_MODULE_OF[name]), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
