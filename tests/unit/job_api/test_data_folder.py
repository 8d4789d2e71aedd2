"""The data folder: any name, one server, and what the watch says about it."""

import errno
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from filelock import SoftFileLock

from job_api.bootstrap import JOB_FOLDERS, STAGING_FOLDER, build_services
from job_api.core.database import Database, DatabaseUnavailable
from job_api.core.group_writer import GroupWriter
from job_api.disk.data_folder import LOCK_NAME, DataFolder, DataFolderHeld, DataFolderUnusable
from job_api.disk_watch import DiskWatch
from job_api.settings import ApiSettings
from shared.contract.job_status import JobStatus
from tests.support.lives import submit
from tests.support.waiting import eventually, in_thread, opened_at_the_end

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

NEVER = threading.Event()


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[DataFolder]:
    folder = DataFolder(tmp_path / "data")
    folder.lock(0.0, NEVER)
    yield folder
    folder.unlock()


@pytest.mark.parametrize("name", ["100%20", "100%", "a:b", "~", "a#b;c&d=e", "ü ñ", "[x]*"])
def test_all_that_is_kept_lies_in_the_data_folder_whatever_its_name(
    make_settings: Callable[..., ApiSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    services = build_services(make_settings(data_dir=Path(name), database_url=""))
    submit(services)
    services.close()
    assert {path.name for path in tmp_path.iterdir()} == {name}
    assert {path.name for path in (tmp_path / name).iterdir()} == {
        "foregsyte.duckdb",
        "foregsyte.database",
        "video_jobs",
        STAGING_FOLDER,
    }


@pytest.mark.parametrize("name", ["a?b", "a\\b", "a\udcffb"])
def test_a_name_that_duckdb_would_change_is_refused_and_nothing_is_made(
    make_settings: Callable[..., ApiSettings], tmp_path: Path, name: str
) -> None:
    with pytest.raises(DatabaseUnavailable, match="DuckDB does not take"):
        Database(make_settings(data_dir=tmp_path / name, database_url="").resolved_database_url).open()
    assert list(tmp_path.iterdir()) == []


def test_a_link_is_judged_by_where_it_leads(make_settings: Callable[..., ApiSettings], tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "a?b").symlink_to("plain")
    (tmp_path / "link").symlink_to("c?d")
    build_services(make_settings(data_dir=tmp_path / "a?b", database_url="")).close()
    assert (tmp_path / "plain" / "foregsyte.duckdb").exists()
    (tmp_path / "c?d").mkdir()
    with pytest.raises(DatabaseUnavailable, match="DuckDB does not take"):
        build_services(make_settings(data_dir=tmp_path / "link", database_url=""))
    assert {path.name for path in tmp_path.iterdir()} == {"plain", "a?b", "link", "c?d"}


def test_a_folder_has_one_holder_and_the_next_learns_who(folder: DataFolder, tmp_path: Path) -> None:
    with pytest.raises(DataFolderHeld, match=rf"{tmp_path / 'data'} is held by another server \(PID \d+\)"):
        DataFolder(tmp_path / "data").lock(0.0, NEVER)
    folder.unlock()
    DataFolder(tmp_path / "data").lock(0.0, NEVER)


DAMAGED = [b"\xff\xfe", b"\0" * 8, b"5", b"[]", b'{"shutdown_seconds": "5"}', b"not JSON", b"{", b""]


@pytest.mark.parametrize("record", DAMAGED)
def test_a_lock_file_that_a_loss_of_power_damaged_is_written_anew(tmp_path: Path, record: bytes) -> None:
    (tmp_path / LOCK_NAME).write_bytes(record)
    folder = DataFolder(tmp_path)
    folder.lock(0.0, NEVER)
    with pytest.raises(DataFolderHeld, match=rf"\(PID {os.getpid()}\)"):
        DataFolder(tmp_path).lock(0.0, NEVER)
    folder.unlock()


@pytest.mark.parametrize("record", DAMAGED)
def test_a_holder_whose_lock_file_is_damaged_is_unknown(folder: DataFolder, tmp_path: Path, record: bytes) -> None:
    (tmp_path / "data" / LOCK_NAME).write_bytes(record)
    with pytest.raises(DataFolderHeld, match=r"\(PID unknown\)"):
        DataFolder(tmp_path / "data").lock(0.0, NEVER)


def test_a_wait_for_a_folder_ends_with_a_request_to_stop(tmp_path: Path) -> None:
    held = DataFolder(tmp_path)
    held.lock(600.0, NEVER)
    stopping = threading.Event()
    stopping.set()
    assert not DataFolder(tmp_path).lock(0.0, stopping)
    held.unlock()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataFolderUnusable, match="file/data cannot be written: Not a directory"):
        DataFolder(tmp_path / "file" / "data").lock(0.0, NEVER)


@pytest.mark.skipif(sys.platform == "win32", reason="optional: every file system of Windows has locks")
def test_without_locks_of_the_file_system_a_dead_holder_is_still_recognised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_file: int, _operation: int) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", refuse)
    folder = DataFolder(tmp_path)
    with pytest.warns(UserWarning, match="flock not supported"):
        folder.lock(0.0, NEVER)
    assert SoftFileLock(tmp_path / LOCK_NAME).pid == os.getpid()  # by which it is seen whether the holder lives
    folder.unlock()


