"""What a type checker says of programs that use the client."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.documents import blocks_of
from tests.support.project_copy import ROOT

pytestmark = pytest.mark.integration

EXAMPLES = blocks_of("docs/clients/python.md", "python")


def checked(folder: Path, *programs: str) -> str:
    """Return what a strict type checker prints about these programs."""
    files = [folder / f"program_{number}.py" for number in range(len(programs))]
    for file, program in zip(files, programs, strict=True):
        file.write_text(program, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--no-pretty", *map(str, files)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110, check=False).stdout


def test_the_documented_programs_are_well_typed(tmp_path: Path) -> None:
    assert checked(tmp_path, *EXAMPLES) == f"Success: no issues found in {len(EXAMPLES)} source files\n"


def test_a_name_that_the_client_has_not_is_an_error(tmp_path: Path) -> None:
    assert 'Module "job_client" has no attribute "JobClinet"' in checked(tmp_path, "from job_client import JobClinet")
