"""The database: its migrations, its engine, and the files it must not touch."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID, uuid4

import duckdb
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, func, select, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.pool import NullPool

import migrations
from job_api.bootstrap import build_services
from job_api.core import database as database_module
from job_api.core.database import Base, Database, DatabaseUnavailable, get_db
from job_api.core.migrations import migrate
from job_api.models.job import Job, JobStatus
from job_api.settings import ApiSettings
from tests.conftest import ROOT

pytestmark = pytest.mark.integration

COLUMNS = {
    "job_id": ("UUID", "NO"),
    "status": ("ENUM('pending', 'running', 'completed', 'failed')", "NO"),
    "pipeline_id": ("VARCHAR", "NO"),
    "input_path": ("VARCHAR", "NO"),
    "output_path": ("VARCHAR", "YES"),
    "error_message": ("VARCHAR", "YES"),
    "created_at": ("TIMESTAMP", "NO"),
    "updated_at": ("TIMESTAMP", "NO"),
}
HOLDER = """
import sys
from pathlib import Path
from job_api.core.database import Database
database = Database("duckdb:///" + sys.argv[1])
database.open()
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def database() -> Iterator[Database]:
    database = Database(f"duckdb:///:memory:{uuid4().hex}")
    database.open()
    yield database
    database.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "jobs.duckdb"


def at_file(file: Path) -> Database:
    return Database(f"duckdb:///{file}")


