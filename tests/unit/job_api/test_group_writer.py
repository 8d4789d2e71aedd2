"""Writes to the database, committed in groups by one thread."""

import errno
import os
import threading
from pathlib import Path
from uuid import UUID, uuid4

import duckdb
import pytest
from sqlalchemy import event, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from job_api.core.database import Database
from job_api.core.group_writer import GroupWriter
from job_api.core.migrations import migrate
from job_api.core.write_ahead_log import CHECKPOINT_BYTES
from job_api.errors import DiskLow, StorageUnavailable
from job_api.models.job import Job
from tests.support.failed_disks import FAILED_DISKS
from tests.support.waiting import eventually, in_thread, opened_at_the_end

pytestmark = pytest.mark.unit


def insert(session: Session) -> UUID:
    job = Job(job_id=uuid4(), pipeline_id="ocr", input_path="key")
    session.add(job)
    return job.job_id


def rows(database: Database) -> int:
    with database.sessions() as session:
        return session.scalar(select(func.count()).select_from(Job)) or 0


def commits(database: Database) -> list[int]:
    """Count the commits from now on."""
    counted: list[int] = []
    event.listen(database.engine, "commit", lambda _connection: counted.append(1))
    return counted


def test_a_write_returns_its_result_once_others_can_read_it(database: Database, writer: GroupWriter) -> None:
    job_id = writer.run(insert)
    with database.sessions() as session:
        assert session.scalar(select(Job.job_id)) == job_id


def test_writes_of_many_threads_are_all_committed(database: Database, writer: GroupWriter) -> None:
    def write_some() -> list[UUID]:
        return [writer.run(insert) for _ in range(25)]

    written = [job_id for future in [in_thread(write_some) for _ in range(8)] for job_id in future.result(60)]
    assert len(set(written)) == rows(database) == 200


def run_together(writer: GroupWriter, writes: list[object]) -> list[object]:
    """Run the writes so that they wait together while another is under way; return results and errors."""
    busy = threading.Event()
    with opened_at_the_end(threading.Event()) as gate:

        def block(_session: Session) -> None:
            busy.set()
            assert gate.wait(60)

        blocker = in_thread(lambda: writer.run(block))
        assert busy.wait(30)
        futures = []
        for count, write in enumerate(writes, 1):
            futures.append(in_thread(lambda write=write: writer.run(write)))  # type: ignore[misc]
            eventually(lambda count=count: writer.waiting == count, "the write to wait")  # type: ignore[misc]
    blocker.result(30)
    return [future.exception(30) or future.result() for future in futures]


def test_writes_that_wait_together_are_one_commit(database: Database, writer: GroupWriter) -> None:
    counted = commits(database)
    outcomes = run_together(writer, [insert] * 20)
    assert len(set(outcomes)) == rows(database) == 20
    assert len(counted) == 1


def test_a_group_has_a_largest_size(database: Database) -> None:
    writer = GroupWriter(database, max_group=4)
    writer.start()
    counted = commits(database)
    run_together(writer, [insert] * 10)
    writer.close()
    assert rows(database) == 10
    assert len(counted) == 3


def test_a_write_that_fails_in_a_group_fails_alone(database: Database, writer: GroupWriter) -> None:
    def fail(session: Session) -> UUID:
        insert(session)
        raise LookupError("this one")

    outcomes = run_together(writer, [insert, insert, fail, insert])
    assert isinstance(outcomes.pop(2), LookupError)
    with database.sessions() as session:
        assert set(session.scalars(select(Job.job_id))) == set(outcomes)


def test_a_write_whose_commit_fails_fails_alone(database: Database, writer: GroupWriter) -> None:
    taken = writer.run(insert)

    def insert_again(session: Session) -> None:
        session.add(Job(job_id=taken, pipeline_id="yolo", input_path="another"))

    outcomes = run_together(writer, [insert, insert_again, insert])
    assert [isinstance(outcome, Exception) for outcome in outcomes] == [False, True, False]
    assert rows(database) == 3
    with database.sessions() as session:
        assert session.scalar(select(Job.pipeline_id).where(Job.job_id == taken)) == "ocr"


