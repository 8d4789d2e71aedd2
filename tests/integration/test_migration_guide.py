"""docs/phase_16/migration_guide.md, followed to the letter on a copy: some thirty processes, one after the other."""

import shlex
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from governance.validate_phase16_path import violations_in
from tests.support.documents import blocks_of, commands_of
from tests.support.project_copy import copy_of_project, environment_of_copy

pytestmark = pytest.mark.integration

PAGE = "docs/phase_16/migration_guide.md"
NEEDED = ("alembic.ini", "pyproject.toml", "protos", "migrations", "job_api", "job_worker", "job_client", "shared",
          "governance", "data")  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return copy_of_project(tmp_path / "checkout", *NEEDED)


def typed(copy: Path, command: str) -> "subprocess.CompletedProcess[str]":
    words = shlex.split(command)
    if words[0] == "alembic":
        words = [sys.executable, "-m", *words]
    return subprocess.run(
        words, cwd=copy, env=environment_of_copy(copy), capture_output=True, text=True, timeout=100, check=False
    )


def ok(copy: Path, command: str) -> str:
    done = typed(copy, command)
    assert done.returncode == 0, done.stderr
    return done.stdout


def row(copy: Path, error_message: str | None) -> None:
    with duckdb.connect(str(copy / "data" / "foregsyte.duckdb")) as connection:
        values = "uuid(), 'pending', 'ocr', 'key', NULL, ?, now()::TIMESTAMP, now()::TIMESTAMP"
        connection.execute(f"INSERT INTO jobs VALUES ({values})", [error_message])


def messages(copy: Path) -> list[str | None]:
    with duckdb.connect(str(copy / "data" / "foregsyte.duckdb")) as connection:
        return [message for (message,) in connection.execute("SELECT error_message FROM jobs").fetchall()]


@pytest.mark.corpus
def test_the_commands_work_up_and_down(copy: Path) -> None:
    ok(copy, "alembic upgrade head")
    commands = [" ".join(words) for words in commands_of(PAGE) if "revision" not in words]
    assert [command.split()[0] for command in commands].count("alembic") == 5
    for command in commands:
        ok(copy, command)
    assert (copy / "data-before-migration" / "foregsyte.duckdb").exists()
    with duckdb.connect(str(copy / "data" / "foregsyte.duckdb")) as connection:
        assert connection.execute("SELECT count(*) FROM duckdb_types() WHERE NOT internal").fetchall() == [(0,)]


@pytest.mark.corpus
def test_the_new_migration_goes_up_down_and_up_again_and_keeps_the_rules(copy: Path) -> None:
    ok(copy, "alembic upgrade head")
    row(copy, "left over")
    (make,) = [line for block in blocks_of(PAGE, "sh") for line in block.splitlines() if "revision" in line]
    ok(copy, make)
    (file,) = (copy / "migrations" / "versions").glob("0002_*.py")
    made = file.read_text(encoding="utf-8")
    (example,) = blocks_of(PAGE, "python")
    for line in ("revision = ", "down_revision = ", "def upgrade", "def downgrade"):
        assert line in made
        assert line in example
    file.write_text(example, encoding="utf-8")
    for command, version in (("upgrade head", "0002"), ("downgrade -1", "0001"), ("upgrade head", "0002")):
        ok(copy, f"alembic {command}")
        assert version in ok(copy, "alembic current")
        assert messages(copy) == [None]
    assert violations_in(copy) == []


@pytest.mark.corpus
@pytest.mark.parametrize("command", ["alembic check", "alembic revision --autogenerate -m x"])
def test_what_is_said_to_fail_fails(copy: Path, command: str) -> None:
    ok(copy, "alembic upgrade head")
    assert typed(copy, command).returncode != 0


def test_what_duckdb_is_said_not_to_do_it_does_not() -> None:
    with duckdb.connect() as connection:
        connection.execute("CREATE TYPE state AS ENUM ('a')")
        connection.execute("CREATE TABLE rows (state state)")
        with pytest.raises(duckdb.Error):
            connection.execute("ALTER TYPE state ADD VALUE 'b'")
        with pytest.raises(duckdb.Error):
            connection.execute("SAVEPOINT here")
        connection.execute("CREATE TYPE state_2 AS ENUM ('a', 'b')")
        connection.execute("ALTER TABLE rows ALTER COLUMN state SET DATA TYPE state_2")
        connection.execute("INSERT INTO rows VALUES ('b')")
