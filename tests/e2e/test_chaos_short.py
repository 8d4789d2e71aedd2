"""A minute of kills, terminations and stops: nothing acknowledged is lost, nothing comes out wrong."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

pytestmark = [pytest.mark.e2e, pytest.mark.corpus]


@pytest.mark.timeout(600)
def test_a_minute_of_chaos_loses_no_job_and_changes_no_result(tmp_path: Path) -> None:
    report_file = tmp_path / "chaos.json"
    command = [sys.executable, "-m", "benchmarks.chaos", "--minutes", "1", "--seed", "1", "--json", str(report_file)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads(report_file.read_text())
    assert report["violations"] == []
    assert report["jobs"]["acknowledged"] == report["jobs"].get("completed", 0) + report["jobs"].get("failed", 0)
    assert any(fault.startswith("api") for fault in report["faults"])
    assert any(fault.startswith("worker") for fault in report["faults"])
