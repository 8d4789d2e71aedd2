"""The rows of the jobs table, read in short sessions and written through the one writer."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import CursorResult, Select, and_, delete, or_, select, update
from sqlalchemy.orm import Session

from job_api.core.database import Database
from job_api.core.group_writer import GroupWriter
from job_api.models.job import Job
from shared.job_status import JobStatus

__all__ = ["JobRecord", "JobRepository", "Position"]

Position = tuple[datetime, UUID]
"""A job's place in the list: when it was accepted, and its id where two share that instant."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job as its row stood when it was read; the fields are the columns."""

    job_id: UUID
    status: JobStatus
    pipeline_id: str
    input_path: str
    output_path: str | None
    error_message: str | None
    created_at: datetime
    updated_at: datetime


_COLUMNS = tuple(getattr(Job, name) for name in JobRecord.__slots__)


class JobRepository:
    """Jobs by id, by state and by age. No session outlives a method."""

    def __init__(self, database: Database, writer: GroupWriter) -> None:
        self._sessions = database.sessions
        self._writer = writer

    def add(self, job_id: UUID, pipeline_id: str, input_path: str) -> None:
        """Inserts a pending job; it is durable when this returns."""
        now = datetime.now(UTC)

        def insert(session: Session) -> None:
            session.add(
                Job(job_id=job_id, pipeline_id=pipeline_id, input_path=input_path, created_at=now, updated_at=now)
            )

        self._writer.run(insert)

    def get(self, job_id: UUID) -> JobRecord | None:
        """Returns the job, or None."""
        found = self._read(select(*_COLUMNS).where(Job.job_id == job_id))
        return found[0] if found else None

    def newest(self, status: JobStatus | None, after: Position | None, count: int) -> list[JobRecord]:
        """Returns up to `count` jobs, newest first, that come after the position."""
        query = select(*_COLUMNS).order_by(Job.created_at.desc(), Job.job_id.desc()).limit(count)
        if status:
            query = query.where(Job.status == status)
        if after:
            created_at, job_id = after
            same_instant = and_(Job.created_at == created_at, Job.job_id < job_id)
            query = query.where(or_(Job.created_at < created_at, same_instant))
        return self._read(query)

    def ids_with_status(self, status: JobStatus) -> list[UUID]:
        """Returns the ids of the jobs in this state, oldest first."""
        query = select(Job.job_id).where(Job.status == status).order_by(Job.created_at, Job.job_id)
        with self._sessions() as session:
            return list(session.scalars(query))

    def missing(self, job_ids: Iterable[UUID]) -> set[UUID]:
        """Returns those of the ids that no row has."""
        with self._sessions() as session:
            return set(job_ids) - set(session.scalars(select(Job.job_id)))

    def move(self, job_id: UUID, before: JobStatus, after: JobStatus, **columns: str | None) -> bool:
        """Changes a job's state, and these columns with it, if it is in the state `before`.

        Returns:
            Whether it was; if not, nothing changed.
        """
        statement = (
            update(Job).where(Job.job_id == job_id, Job.status == before).values(status=after, **columns)
        ).execution_options(synchronize_session=False)
        return self._writer.run(lambda session: _rows_changed(session, statement) == 1)

    def delete(self, job_id: UUID) -> bool:
        """Deletes a job in a final state; returns whether there was one."""
        final = [status for status in JobStatus if status.is_final]
        statement = (delete(Job).where(Job.job_id == job_id, Job.status.in_(final))).execution_options(
            synchronize_session=False
        )
        return self._writer.run(lambda session: _rows_changed(session, statement) == 1)

    def _read(self, query: Select[Any]) -> list[JobRecord]:
        with self._sessions() as session:
            return [JobRecord(*row) for row in session.execute(query)]


def _rows_changed(session: Session, statement: Any) -> int:
    return cast("CursorResult[Any]", session.execute(statement)).rowcount
