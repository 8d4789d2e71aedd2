"""The rows of the jobs table, read over short connections and written through the one writer."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

from cachetools import LRUCache
from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Delete,
    Select,
    TableClause,
    Update,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.orm import Session

from job_api.core.database import Database
from job_api.core.group_writer import GroupWriter
from job_api.models.job import Job
from shared.contract.job_status import JobStatus

Position = tuple[datetime, UUID]
"""A job's place in the list: when it was accepted, and its id where two share that instant."""


@dataclass(frozen=True, slots=True)
class JobRecord:
    """A job's row as it was when it was read; the fields are the columns."""

    job_id: UUID
    status: JobStatus
    pipeline_id: str
    input_path: str
    output_path: str | None
    error_message: str | None
    created_at: datetime
    updated_at: datetime


REMEMBERED_JOBS = 4096
"""How many of the jobs that changed last are read from memory; mostly a kilobyte each."""
LONGEST_REMEMBERED = 4096
"""The characters of the longest error message that is kept in memory."""

_JOBS = cast("TableClause", Job.__table__)
"""Rows are read and written without the object mapper, which would double the cost of every call."""
_SELECT = select(*(_JOBS.c[name] for name in JobRecord.__slots__))
_BY_ID = _SELECT.where(_JOBS.c.job_id == bindparam("job_id"))


class JobRepository:
    """Jobs by id, by state and by age. No connection outlives a method.

    The rows of the jobs that changed last are kept in memory, because their clients read them again and again. That is
    safe because nobody else writes to the database, and because changes of one job do not overlap: whoever makes one
    holds the job's lock.
    """

    def __init__(self, database: Database, writer: GroupWriter, remembered_jobs: int = REMEMBERED_JOBS) -> None:
        self._engine = database.engine
        self._writer = writer
        self._recent = _RecentJobs(remembered_jobs)

    def add(self, job_id: UUID, pipeline_id: str, input_path: str) -> None:
        """Insert a pending job; it is durable when this returns."""
        now = datetime.now(UTC)
        job = JobRecord(job_id, JobStatus.pending, pipeline_id, input_path, None, None, now, now)
        statement = insert(_JOBS).values({name: getattr(job, name) for name in JobRecord.__slots__})
        self._writer.run(lambda session: session.execute(statement))
        self._recent.put(job)

    def get(self, job_id: UUID) -> JobRecord | None:
        """Return the job, or None."""
        if recent := self._recent.get(job_id):
            return recent
        found = self._read(_BY_ID, job_id=job_id)
        return found[0] if found else None

    def newest(self, status: JobStatus | None, after: Position | None, count: int) -> list[JobRecord]:
        """Return up to `count` jobs, newest first, that come after the position."""
        query = _SELECT.order_by(_JOBS.c.created_at.desc(), _JOBS.c.job_id.desc()).limit(count)
        if status:
            query = query.where(_JOBS.c.status == status)
        if after:
            created_at, job_id = after
            same_instant = (_JOBS.c.created_at == created_at) & (_JOBS.c.job_id < job_id)
            query = query.where((_JOBS.c.created_at < created_at) | same_instant)
        return self._read(query)

    def ids_with_status(self, status: JobStatus) -> list[UUID]:
        """Return the ids of the jobs in this state, oldest first."""
        return self._ids(_JOBS.c.status == status)

    def ids_pending_again(self) -> list[UUID]:
        """Return the ids of the pending jobs that some worker has had before, oldest first: their rows have changed."""
        return self._ids((_JOBS.c.status == JobStatus.pending) & (_JOBS.c.updated_at != _JOBS.c.created_at))

    def missing(self, job_ids: Iterable[UUID]) -> set[UUID]:
        """Return those of the ids that no row has."""
        with self._engine.connect() as connection:
            return set(job_ids) - set(connection.scalars(select(_JOBS.c.job_id)))

    def move(self, job_id: UUID, before: JobStatus, after: JobStatus, **columns: str | None) -> bool:
        """Change a job's state, and these columns with it, if it is in the state `before`.

        Returns:
            Whether it was; if not, nothing changed.
        """
        is_so = (_JOBS.c.job_id == job_id, _JOBS.c.status == before)
        values: dict[str, Any] = {"status": after, "updated_at": datetime.now(UTC), **columns}
        statement = update(_JOBS).where(*is_so).values(values)
        recent = self._recent.get(job_id)
        is_moved = self._change(job_id, statement)
        if recent:
            self._recent.put(replace(recent, **values) if is_moved else recent)
        return is_moved

    def delete(self, job_id: UUID) -> bool:
        """Delete a job in a final state; return whether there was one."""
        final = [status for status in JobStatus if status.is_final]
        statement = delete(_JOBS).where(_JOBS.c.job_id == job_id, _JOBS.c.status.in_(final))
        return self._change(job_id, statement)

    def _change(self, job_id: UUID, statement: Update | Delete) -> bool:
        """Change a job's row; return whether there was one to change."""

        def write(session: Session) -> bool:
            self._recent.drop(job_id)
            return cast("CursorResult[Any]", session.execute(statement)).rowcount == 1

        return self._writer.run(write)

    def _ids(self, condition: ColumnElement[bool]) -> list[UUID]:
        query = select(_JOBS.c.job_id).where(condition).order_by(_JOBS.c.created_at, _JOBS.c.job_id)
        with self._engine.connect() as connection:
            return list(connection.scalars(query))

    def _read(self, query: Select[Any], **values: Any) -> list[JobRecord]:
        with self._engine.connect() as connection:
            return [JobRecord(*row) for row in connection.execute(query, values)]


class _RecentJobs:
    """The rows of the jobs that changed last. A row is dropped when it changes and put again after the commit.

    A row that was only read is not put here: it might change between the reading and the putting.
    """

    def __init__(self, count: int) -> None:
        self._lock = threading.Lock()
        self._jobs: LRUCache[UUID, JobRecord] = LRUCache(count)

    def get(self, job_id: UUID) -> JobRecord | None:
        with self._lock:
            return self._jobs.get(job_id)

    def put(self, job: JobRecord) -> None:
        if len(job.error_message or "") <= LONGEST_REMEMBERED:
            with self._lock:
                self._jobs[job.job_id] = job

    def drop(self, job_id: UUID) -> None:
        with self._lock:
            self._jobs.pop(job_id, None)
