"""The time that `make wheel` gives the files of a wheel."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.project_copy import copy_of_project

pytestmark = pytest.mark.unit

COMMITTED, WRITTEN = 1_600_000_000, 1_700_000_000


def run(folder: Path, *command: str) -> str:
    variables = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    variables |= {f"GIT_{who}_{what}": "someone" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    variables["GIT_COMMITTER_DATE"] = f"{COMMITTED} +0000"
    done = subprocess.run(
        command, cwd=folder, env=variables, capture_output=True, text=True, timeout=60, check=True
    )  # fmt: skip
    return done.stdout


@pytest.mark.parametrize(("repository", "time"), [(".", COMMITTED), ("..", WRITTEN)], ids=["checkout", "archive"])
def test_it_is_the_commits_but_not_that_of_a_repository_around_a_source_archive(
    tmp_path: Path, repository: str, time: int
) -> None:
    project = copy_of_project(tmp_path / "project", "Makefile", "pyproject.toml")
    os.utime(project / "pyproject.toml", (WRITTEN, WRITTEN))
    run(project / repository, "git", "init", "--quiet")
    run(project / repository, "git", "commit", "--quiet", "--allow-empty", "--message", "A commit")
    commands = run(project, "make", "--dry-run", "--old-file=.venv/.installed", "wheel")
    assert f"SOURCE_DATE_EPOCH={time} " in commands
