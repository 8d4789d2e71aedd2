"""Processes that do not start as they should."""

import subprocess
from pathlib import Path

import pytest

from job_client import local_cluster

pytestmark = pytest.mark.unit


def start(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs the code as a module that should print `ready <name>`; returns the name."""
    (folder / "module_of_the_test.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    with local_cluster._process(folder / "log", ["module_of_the_test"], r"ready (\S+)") as name:
        return name


def test_a_process_that_says_it_is_ready_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert start(tmp_path, "print('ready yes')", monkeypatch) == "yes"


def test_a_process_that_never_says_a_word_is_given_up_and_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_cluster, "START_SECONDS", 0.5)
    monkeypatch.setattr(local_cluster, "STOP_SECONDS", 0.5)
    began: list[subprocess.Popen[bytes]] = []
    popen = subprocess.Popen
    monkeypatch.setattr(
        local_cluster.subprocess, "Popen", lambda *args, **kinds: began.append(popen(*args, **kinds)) or began[0]
    )
    with pytest.raises(
        local_cluster.ClusterFailed, match=r"module_of_the_test did not say within 0\.5 seconds that it is ready"
    ):
        start(tmp_path, "import time\ntime.sleep(600)", monkeypatch)
    assert began[0].poll() is not None


def test_a_process_that_ends_tells_why_by_the_last_line_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import sys\nprint('first', file=sys.stderr)\nprint('the reason', file=sys.stderr)\nsys.exit(2)"
    with pytest.raises(local_cluster.ClusterFailed, match=r"^the reason$"):
        start(tmp_path, code, monkeypatch)
