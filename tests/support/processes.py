"""The product's processes as a person starts them: started, waited for, stopped; none is left behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tests.support.forked import Forked
from tests.support.waiting import eventually

ROOT = Path(__file__).parents[2]
READY_SECONDS = 180.0
"""Models load in a few seconds; on a machine that does much else, in many."""
STOP_SECONDS = 60.0
FORKED = ("job_api", "tests.support.failpoint_server")
"""Modules that are forked and not run by a new interpreter."""


@dataclass
class Process:
    """A process that runs, or has run.

    Attributes:
        popen: The process itself.
        log: The file that holds all that it wrote.
        ready: What the pattern it was started with found: the groups of the line that says it is ready.
    """

    popen: "subprocess.Popen[bytes] | Forked"
    log: Path
    ready: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All that it wrote so far."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def send(self, number: int) -> None:
        """Send it a signal."""
        self.popen.send_signal(number)

    def exit_code(self, seconds: float = STOP_SECONDS) -> int:
        """Wait for its end."""
        return self.popen.wait(seconds)


def environment(**variables: str) -> dict[str, str]:
    """Return this process's environment without the service's own variables, and with those given."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FOREGSYTE_")}
    return inherited | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | variables


@contextmanager
def started(
    log: Path, *arguments: str, site: Path | None = None, variables: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Process]:
    """Start `python -m` with the arguments, in a group of its own, which is ended with the block.

    Args:
        log: The file that holds all that it writes; it works in the folder of that.
        arguments: The module and its command line.
        site: A folder that packages were installed into, for this process to have them too.
        variables: Its environment, beside what it has in common with this process.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    log.touch()
    paths = os.pathsep.join(map(str, [ROOT, site] if site else [ROOT]))
    its_environment = environment(**{"PYTHONPATH": paths, **variables})
    module, *flags = arguments
    popen: subprocess.Popen[bytes] | Forked
    if module in FORKED and not site and "LD_PRELOAD" not in its_environment:  # which a new program alone obeys
        popen = Forked(module, flags, log, its_environment)
    else:
        popen = _new_program(arguments, log, its_environment)
    try:
        yield Process(popen, log)
    finally:
        _end(popen)


def _new_program(arguments: Sequence[str], log: Path, variables: dict[str, str]) -> "subprocess.Popen[bytes]":
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=log.parent,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=variables,
            start_new_session=True,
        )


@contextmanager
def ready(
    log: Path,
    pattern: str,
    *arguments: str,
    site: Path | None = None,
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Process]:
    """Start a module as `started` does and wait until it writes a line that the pattern finds."""
    with started(log, *arguments, site=site, variables=variables) as process:

        def line() -> re.Match[str] | None:
            found = re.search(pattern, process.text)
            assert found or process.popen.poll() is None, f"ended before it was ready:\n{process.text}"
            return found

        found = eventually(line, f"{pattern!r} of {arguments[0]}", READY_SECONDS)
        assert found
        process.ready = found.groups()
        yield process


@contextmanager
def api_process(folder: Path, *arguments: str, site: Path | None = None) -> Iterator[str]:
    """Run a server on a free port with its data in `folder / "data"`; yield its address."""
    words = ("job_api", "--address", "127.0.0.1:0", "--data-dir", str(folder / "data"), *arguments)
    with ready(folder / "api.log", r"listens on (\S+),", *words, site=site) as process:
        yield process.ready[0]


@contextmanager
def worker_process(
    folder: Path, address: str, name: str, *arguments: str, site: Path | None = None
) -> Iterator[Process]:
    """Run a worker of that server; it has loaded its models when the block begins."""
    words = ("--address", address, "--worker-id", name, *arguments)
    module = "job_worker.worker_runner"
    with ready(folder / f"{name}.log", r"takes jobs from (\S+)", module, *words, site=site) as process:
        assert process.ready == (address,)
        yield process


def members_of_group(group: int) -> list[int]:
    """Return the processes of a group that run; zombies do not."""
    members = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(its_group) == group and state != "Z":
            members.append(int(stat.parent.name))
    return members


def _end(popen: "subprocess.Popen[bytes] | Forked") -> None:
    """End the process in order, so that it can still write what it covered, and then whatever it left."""
    if popen.poll() is None:
        popen.terminate()
        try:
            popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait()
    try:
        os.killpg(popen.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
