"""The README's installation for fresh hosts: each install into its own environment, then server and worker."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import TINY_MP4
from tests.support.documents import blocks_of
from tests.support.processes import STOP_SECONDS
from tests.support.project_copy import copy_of_project
from tests.support.waiting import eventually
from tests.support.working import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.corpus, pytest.mark.timeout(1200)]

INSTALLS = [line.partition("#")[0].strip() for line in blocks_of("README.md", "sh")[1].splitlines()]
"""The lines of the block that says what to install on which host."""

HEAVY = {"torch", "paddle", "ultralytics"}
"""What only the full worker needs."""


class Host:
    """A host with an environment and a copy of the project, on which commands are typed."""

    def __init__(self, folder: Path, address: str) -> None:
        self.project = copy_of_project(folder / "project")
        subprocess.run([sys.executable, "-m", "venv", folder / "environment"], check=True)
        self._environment = {
            "PATH": f"{folder / 'environment' / 'bin'}:/usr/bin:/bin",
            "HOME": str(folder),
            "FOREGSYTE_ADDRESS": address,
            # The versions that were tested together; the README's other way to install names them too.
            "PIP_CONSTRAINT": str(self.project / "requirements" / "dev.txt"),
            **{name: value for name, value in os.environ.items() if name.startswith("PIP_") or name == "LANG"},
        }
        self._started: list[subprocess.Popen[bytes]] = []

    def type(self, line: str) -> str:
        """Type one line; return what it prints."""
        done = subprocess.run(
            ["/bin/bash", "-c", line],
            cwd=self.project,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        return done.stdout

    def start(self, line: str, ready: str) -> None:
        """Type a line that stays, and wait until it says that it is ready."""
        log = self.project / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                ["/bin/bash", "-c", f"exec {line}"],
                cwd=self.project,
                env=self._environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)

        def is_ready() -> bool:
            assert process.poll() is None, log.read_text()
            return ready in log.read_text()

        eventually(is_ready, f"{ready!r} of {line}", 120)

    def stop(self) -> None:
        """Stop what was started."""
        for process in self._started:
            process.terminate()
            process.wait(STOP_SECONDS)


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[dict[str, Host]]:
    """A host for each install line but that of the full worker, which is what this environment is."""
    address = f"127.0.0.1:{free_port()}"
    made: dict[str, Host] = {}
    try:
        for line in INSTALLS:
            extra = line.split("[")[1].split("]")[0]
            if extra == "worker":
                continue
            made[extra] = Host(tmp_path / extra, address)
            made[extra].type(line)
        yield made
    finally:
        for host in reversed(made.values()):
            host.stop()


def test_each_host_runs_its_part_with_what_the_readme_installs_on_it(hosts: dict[str, Host]) -> None:
    assert set(hosts) == {"api", "worker-light", "client", "client,client-media"}
    for host in hosts.values():
        installed = {line.split("==")[0].lower() for line in host.type("pip list --format freeze").splitlines()}
        assert not HEAVY & installed
    hosts["api"].start("foregsyte-api", "listens on")
    hosts["worker-light"].start("foregsyte-worker", "takes jobs from")
    for name in ("client", "client,client-media"):
        client = hosts[name]
        (client.project / "video.mp4").write_bytes(TINY_MP4.read_bytes())
        job_id = client.type("foregsyte submit video.mp4 --wait").split()[0]
        assert "Frame 1" in client.type(f"foregsyte results {job_id}")
    hosts["client,client-media"].type(f"foregsyte annotate {job_id} --video video.mp4 -o annotated.mp4")
    assert (hosts["client,client-media"].project / "annotated.mp4").stat().st_size > 1000