def test_after_a_failure_the_writer_goes_on(database: Database, writer: GroupWriter) -> None:
    def fail(_session: Session) -> None:
        raise LookupError("once")

    with pytest.raises(LookupError, match="once"):
        writer.run(fail)
    writer.run(insert)
    assert rows(database) == 1


def test_a_write_after_closing_is_refused(database: Database) -> None:
    writer = GroupWriter(database)
    writer.start()
    writer.close()
    with pytest.raises(RuntimeError):
        in_thread(lambda: writer.run(insert)).result(1)


def test_a_disk_without_space_is_low_for_that_write_alone(database: Database, writer: GroupWriter) -> None:
    def find_no_space(_session: Session) -> None:
        raise OperationalError("COMMIT", {}, duckdb.IOException("IO Error: Could not write: No space left on device"))

    outcomes = run_together(writer, [insert, find_no_space, insert])
    assert [type(outcome) for outcome in outcomes] == [UUID, DiskLow, UUID]
    assert rows(database) == 2


@pytest.mark.parametrize("number", FAILED_DISKS, ids=errno.errorcode.get)
def test_a_disk_that_refuses_a_write_is_noted_until_it_takes_one(
    database: Database, writer: GroupWriter, number: int
) -> None:
    def refuse(_session: Session) -> None:
        raise OperationalError("COMMIT", {}, duckdb.IOException(f"IO Error: Could not write: {os.strerror(number)}"))

    with pytest.raises(StorageUnavailable):
        writer.run(refuse)
    assert database.health.is_refused()
    writer.run(insert)
    assert not database.health.is_refused()


def test_a_log_that_cannot_be_looked_at_for_a_while_stops_no_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, stat = Database(f"duckdb:///{tmp_path / 'jobs.duckdb'}"), Path.stat

    def refuse_the_log(path: Path, **options: bool) -> os.stat_result:
        if path.suffix == ".wal":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return stat(path, **options)

    database.open()
    migrate(database)
    writer = GroupWriter(database)
    writer.start()
    monkeypatch.setattr(Path, "stat", refuse_the_log)
    for _ in range(2):
        in_thread(lambda: writer.run(insert)).result(20)
    monkeypatch.undo()
    writer.run(insert)
    writer.close()
    assert rows(database) == 3
    database.close()


@pytest.mark.parametrize("max_group", [1, 3, 128])
def test_closing_commits_what_waits(database: Database, max_group: int) -> None:
    writer = GroupWriter(database, max_group)
    waiting = [in_thread(lambda: writer.run(insert)) for _ in range(7)]
    eventually(lambda: writer.waiting == 7, "the writes to wait")
    in_thread(lambda: (writer.start(), writer.close())).result(30)
    assert rows(database) == 7
    assert len({write.result(10) for write in waiting}) == 7


def test_the_databases_log_is_merged_once_it_is_long_and_when_the_database_is_closed(tmp_path: Path) -> None:
    database, log = Database(f"duckdb:///{tmp_path / 'jobs.duckdb'}"), tmp_path / "jobs.duckdb.wal"
    database.open()
    migrate(database)
    writer = GroupWriter(database)
    writer.start()

    def fail_with_a_long_message(session: Session) -> None:
        session.add(Job(pipeline_id="ocr", input_path="key", error_message="x" * (CHECKPOINT_BYTES // 4)))

    for _ in range(8):
        writer.run(fail_with_a_long_message)
    eventually(lambda: not log.exists() or log.stat().st_size < CHECKPOINT_BYTES, "the log to be merged")
    writer.run(insert)
    writer.close()
    database.close()
    assert not log.exists()
    database.open()
    assert rows(database) == 9
    database.close()