def config_on(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    return config


def columns_of(connection: Connection) -> dict[str, tuple[str, str]]:
    query = "SELECT column_name, data_type, is_nullable FROM information_schema.columns WHERE table_name = 'jobs'"
    return {name: (kind, nullable) for name, kind, nullable in connection.execute(text(query))}


def everything_of(connection: Connection) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Return all that is known of the table's columns, in their order, and of its constraints."""
    columns = "SELECT * FROM information_schema.columns WHERE table_name = 'jobs' ORDER BY ordinal_position"
    constraints = (
        "SELECT constraint_type, constraint_text FROM duckdb_constraints() WHERE table_name = 'jobs' ORDER BY ALL"
    )
    return (
        [tuple(row)[1:] for row in connection.execute(text(columns))],
        [tuple(row) for row in connection.execute(text(constraints))],
    )


def types_of(connection: Connection) -> set[str]:
    query = "SELECT type_name FROM duckdb_types() WHERE NOT internal"
    return {name for (name,) in connection.execute(text(query))}


def rows_in(database: Database) -> list[UUID]:
    with database.sessions() as session:
        return list(session.scalars(text("SELECT job_id FROM jobs")))


class TestMigrations:
    def test_the_first_upgrade_makes_just_the_eight_columns(self, database: Database) -> None:
        assert migrate(database) is True
        with database.engine.connect() as connection:
            assert columns_of(connection) == COLUMNS
            assert ("PRIMARY KEY", "PRIMARY KEY(job_id)") in everything_of(connection)[1]
            assert types_of(connection) == {"job_status"}

    def test_upgrading_again_changes_nothing_and_keeps_the_jobs(self, database: Database) -> None:
        migrate(database)
        with database.sessions.begin() as session:
            session.add(Job(pipeline_id="ocr", input_path="key"))
        before = rows_in(database)
        assert migrate(database) is False
        assert migrate(database) is False
        assert rows_in(database) == before
        with database.engine.connect() as connection:
            assert columns_of(connection) == COLUMNS

    def test_downgrading_drops_the_table_and_its_type(self, database: Database) -> None:
        migrate(database)
        with database.engine.connect() as connection:
            command.downgrade(config_on(connection), "base")
            connection.commit()
            assert columns_of(connection) == {}
            assert types_of(connection) == set()
        assert migrate(database) is True
        with database.engine.connect() as connection:
            assert columns_of(connection) == COLUMNS

    def test_the_migrated_table_is_the_one_that_the_models_describe(self, database: Database) -> None:
        migrate(database)
        other = Database(f"duckdb:///:memory:{uuid4().hex}")
        other.open()
        try:
            Base.metadata.create_all(other.engine)
            with database.engine.connect() as migrated, other.engine.connect() as created:
                assert everything_of(migrated) == everything_of(created)
        finally:
            other.close()

    def test_the_history_is_one_line(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        assert len(ScriptDirectory.from_config(config).get_heads()) == 1

    def test_only_known_statuses_and_whole_rows_are_taken(self, database: Database) -> None:
        migrate(database)
        values = "'{}', '{}', 'ocr', 'key', NULL, NULL, now()::TIMESTAMP, now()::TIMESTAMP"
        with database.engine.begin() as connection:
            connection.execute(text(f"INSERT INTO jobs VALUES ({values.format(uuid4(), 'pending')})"))
        with pytest.raises(Exception, match="paused"), database.engine.begin() as connection:
            connection.execute(text(f"INSERT INTO jobs VALUES ({values.format(uuid4(), 'paused')})"))
        with pytest.raises(IntegrityError), database.engine.begin() as connection:
            connection.execute(text("INSERT INTO jobs (job_id, status) VALUES (uuid(), 'pending')"))

    def test_a_version_that_is_unknown_is_refused_and_the_file_left_as_it_is(self, file: Path) -> None:
        database = at_file(file)
        database.open()
        migrate(database)
        with database.engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        database.close()
        before = file.read_bytes()
        newer = at_file(file)
        newer.open()
        with pytest.raises(DatabaseUnavailable, match="9999") as raised:
            migrate(newer)
        newer.close()
        assert str(file) in str(raised.value)
        assert file.read_bytes() == before


class TestByHand:
    def alembic(self, file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"FOREGSYTE_DATABASE_URL": f"duckdb:///{file}"}
        return subprocess.run(
            [sys.executable, "-m", "alembic", *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def test_alembic_upgrades_twice_and_downgrades_from_the_command_line(self, file: Path) -> None:
        for _ in range(2):
            done = self.alembic(file, "upgrade", "head")
            assert done.returncode == 0, done.stderr
            with duckdb.connect(str(file)) as connection:
                assert connection.sql("SELECT count(*) FROM jobs").fetchall() == [(0,)]
        done = self.alembic(file, "downgrade", "base")
        assert done.returncode == 0, done.stderr
        with duckdb.connect(str(file)) as connection:
            assert connection.sql("SELECT * FROM duckdb_tables() WHERE table_name = 'jobs'").fetchall() == []
            assert connection.sql("SELECT * FROM duckdb_types() WHERE NOT internal").fetchall() == []

    def test_alembic_says_who_holds_the_file(self, file: Path, holder: "subprocess.Popen[str]") -> None:
        done = self.alembic(file, "upgrade", "head")
        assert done.returncode != 0
        assert f"PID {holder.pid}" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.fixture
def holder(file: Path) -> Iterator["subprocess.Popen[str]"]:
    """Another process that has the file open."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(file)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    yield process
    process.communicate(timeout=30)


class TestOpening:
    def test_a_file_held_by_another_process_is_refused_with_its_name_and_the_holder(
        self, file: Path, holder: "subprocess.Popen[str]"
    ) -> None:
        with pytest.raises(DatabaseUnavailable, match="held by another process") as raised:
            at_file(file).open()
        assert str(file) in str(raised.value)
        assert f"PID {holder.pid}" in str(raised.value)
        holder.communicate(timeout=30)
        database = at_file(file)
        database.open()
        database.close()

    @pytest.mark.parametrize("name", ["jobs.duckdb", "blocks/jobs.duckdb"])
    @pytest.mark.parametrize("content", [b"not a database", bytes(20_000)])
    def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(
        self, tmp_path: Path, name: str, content: bytes
    ) -> None:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        with pytest.raises(DatabaseUnavailable, match="cannot be opened, it was left as it is") as raised:
            at_file(file).open()
        assert str(file) in str(raised.value)
        assert "held by another" not in str(raised.value)
        assert file.read_bytes() == content
        assert [path.name for path in file.parent.iterdir()] == [file.name]

    def test_a_database_with_damaged_blocks_is_refused_as_damaged(self, file: Path) -> None:
        content = self.damaged(file, lambda whole: whole[:12288] + bytes(byte ^ 255 for byte in whole[12288:]))
        with pytest.raises(DatabaseUnavailable, match="cannot be opened, it was left as it is"):
            self.start_on(file)
        assert file.read_bytes() == content

    def test_a_truncated_database_is_refused_as_damaged(self, file: Path) -> None:
        self.damaged(file, lambda whole: whole[: len(whole) // 2])
        with pytest.raises(DatabaseUnavailable):
            self.start_on(file)

    def damaged(self, file: Path, damage: object) -> bytes:
        database = at_file(file)
        database.open()
        migrate(database)
        with database.sessions.begin() as session:
            session.add_all(Job(pipeline_id="ocr", input_path=f"key {number}" * 50) for number in range(5000))
        database.close()
        content: bytes = damage(file.read_bytes())  # type: ignore[operator]
        file.write_bytes(content)
        return content

    def start_on(self, file: Path) -> None:
        settings = ApiSettings.of(data_dir=file.parent, database_url=f"duckdb:///{file}")
        build_services(settings).close()

    def test_the_folder_of_the_file_is_made(self, tmp_path: Path) -> None:
        database = at_file(tmp_path / "not" / "yet" / "jobs.duckdb")
        database.open()
        database.close()
        assert (tmp_path / "not" / "yet" / "jobs.duckdb").exists()

    def test_a_folder_that_cannot_be_made_is_reported_with_a_message(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(DatabaseUnavailable):
            at_file(tmp_path / "file" / "jobs.duckdb").open()

    def test_closing_twice_and_closing_what_was_never_open_are_no_errors(self, file: Path) -> None:
        database = at_file(file)
        database.close()
        database.open()
        database.close()
        database.close()

    def test_the_sessions_of_a_database_in_memory_without_a_name_share_it(self) -> None:
        database, other = Database("duckdb:///:memory:"), Database("duckdb:///:memory:")
        database.open()
        other.open()
        migrate(database)
        with database.sessions.begin() as session:
            session.add(Job(pipeline_id="ocr", input_path="key"))
        with database.sessions() as session:
            assert session.scalar(select(func.count()).select_from(Job)) == 1
        assert migrate(other)
        database.close()
        other.close()

    def test_the_file_of_a_database_in_memory_is_none(self) -> None:
        assert Database("duckdb:///:memory:x").file is None
        assert Database("duckdb://").file is None
        assert Database("duckdb:////srv/jobs.duckdb").file == Path("/srv/jobs.duckdb")


class TestSessions:
    def test_the_engine_of_the_environment_keeps_no_pool_and_the_default_is_relative(self) -> None:
        assert isinstance(database_module.engine.pool, NullPool)
        assert isinstance(Database("duckdb:///:memory:x").engine.pool, NullPool)
        assert database_module.DEFAULT_DATABASE_URL == "duckdb:///data/foregsyte.duckdb"

    @pytest.mark.parametrize("given", [None, "", "duckdb:///elsewhere.duckdb"])
    def test_the_environment_names_the_database(self, monkeypatch: pytest.MonkeyPatch, given: str | None) -> None:
        monkeypatch.delenv("FOREGSYTE_DATABASE_URL", raising=False)
        if given is not None:
            monkeypatch.setenv("FOREGSYTE_DATABASE_URL", given)
        assert database_module.database_url() == (given or database_module.DEFAULT_DATABASE_URL)

    def test_get_db_yields_a_session_and_always_closes_it(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(database_module, "SessionLocal", database.sessions)
        migrate(database)
        for how in ("end", "error"):
            yielded = get_db()
            session = next(yielded)
            session.execute(text("SELECT 1"))
            assert session.in_transaction()
            if how == "end":
                assert next(yielded, None) is None
            else:
                with pytest.raises(LookupError):
                    yielded.throw(LookupError())
            assert not session.in_transaction()

    def test_a_job_gets_its_id_state_and_times_by_itself(self, database: Database) -> None:
        migrate(database)
        with database.sessions.begin() as session:
            job = Job(pipeline_id="ocr", input_path="key")
            session.add(job)
        with database.sessions.begin() as session:
            stored = session.get(Job, job.job_id)
            assert stored
            assert isinstance(stored.job_id, UUID)
            assert stored.status is JobStatus.pending
            assert (stored.output_path, stored.error_message) == (None, None)
            assert stored.created_at.utcoffset() == stored.updated_at.utcoffset()
            assert stored.created_at.tzinfo
            created_at, updated_at = stored.created_at, stored.updated_at
            stored.status = JobStatus.running
        with database.sessions() as session:
            changed = session.get(Job, job.job_id)
            assert changed
            assert changed.created_at == created_at
            assert changed.updated_at > updated_at

    def test_times_are_kept_to_the_microsecond_whatever_the_zone_of_the_host(
        self, database: Database, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        import time
        from datetime import UTC, datetime, timedelta, timezone

        migrate(database)
        instant = datetime(2025, 7, 1, 12, 0, 0, 123456, timezone(timedelta(hours=5, minutes=30)))
        monkeypatch.setenv("TZ", "America/New_York")
        time.tzset()
        try:
            with database.sessions.begin() as session:
                job = Job(pipeline_id="ocr", input_path="key", created_at=instant)
                session.add(job)
            with database.sessions() as session:
                stored = session.get(Job, job.job_id)
                assert stored
                assert stored.created_at == instant
                assert stored.created_at.tzinfo is UTC
        finally:
            monkeypatch.undo()
            time.tzset()

    def test_an_error_message_has_no_limit(self, database: Database) -> None:
        migrate(database)
        message = "ж" * 1_000_000
        with database.sessions.begin() as session:
            job = Job(pipeline_id="ocr", input_path="key", error_message=message)
            session.add(job)
        with database.sessions() as session:
            stored = session.get(Job, job.job_id)
            assert stored
            assert stored.error_message == message


def test_the_model_prints_nothing() -> None:
    assert set(Job.__table__.columns.keys()) == set(COLUMNS)
    assert not Job.__table__.indexes
    assert not any(hasattr(Job, name) for name in ("get", "save", "query"))
    assert [status.value for status in JobStatus] == re.findall(r"'(\w+)'", COLUMNS["status"][0])


def test_a_database_of_another_process_cannot_be_read_even_by_the_library(
    file: Path, holder: "subprocess.Popen[str]"
) -> None:
    """Why only one process has it; were this to change, so would the design."""
    engine = create_engine(f"duckdb:///{file}", poolclass=NullPool, connect_args={"read_only": True})
    with pytest.raises((OperationalError, duckdb.Error), match="lock"):
        engine.connect().close()
