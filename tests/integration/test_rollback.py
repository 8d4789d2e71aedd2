"""docs/phase_16/rollback.sh on a copy: what the plan names is removed, and everything else is still there."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from uuid import uuid4

import duckdb
import pytest

from tests.support.documents import commands_of, text_of
from tests.support.project_copy import ROOT, copy_of_project, environment_of_copy

pytestmark = [pytest.mark.integration, pytest.mark.corpus, pytest.mark.timeout(300)]

PLAN = "docs/phase_16/rollback_plan.md"
SCRIPT = "docs/phase_16/rollback.sh"
JOB = uuid4()
STORED = [f"video_jobs/{JOB}.mp4", f"video_jobs/{JOB}_results.json", f"video_jobs/.{JOB}.mp4.{uuid4().hex}.part",
          f"unknown_jobs/{JOB}.mp4"]  # fmt: skip
FOREIGN = ["notes.txt", "video_jobs/holiday.mp4", f"video_jobs/{JOB}.txt"]
UNKNOWN_TO_GIT = ["job_api/private.txt", "mine/notes.txt"]
KEPT = {"LICENSE", ".gitignore"}


def git(checkout: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *identity, *arguments], cwd=checkout, capture_output=True, text=True, check=True)
    return done.stdout


def declared() -> set[str]:
    """Return the package and what it depends on, as pyproject.toml declares it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    entries = chain(project["dependencies"], *project["optional-dependencies"].values())
    return {project["name"], *(re.split(r"[<>=\[]", entry)[0] for entry in entries)}


def install(site_packages: Path, name: str) -> None:
    """Put an empty package there, as pip would."""
    info = site_packages / f"{name.replace('-', '_')}-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n", encoding="utf-8")
    (info / "INSTALLER").write_text("pip\n", encoding="utf-8")
    (info / "RECORD").write_text("".join(f"{info.name}/{file},,\n" for file in ("METADATA", "INSTALLER", "RECORD")))


def installed(checkout: Path) -> set[str]:
    return {
        path.name.partition("-1.dist-info")[0].replace("_", "-")
        for path in site_packages(checkout).glob("*-1.dist-info")
    }


def site_packages(checkout: Path) -> Path:
    (found,) = (checkout / ".venv" / "lib").glob("python3*/site-packages")
    return found


