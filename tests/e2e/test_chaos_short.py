"""A minute of kills, stops, failing disks and bad links: nothing acknowledged is lost, nothing comes out wrong."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.corpus, pytest.mark.long, pytest.mark.alone]

SEED = "26"
"""With it every kind of fault is among the first, see `benchmarks.chaos_processes.faults`."""
LINKS = {"CUT", "STALL", "SLOW"}
DISK = {"WRITE", "SYNC", "READ_ONLY"} if shutil.which("cc") else set()


def faults_of(report: dict[str, dict[str, int]], target: str) -> set[str]:
    return {fault.partition(" ")[2] for fault in report["faults"] if fault.startswith(target)}


@pytest.mark.timeout(600)
def test_a_minute_of_chaos_loses_no_job_and_changes_no_result(tmp_path: Path) -> None:
    report_file = tmp_path / "chaos.json"
    flags = ("--minutes", "1", "--seed", SEED, "--fault-seconds", "4", "--json", str(report_file))
    command = [sys.executable, "-m", "benchmarks.chaos", *flags]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads(report_file.read_text())
    assert report["violations"] == []
    jobs = report["jobs"]
    assert jobs["acknowledged"] == sum(jobs.get(end, 0) for end in ("completed", "failed", "deleted"))
    assert jobs["kept with large results"] > 0
    assert faults_of(report, "api") >= {"STOP", *DISK}
    assert faults_of(report, "worker") == {"KILL", "TERM", "STOP"}
    assert faults_of(report, "link") == LINKS
