"""What `make wheel` builds: the same bytes whenever and wherever a commit is built, with all that belongs into it."""

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

from tests.support.project_copy import ROOT, copy_of_project

pytestmark = [pytest.mark.e2e, pytest.mark.corpus, pytest.mark.timeout(300)]

COMMITTED = 1_700_000_000
"""When the commit that is built was made, in seconds."""


def checkout(folder: Path, changed: int, umask: int = 0o022) -> Path:
    """Copy the project to files that were changed then, as they are written under this umask; return its folder."""
    project = copy_of_project(folder / "project")
    for path in project.rglob("*"):
        os.utime(path, (changed, changed))
        mode = 0o777 if path.is_dir() or path.stat().st_mode & 0o100 else 0o666
        path.chmod(mode & ~umask)
    return project


def built(project: Path, umask: int = 0o022, **variables: str) -> Path:
    """Build the wheel as `make wheel` does; return it."""
    inherited = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    subprocess.run(
        ["make", "--old-file=.venv/.installed", "wheel", f"BIN={Path(sys.executable).parent}"],
        cwd=project, env=inherited | variables, umask=umask, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = (project / "dist").iterdir()
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = checkout(tmp_path_factory.mktemp("first"), COMMITTED + 100_000)
    return built(project, SOURCE_DATE_EPOCH=str(COMMITTED))


@pytest.mark.parametrize("umask", [0o002, 0o077])
def test_built_at_another_time_under_another_umask_it_is_the_same_bytes(
    wheel: Path, tmp_path: Path, umask: int
) -> None:
    project = checkout(tmp_path, COMMITTED + 200_000, umask)
    again = built(project, umask, SOURCE_DATE_EPOCH=str(COMMITTED))
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_built_from_a_source_archive_it_is_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    project = checkout(tmp_path, COMMITTED)
    assert not (project / ".git").exists()
    assert built(project).read_bytes() == wheel.read_bytes()


def test_what_an_earlier_build_left_is_not_in_it(wheel: Path, tmp_path: Path) -> None:
    project = checkout(tmp_path, COMMITTED)
    renamed = project / "build" / "lib" / "job_api" / "renamed.py"
    renamed.parent.mkdir(parents=True)
    renamed.write_text("")
    assert built(project).read_bytes() == wheel.read_bytes()


def test_every_package_in_it_says_that_it_is_typed(wheel: Path) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    shipped = {pattern.removesuffix("*") for pattern in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    names = zipfile.ZipFile(wheel).namelist()
    packages = {name.partition("/")[0] for name in names if name.endswith(".py")}
    assert packages == shipped
    assert {name for name in names if name.endswith("py.typed")} >= {f"{package}/py.typed" for package in packages}


def test_it_names_the_pythons_that_are_tried(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (metadata,) = [archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA")]
    assert "Classifier: Programming Language :: Python :: 3.14\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata
