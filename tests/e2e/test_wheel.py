"""The wheel: the same bytes whenever a commit is built, and all that belongs into it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.project_copy import copy_of_project

pytestmark = [pytest.mark.e2e, pytest.mark.corpus, pytest.mark.timeout(300)]

SHIPPED = ("job_api", "job_client", "job_worker", "migrations", "shared")
COMMITTED = 1_700_000_000
"""When the commit that is built was made, in seconds."""


def built(folder: Path, changed: int) -> Path:
    """Build the wheel as `make wheel` does, from files that were changed then; return it."""
    project = copy_of_project(folder / "project")
    for path in project.rglob("*"):
        os.utime(path, (changed, changed))
    subprocess.run(
        ["make", "--old-file=.venv/.installed", "wheel", f"BIN={Path(sys.executable).parent}"],
        cwd=project, env={**os.environ, "SOURCE_DATE_EPOCH": str(COMMITTED)}, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = (project / "dist").iterdir()
    return wheel


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("first"), COMMITTED + 100_000)


def test_built_twice_it_is_the_same_bytes(wheel: Path, tmp_path: Path) -> None:
    again = built(tmp_path, COMMITTED + 200_000)
    assert again.name == wheel.name
    assert again.read_bytes() == wheel.read_bytes()


def test_every_package_in_it_says_that_it_is_typed(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    packages = {name.partition("/")[0] for name in names if name.endswith(".py")}
    assert packages == set(SHIPPED)
    assert {name for name in names if name.endswith("py.typed")} >= {f"{package}/py.typed" for package in packages}


def test_it_names_the_pythons_that_are_tried(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (metadata,) = [archive.read(name).decode() for name in archive.namelist() if name.endswith("/METADATA")]
    assert "Classifier: Programming Language :: Python :: 3.14\n" in metadata
    assert "Requires-Python: >=3.11\n" in metadata