@pytest.mark.parametrize("is_made_again", [False, True])
def test_a_folder_that_was_deleted_is_gone_also_where_another_has_its_place(
    folder: DataFolder, tmp_path: Path, is_made_again: bool
) -> None:
    assert not folder.is_gone()
    shutil.move(tmp_path / "data", tmp_path / "moved")
    if is_made_again:
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / LOCK_NAME).touch()
    assert folder.is_gone()


def test_an_unlocked_folder_holds_nothing_open(tmp_path: Path) -> None:
    before, folder = psutil.Process().num_fds(), DataFolder(tmp_path, JOB_FOLDERS)
    folder.lock(0.0, NEVER)
    folder.hold_folders()
    folder.unlock()
    assert psutil.Process().num_fds() == before
    assert folder.lost_folder() is None


@pytest.mark.parametrize("name", JOB_FOLDERS)
def test_a_folder_is_writable_where_those_for_jobs_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder, read_only, access = DataFolder(tmp_path, JOB_FOLDERS), tmp_path / name, os.access
    folder.hold_folders()
    assert folder.is_writable()
    monkeypatch.setattr("os.access", lambda path, mode: path != read_only and access(path, mode))
    assert not folder.is_writable()


@pytest.mark.parametrize("name", JOB_FOLDERS)
def test_a_folder_that_cannot_be_looked_at_is_not_writable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder, stat = DataFolder(tmp_path, JOB_FOLDERS), Path.stat
    folder.hold_folders()

    def refuse(path: Path, **options: bool) -> os.stat_result:
        if path.name == name:
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", refuse)
    monkeypatch.setattr("os.access", lambda path, _mode: path.name != name)
    assert not folder.is_writable()
    assert folder.lost_folder() is None


@pytest.mark.parametrize("name", JOB_FOLDERS)
def test_a_link_in_the_place_of_a_folder_that_leads_nowhere_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("unmounted")
    with pytest.raises(DataFolderUnusable, match=rf"the folder {tmp_path / name} cannot be made or read"):
        DataFolder(tmp_path, JOB_FOLDERS).hold_folders()


class Health:
    """What health checks reported, and whether the server was to end."""

    def __init__(self) -> None:
        self.reported: list[bool] = []
        self.ended = threading.Event()


class ChangingFolder(DataFolder):
    """A folder that is read-only when a test says so."""

    writable = True

    def is_writable(self) -> bool:
        return self.writable


def test_a_read_only_folder_is_not_serving_until_it_can_be_written_and_one_that_is_gone_ends_the_server(
    database: Database, tmp_path: Path
) -> None:
    folder, health = ChangingFolder(tmp_path / "data"), Health()
    folder.lock(0.0, NEVER)
    watch = DiskWatch(folder, database, health.reported.append, health.ended.set, interval_seconds=0.01)
    watch.start()
    folder.writable = False
    eventually(lambda: health.reported == [False], "health to say so")
    folder.writable = True
    eventually(lambda: health.reported == [False, True], "health to say that it serves")
    shutil.rmtree(tmp_path / "data")
    assert health.ended.wait(20)
    assert (health.reported, watch.failure) == ([False, True, False], "the data folder was deleted or replaced")


class BrokenFolder(DataFolder):
    """A folder that cannot be looked at when a test says so."""

    is_broken = False

    def is_writable(self) -> bool:
        if self.is_broken:
            raise RuntimeError("whatever it is")
        return super().is_writable()


def test_the_watch_goes_on_whatever_a_look_raises(database: Database, tmp_path: Path) -> None:
    folder, health = BrokenFolder(tmp_path / "data"), Health()
    folder.lock(0.0, NEVER)
    watch = DiskWatch(folder, database, health.reported.append, health.ended.set, interval_seconds=0.01)
    watch.start()
    for is_serving in (False, True) * 2:
        folder.is_broken = not is_serving
        eventually(lambda: health.reported[-1:] == [is_serving], "health to say so")  # noqa: B023 (called at once)
    watch.stop()
    assert health.reported == [False, True] * 2


