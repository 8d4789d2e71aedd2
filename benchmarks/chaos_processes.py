"""Processes of the service that are hurt and started again."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from random import Random

from benchmarks.small_videos import ROOT

__all__ = ["Fault", "FaultKind", "Incident", "Victim", "Violation", "faults"]

START_SECONDS = 120.0
"""Models included, on a busy host."""
END_SECONDS = 60.0
"""Longest end that SIGTERM may take: more than a worker's time to finish its job and its last calls together."""
GROUP_END_SECONDS = 10.0
"""Longest that a killed worker's children may outlive it."""
MAX_DOWN_SECONDS = 2.0


class Violation(Exception):
    """Something that must never happen did; the message says what."""


class FaultKind(StrEnum):
    """What is done to a process.

    Attributes:
        kill: SIGKILL, as when the memory or the power is gone.
        term: SIGTERM, as at every deployment; the process must end by itself, with exit code 0.
        stop: SIGSTOP, for longer than a lease, then SIGCONT: the process wakes and knows nothing of it.
    """

    kill = "KILL"
    term = "TERM"
    stop = "STOP"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is going to happen to a process.

    Attributes:
        after_seconds: How long the process is left in peace before.
        kind: What happens.
        down_seconds: How long until it is started or continued.
    """

    after_seconds: float
    kind: FaultKind
    down_seconds: float


@dataclass(frozen=True, slots=True)
class Incident:
    """A fault that happened.

    Attributes:
        process: The name of the process, such as `worker-1.3`: the third life of the first worker.
        kind: What happened.
        at: When, in seconds since the epoch.
        down_seconds: How long it did not run.
    """

    process: str
    kind: FaultKind
    at: float
    down_seconds: float


def faults(seed: str, mean_seconds: float, lease_seconds: float) -> Iterator[Fault]:
    """Yields faults for ever; the same seed gives the same ones.

    Args:
        seed: Names the sequence.
        mean_seconds: Mean time between two faults.
        lease_seconds: The service's lease, which every stop outlasts.
    """
    rng = Random(seed)
    while True:
        kind = rng.choice((FaultKind.kill, FaultKind.kill, FaultKind.term, FaultKind.stop))
        down = rng.uniform(1.2, 2) * lease_seconds if kind is FaultKind.stop else rng.uniform(0, MAX_DOWN_SECONDS)
        yield Fault(rng.expovariate(1 / mean_seconds), kind, down)


class Victim:
    """One process of the service, in one life after the other. All of them log to one file.

    Args:
        name: What it is called.
        command: Module and arguments for the life of this name.
        folder: Where it works and logs.

    Attributes:
        name: What it is called.
        log: Where it logs.
        runs_since: When it was last started or continued, by the monotonic clock.
    """

    def __init__(self, name: str, command: Callable[[str], list[str]], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.runs_since = 0.0
        self._command = command
        self._folder = folder
        self._lives = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def life(self) -> str:
        """The name of the life it is in."""
        return f"{self.name}.{self._lives}"

    def start(self) -> None:
        """Starts the next life and waits until it says that it is ready.

        Raises:
            Violation: It ended instead, or took too long.
        """
        self._lives += 1
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FOREGSYTE_")}
        path = os.pathsep.join([str(ROOT), inherited.pop("PYTHONPATH", "")])
        self.runs_since = time.monotonic()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._command(self.life)],
                cwd=self._folder,
                env=inherited | {"PYTHONPATH": path, "COVERAGE_RCFILE": str(ROOT / "pyproject.toml")},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert self._process.stdout
        too_late = threading.Timer(START_SECONDS, self._process.kill)
        too_late.start()
        line = self._process.stdout.readline()
        too_late.cancel()
        if not re.search(r"listens on|takes jobs from", line):
            raise Violation(f"{self.life} did not start: {self._last_words()}")

    def suffer(self, fault: Fault, in_peace: threading.Event) -> Incident:
        """Has the fault happen; at its end the process runs.

        Args:
            fault: What happens.
            in_peace: Ends the time that the process is down early.

        Raises:
            Violation: It did not end or start as it must.
        """
        at, life = time.time(), self.life
        if fault.kind is FaultKind.stop:
            self._signal(signal.SIGSTOP)
            in_peace.wait(fault.down_seconds)
            down = time.time() - at
            self.runs_since = time.monotonic()
            self._signal(signal.SIGCONT)
        else:
            self.terminate() if fault.kind is FaultKind.term else self.kill()
            in_peace.wait(fault.down_seconds)
            down = time.time() - at
            self.start()
        return Incident(life, fault.kind, at, down)

    def terminate(self) -> None:
        """Ends it as an operator does.

        Raises:
            Violation: It does not end in time, or with an error.
        """
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        try:
            code = self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Violation(f"{self.life} did not end within {END_SECONDS:g} s of SIGTERM") from None
        self._leave_nothing()
        if code != 0:
            raise Violation(f"{self.life} ended with exit code {code} after SIGTERM: {self._last_words()}")

    def kill(self) -> None:
        """Ends it at once; its children must end by themselves.

        Raises:
            Violation: They do not.
        """
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._leave_nothing()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process
        if self._process.poll() is not None:
            code = self._process.returncode
            raise Violation(f"{self.life} had ended by itself, with exit code {code}: {self._last_words()}")
        self._process.send_signal(number)

    def _leave_nothing(self) -> None:
        assert self._process
        assert self._process.stdout
        self._process.stdout.close()
        group, self._process = self._process.pid, None
        deadline = time.monotonic() + GROUP_END_SECONDS
        while _is_there(group):
            if time.monotonic() > deadline:
                os.killpg(group, signal.SIGKILL)
                raise Violation(f"children of {self.life} outlived it by {GROUP_END_SECONDS:g} s")
            time.sleep(0.05)

    def _last_words(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
