"""The rows of jobs: the cached rows equal those of the database."""

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID, uuid4

import pytest
from sqlalchemy import event
from sqlalchemy.orm import Session

from job_api.core.database import Database
from job_api.core.group_writer import GroupWriter
from job_api.repositories.jobs import JobRecord, JobRepository
from shared.contract.job_status import JobStatus

pytestmark = pytest.mark.unit

T = TypeVar("T")

pending, running, completed, failed = JobStatus.pending, JobStatus.running, JobStatus.completed, JobStatus.failed


@pytest.fixture
def repository(database: Database, writer: GroupWriter) -> JobRepository:
    return JobRepository(database, writer)


@pytest.fixture
def row(database: Database, writer: GroupWriter) -> Callable[[UUID], JobRecord | None]:
    """Read a row without the cache."""
    return lambda job_id: JobRepository(database, writer).get(job_id)


@pytest.fixture
def queries(database: Database) -> list[str]:
    made: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        made.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    return made


class HookedWriter(GroupWriter):
    """Writes through another writer; calls a hook, where one is set, before and after each write."""

    def __init__(self, writer: GroupWriter) -> None:
        self.run_by_other = writer.run
        self.before: Callable[[], None] | None = None
        self.after: Callable[[], None] | None = None

    def run(self, write: Callable[[Session], T]) -> T:
        if self.before:
            self.before()
        result = self.run_by_other(write)
        if self.after:
            self.after()
        return result


def added(repository: JobRepository) -> UUID:
    job_id = uuid4()
    repository.add(job_id, "ocr", f"video_jobs/{job_id}.mp4")
    return job_id


@pytest.mark.parametrize(
    ("end", "columns"),
    [(completed, {"output_path": "video_jobs/results.json"}), (failed, {"error_message": "no frame"})],
)
def test_what_is_remembered_is_the_row_after_every_change(
    end: JobStatus, columns: dict[str, str], repository: JobRepository, row: Callable[[UUID], JobRecord | None]
) -> None:
    job_id = added(repository)
    seen = [repository.get(job_id)]
    assert seen[-1] == row(job_id)
    for before, after, values in ((pending, running, {}), (running, pending, {}), (pending, running, {})):
        assert repository.move(job_id, before, after, **values)
        seen.append(repository.get(job_id))
        assert seen[-1] == row(job_id)
    assert repository.move(job_id, running, end, **columns)
    seen.append(repository.get(job_id))
    assert seen[-1] == row(job_id)
    assert [job.status for job in seen if job] == [pending, running, pending, running, end]
    assert len({job.updated_at for job in seen if job}) == len(seen)
    assert repository.delete(job_id)
    assert repository.get(job_id) is None


def test_a_change_that_finds_another_state_changes_nothing(
    repository: JobRepository, row: Callable[[UUID], JobRecord | None]
) -> None:
    job_id = added(repository)
    before = repository.get(job_id)
    assert not repository.move(job_id, running, completed, output_path="results")
    assert repository.get(job_id) == before
    assert not repository.delete(job_id)
    assert repository.get(job_id) == row(job_id) == before


def test_a_job_that_has_just_changed_is_known_without_a_query(repository: JobRepository, queries: list[str]) -> None:
    job_id = added(repository)
    repository.move(job_id, pending, running)
    made = len(queries)
    assert [job.status for job in (repository.get(job_id) for _ in range(5)) if job] == [running] * 5
    assert len(queries) == made == 2


def test_a_job_with_a_long_error_message_is_read_again_and_not_kept_in_memory(
    repository: JobRepository, queries: list[str]
) -> None:
    job_id = added(repository)
    repository.move(job_id, pending, failed, error_message="é" * 60_000)
    made = len(queries)
    job = repository.get(job_id)
    assert job
    assert job.error_message == "é" * 60_000
    assert len(queries) == made + 1


def test_a_change_that_fails_leaves_what_the_row_says(database: Database, writer: GroupWriter) -> None:
    def answer_lost() -> None:
        raise OSError("after the commit")

    hooked = HookedWriter(writer)
    repository = JobRepository(database, hooked)
    job_id = added(repository)
    hooked.after = answer_lost
    with pytest.raises(OSError, match="after the commit"):
        repository.move(job_id, pending, running)
    found = repository.get(job_id)
    assert found is not None
    assert found.status is running


def test_a_change_is_seen_from_its_commit_on_and_not_before(
    database: Database, writer: GroupWriter, row: Callable[[UUID], JobRecord | None]
) -> None:
    hooked = HookedWriter(writer)
    repository = JobRepository(database, hooked)
    job_id = added(repository)
    seen: list[JobRecord | None] = []
    hooked.before = hooked.after = lambda: seen.append(repository.get(job_id))
    repository.move(job_id, pending, running)
    assert seen[-1] == row(job_id)
    assert [job.status for job in seen if job] == [pending, running]


def test_jobs_that_changed_long_ago_are_read_again(database: Database, writer: GroupWriter, queries: list[str]) -> None:
    repository = JobRepository(database, writer, remembered_jobs=2)
    first, second, third = (added(repository) for _ in range(3))
    repository.move(second, pending, running)
    added(repository)
    made = len(queries)
    assert [job.job_id for job in (repository.get(job_id) for job_id in (second, first, third)) if job] == [
        second,
        first,
        third,
    ]
    assert len(queries) == made + 2
    assert repository.move(first, pending, running)
    found = repository.get(first)
    assert found is not None
    assert found.status is running