@pytest.fixture
def checkout(template: Path, tmp_path: Path) -> Path:
    """A checkout with an environment, a database with a job and a table of somebody else, and files."""
    return Path(shutil.copytree(template, tmp_path / "checkout", symlinks=True))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, to be copied: environments take long to make."""
    checkout = copy_of_project(tmp_path_factory.mktemp("template"))
    git(checkout, "init", "--quiet")
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "all of it")
    for name in UNKNOWN_TO_GIT:
        write(checkout / name)
    for name in (*STORED, *FOREIGN):
        write(checkout / "data" / name)
    alembic(checkout, "upgrade", "head")
    with duckdb.connect(str(checkout / "data" / "foregsyte.duckdb")) as connection:
        connection.execute("CREATE TABLE theirs (a INT); CREATE TYPE mood AS ENUM ('good')")
        connection.execute(f"INSERT INTO jobs VALUES ('{JOB}', 'pending', 'ocr', 'k', NULL, NULL, now()::TIMESTAMP, "
                           "now()::TIMESTAMP)")  # fmt: skip
    venv.create(checkout / ".venv", with_pip=True)
    for name in (*declared(), "somebody-elses"):
        install(site_packages(checkout), name)
    return checkout


def write(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("text", encoding="utf-8")


def alembic(checkout: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "alembic", *arguments], cwd=checkout, env=environment_of_copy(checkout),
                   check=True, capture_output=True)  # fmt: skip


Rollback = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def roll_back(checkout: Path, tmp_path: Path) -> Rollback:
    """Run the script where programs that have other options on macOS than on Linux do nothing but fail."""
    for name in ("find", "rmdir", "sed"):
        (tmp_path / name).symlink_to("/bin/false")

    def run(**variables: str) -> "subprocess.CompletedProcess[str]":
        environment = environment_of_copy(
            checkout, PYTHON=sys.executable, PATH=f"{tmp_path}:{os.environ['PATH']}", **variables
        )
        return subprocess.run([checkout / SCRIPT], cwd=checkout.parent, env=environment, capture_output=True,
                              text=True, timeout=200, check=False)  # fmt: skip

    return run


def files_of(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {
        path.as_posix() for path in found if path.parts[0] not in {".git", ".venv"} and "__pycache__" not in path.parts
    }


def in_database(file: Path) -> tuple[set[str], set[str]]:
    """Return the tables and the types of a database."""
    with duckdb.connect(str(file), read_only=True) as connection:
        tables = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        types = connection.execute("SELECT type_name FROM duckdb_types() WHERE NOT internal").fetchall()
    return {name for (name,) in tables}, {name for (name,) in types}


def test_everything_that_the_plan_names_is_removed_and_nothing_else(checkout: Path, roll_back: Rollback) -> None:
    backup = checkout.parent / "backup"
    done = roll_back(BACKUP=str(backup))
    assert done.returncode == 0, done.stderr
    assert in_database(checkout / "data" / "foregsyte.duckdb") == ({"theirs"}, {"mood"})
    of_data = {f"data/{name}" for name in (*FOREIGN, "foregsyte.duckdb")}
    assert files_of(checkout) == {*KEPT, *UNKNOWN_TO_GIT, *of_data}
    assert installed(checkout) == {"somebody-elses"}
    assert in_database(backup / "foregsyte.duckdb") == ({"theirs", "jobs", "alembic_version"}, {"mood", "job_status"})
    assert {f"data/{name}" for name in (*STORED, *FOREIGN)} <= files_of(backup)


def test_it_can_be_undone(checkout: Path, roll_back: Rollback) -> None:
    before = files_of(checkout)
    backup = checkout.parent / "backup"
    roll_back(BACKUP=str(backup))
    (undo,) = [words for words in commands_of(PLAN) if words[0] == "git"]
    git(checkout, *undo[1:])
    shutil.copytree(backup / "data", checkout / "data", dirs_exist_ok=True)
    assert files_of(checkout) == before
    assert "jobs" in in_database(checkout / "data" / "foregsyte.duckdb")[0]


@pytest.mark.parametrize(
    "why", ["no backup is named", "the backup is there", "the database is in use", "a file was changed"]
)
def test_it_changes_nothing_when_it_cannot_begin(checkout: Path, roll_back: Rollback, why: str) -> None:
    if why == "a file was changed":
        with (checkout / "NOTICE").open("a") as file:
            file.write("mine")
    before = files_of(checkout)
    if why == "a file was changed":
        assert "git status" in roll_back(BACKUP=str(checkout.parent / "backup")).stderr
    if why == "the database is in use":
        with duckdb.connect(str(checkout / "data" / "foregsyte.duckdb")):
            done = roll_back(BACKUP=str(checkout.parent / "backup"))
        assert "held by another process" in done.stderr
    elif why == "the backup is there":
        done = roll_back(BACKUP=str(checkout))
    else:
        done = roll_back()
        assert "set BACKUP" in done.stderr
    assert done.returncode != 0
    assert not (checkout.parent / "backup").exists()
    assert files_of(checkout) == before
    assert in_database(checkout / "data" / "foregsyte.duckdb")[0] == {"theirs", "jobs", "alembic_version"}
    assert installed(checkout) == {*declared(), "somebody-elses"}


def test_the_plan_names_every_migration_and_every_path_that_the_script_removes() -> None:
    plan, script = text_of(PLAN), text_of(SCRIPT)
    (paths,) = re.findall(r"git rm -r --quiet -- (.+?)\n\Z", script.replace("\\\n", ""), re.DOTALL)
    rows = re.findall(r"^\| (`.+) \| (?:the|what) ", plan.partition("**6.")[2], re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == set(paths.split())
    tracked = {
        name.partition("/")[0] for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").split()
    }
    assert tracked == set(paths.split()) | KEPT
    revisions = {path.name.partition("_")[0] for path in (ROOT / "migrations" / "versions").glob("[0-9]*.py")}
    assert revisions == set(re.findall(r"^\| `(\d+)` \|", plan, re.MULTILINE))
    for words in commands_of(PLAN):
        assert words[0] != "alembic" or " ".join(words) in script
