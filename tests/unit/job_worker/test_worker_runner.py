"""What holds of a worker's process as soon as it runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.support.processes import environment

pytestmark = [pytest.mark.unit, pytest.mark.worker]

COMMAND = """
import multiprocessing, sys, types

def main(arguments):
    child = multiprocessing.get_context("spawn").Process(target=print, args=["started"])
    child.start()
    child.join()
    return child.exitcode

if __name__ == "__main__":
    from job_worker.worker_runner import main as run_worker
    sys.modules["job_worker.command"] = types.SimpleNamespace(main=main)
    sys.exit(run_worker([]))
"""
"""The installed command, with a worker that starts a process as that of the models is started, and then ends."""


def test_its_processes_import_nothing_from_the_current_folder(tmp_path: Path) -> None:
    command = tmp_path / "bin" / "foregsyte-worker"
    command.parent.mkdir()
    command.write_text(COMMAND, encoding="utf-8")
    mine = tmp_path / "mine"
    mine.mkdir()
    for name in ("pickle.py", "socket.py", "tempfile.py"):
        (mine / name).write_text("raise SystemExit('a file of the user')", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, command], cwd=mine, env=environment(PYTHONPATH=str(ROOT)),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "started\n", "")
