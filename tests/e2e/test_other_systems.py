"""What the README says to run on macOS, and the client on Windows, uses nothing that Python has on Linux alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from shared.process.exit_codes import ExitCode
from tests.conftest import TINY_MP4
from tests.support.other_systems import MACOS, WINDOWS, site_of
from tests.support.processes import api_process, environment, started, worker_process

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.timeout(400)]

JOB_SECONDS = 150
"""Nine Python processes start, two of them with models, while other tests take the cores."""


def test_a_server_a_worker_and_clients_do_jobs_with_what_python_has_there(tmp_path: Path) -> None:
    macos, windows = site_of(MACOS, tmp_path / "macos"), site_of(WINDOWS, tmp_path / "windows")
    assert [name for name in ("killpg", "fdatasync") if knows(macos, name)] == ["killpg"]
    with (
        api_process(tmp_path, "--min-free-bytes", "0", site=macos) as address,
        worker_process(tmp_path, address, "worker", site=macos),
    ):
        for site in (macos, windows):
            job_id = printed(site, address, "submit", str(TINY_MP4), "--wait").split()[0]
            frames = printed(site, address, "results", job_id, "--format", "json")
            assert len(json.loads(frames)) == 12


def knows(site: Path, name: str) -> bool:
    code = f"import os, sys; sys.exit(not hasattr(os, {name!r}))"
    done = subprocess.run([sys.executable, "-c", code], env=environment(PYTHONPATH=str(site)), check=False)
    return done.returncode == 0


def printed(site: Path, address: str, *arguments: str) -> str:
    log = site / "client.log"
    of_filelock = "ignore:only soft file lock"  # it knows Windows by its name, which this system does not have
    variables = {"FOREGSYTE_ADDRESS": address, "PYTHONWARNINGS": of_filelock}
    with started(log, "job_client", *arguments, site=site, variables=variables) as process:
        assert process.exit_code(JOB_SECONDS) == ExitCode.OK, process.text
    return process.text
