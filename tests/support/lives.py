"""Short ways to say what happens to a job, and to count the rows behind it."""

from uuid import UUID, uuid4

from sqlalchemy import func, select

from job_api.bootstrap import Services
from job_api.models.job import Job
from job_api.services.job_queue import Waiter
from shared.contract.job_status import JobStatus
from tests.support.samples import DOCUMENT, VIDEO


def submit(services: Services, video: bytes = VIDEO, pipeline_id: str = "ocr", request_id: str = "") -> UUID:
    return services.submission.submit(pipeline_id, video, request_id)


def take(services: Services, worker_id: str = "w1") -> UUID | None:
    """Request a job without waiting."""
    return services.dispatch.dequeue(worker_id, 0, Waiter())


def running(services: Services, worker_id: str = "w1") -> UUID:
    """Submit a job and have the worker take it; the worker has called about it."""
    job_id = submit(services)
    assert take(services, worker_id) == job_id
    services.dispatch.renew(job_id, worker_id)
    return job_id


def completed(services: Services, document: bytes = DOCUMENT) -> UUID:
    job_id = running(services)
    services.reports.complete(job_id, "w1", document)
    return job_id


def failed(services: Services, error_message: str = "no frame can be read") -> UUID:
    job_id = running(services)
    services.reports.fail(job_id, "w1", error_message)
    return job_id


def status(services: Services, job_id: UUID) -> JobStatus:
    return services.queries.job(job_id).status


def outcome(services: Services, job_id: UUID) -> tuple[JobStatus, str | None, str | None]:
    """Return all of the row that a stale worker could change."""
    job = services.queries.job(job_id)
    return job.status, job.output_path, job.error_message


def rows(services: Services) -> int:
    with services.database.sessions() as session:
        return session.scalar(select(func.count()).select_from(Job)) or 0


def new_worker() -> str:
    return f"worker-{uuid4()}"