def test_a_write_that_does_not_end_is_not_serving_until_it_has(folder: DataFolder) -> None:
    database, health = Database("duckdb:///:memory:", stuck_seconds=0.05), Health()
    database.open()
    writer = GroupWriter(database)
    writer.start()
    watch = DiskWatch(folder, database, health.reported.append, health.ended.set, interval_seconds=0.01)
    watch.start()
    with opened_at_the_end(threading.Event()) as gate:
        writing = in_thread(lambda: writer.run(lambda _session: gate.wait(60)))
        eventually(lambda: health.reported == [False], "health to say so")
    writing.result(20)
    eventually(lambda: health.reported == [False, True], "health to say that it serves")
    watch.stop()
    writer.close()
    database.close()


@pytest.mark.parametrize("is_made_again", [False, True])
@pytest.mark.parametrize("name", JOB_FOLDERS)
def test_a_folder_for_jobs_that_is_deleted_or_replaced_ends_the_server(
    database: Database, tmp_path: Path, name: str, is_made_again: bool
) -> None:
    folder, health = DataFolder(tmp_path, JOB_FOLDERS), Health()
    folder.lock(0.0, NEVER)
    folder.hold_folders()
    assert folder.lost_folder() is None
    shutil.rmtree(tmp_path / name)
    if is_made_again:
        (tmp_path / name).mkdir()
    watch = DiskWatch(folder, database, health.reported.append, health.ended.set, interval_seconds=0.01)
    watch.start()
    assert health.ended.wait(20)
    assert health.reported == [False]
    assert watch.failure == f"the folder {name} in the data folder was deleted or replaced"
    folder.unlock()


@pytest.mark.parametrize("is_made_again", [False, True])
def test_a_database_that_is_deleted_or_replaced_ends_the_server(
    folder: DataFolder, tmp_path: Path, is_made_again: bool
) -> None:
    database, health = Database(f"duckdb:///{tmp_path / 'elsewhere' / 'jobs.duckdb'}"), Health()
    database.open()
    assert not database.is_gone()
    shutil.move(tmp_path / "elsewhere", tmp_path / "moved")
    if is_made_again:
        shutil.copytree(tmp_path / "moved", tmp_path / "elsewhere")
    watch = DiskWatch(folder, database, health.reported.append, health.ended.set, interval_seconds=0.01)
    watch.start()
    assert health.ended.wait(20)
    assert (health.reported, watch.failure) == ([False], "the database was deleted or replaced")
    database.close()


@pytest.mark.parametrize("is_replaced", [False, True])
def test_a_log_of_the_database_that_is_deleted_or_replaced_ends_the_server_and_costs_no_job(
    make_settings: Callable[..., ApiSettings], folder: DataFolder, tmp_path: Path, is_replaced: bool
) -> None:
    settings = make_settings(data_dir=tmp_path / "data", database_url="")
    services, health = build_services(settings), Health()
    log = tmp_path / "data" / "foregsyte.duckdb.wal"
    before = submit(services)
    log.rename(tmp_path / "moved")
    if is_replaced:
        log.write_bytes(b"")
    after = submit(services)
    watch = DiskWatch(folder, services.database, health.reported.append, health.ended.set, interval_seconds=0.01)
    watch.start()
    assert health.ended.wait(20)
    assert (health.reported, watch.failure) == ([False], "the log of the database was deleted or replaced")
    services.close()
    restarted = build_services(settings)
    assert {restarted.queries.job(job_id).status for job_id in (before, after)} == {JobStatus.pending}
    restarted.close()


def test_a_log_that_the_server_itself_merges_into_the_file_is_not_gone(tmp_path: Path) -> None:
    file, log = tmp_path / "jobs.duckdb", tmp_path / "jobs.duckdb.wal"
    database = Database(f"duckdb:///{file}", checkpoint_bytes=1)
    database.open()
    for _ in range(3):
        with database.engine.begin() as connection:
            connection.exec_driver_sql("CREATE OR REPLACE TABLE numbers AS SELECT range FROM range(1000)")
        assert log.exists()
        assert not database.is_log_gone()
        database.checkpoint()
        assert not log.exists()
        assert not database.is_log_gone()
    database.close()


def test_a_database_that_failed_ends_the_server(folder: DataFolder, database: Database) -> None:
    health = Health()
    watch = DiskWatch(folder, database, health.reported.append, health.ended.set, interval_seconds=600)
    watch.start()
    database.failed.set()
    assert health.ended.wait(20)
    assert health.reported == [False]
    assert "the disk failed under the database" in str(watch.failure)
