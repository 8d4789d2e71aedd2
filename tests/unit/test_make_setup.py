"""What `make setup` does with an environment that is there already."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.project_copy import ROOT

pytestmark = pytest.mark.unit

INTERPRETER = """#!/bin/sh
case "$1" in
-c) echo {version} ;;
*) echo "$0 $*" >> calls ;;
esac
"""
"""Says its version, and notes what it is called with."""


def interpreter(path: Path, version: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(INTERPRETER.format(version=version), encoding="utf-8")
    path.chmod(0o755)


@pytest.fixture
def calls(tmp_path: Path, request: pytest.FixtureRequest) -> list[str]:
    """What is called where the environment has the parameter's version, and 3.13 is requested."""
    for name in ("Makefile", "pyproject.toml", "requirements"):
        (tmp_path / name).symlink_to(ROOT / name)
    interpreter(tmp_path / "python3.13", "3.13")
    interpreter(tmp_path / ".venv" / "bin" / "python", request.param)
    subprocess.run(
        ["make", "setup", "PYTHON=./python3.13"],
        cwd=tmp_path, env={"PATH": os.environ["PATH"]}, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    return (tmp_path / "calls").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("calls", ["3.10", "'\n'; exit 127"], indirect=True, ids=["another", "broken"])
def test_an_environment_of_another_python_is_emptied_first(calls: list[str]) -> None:
    assert calls[1] == "./python3.13 -m venv --clear .venv"


@pytest.mark.parametrize("calls", ["3.13"], indirect=True)
def test_one_of_the_same_python_is_kept_and_needs_no_network_again(calls: list[str]) -> None:
    assert calls[1] == "./python3.13 -m venv .venv"
