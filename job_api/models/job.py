"""The table of jobs."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from sqlalchemy import Enum, String, Uuid
from sqlalchemy.orm import Mapped, mapped_column

from job_api.core.column_types import UtcDateTime
from job_api.core.database import Base
from shared.contract.job_status import JobStatus


def _now() -> datetime:
    return datetime.now(UTC)


class Job(Base):
    """One job. Leases, attempts and progress are no columns: they live in the server's memory or are derived.

    Attributes:
        job_id: Made by the server.
        status: Where the job stands.
        pipeline_id: The pipeline it runs.
        input_path: Storage key of the video.
        output_path: Storage key of the results, once completed.
        error_message: Why it failed, once failed.
        created_at: When it was accepted.
        updated_at: When it last changed.
    """

    __tablename__ = "jobs"

    job_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid4)
    status: Mapped[JobStatus] = mapped_column(Enum(JobStatus, name="job_status"), default=JobStatus.pending)
    pipeline_id: Mapped[str] = mapped_column(String)
    input_path: Mapped[str] = mapped_column(String)
    output_path: Mapped[str | None] = mapped_column(String)
    error_message: Mapped[str | None] = mapped_column(String)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=_now)
    updated_at: Mapped[datetime] = mapped_column(UtcDateTime, default=_now, onupdate=_now)
