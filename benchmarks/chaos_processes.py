"""Processes of the service that are killed, terminated or stopped, and started again."""

import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import NamedTuple

from tests.support.processes import Process, members_of_group, ready

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


class Fault(NamedTuple):
    """One thing that is going to happen to a process.

    Attributes:
        after_seconds: How long the process runs undisturbed before.
        kind: What happens.
        down_seconds: How long until it is started or continued.
    """

    after_seconds: float
    kind: FaultKind
    down_seconds: float


def faults(seed: str, mean_seconds: float, lease_seconds: float) -> Iterator[Fault]:
    """Yield faults for ever; the same seed gives the same ones.

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
    """One process of the service, in one life after the other, each with a log of its own.

    Args:
        name: What it is called.
        command: Module and arguments for the life of this name.
        folder: Where it works and logs.

    Attributes:
        name: What it is called.
    """

    def __init__(self, name: str, command: Callable[[str], list[str]], folder: Path) -> None:
        self.name = name
        self._command = command
        self._folder = folder
        self._lives = 0
        self._life = ExitStack()
        self._process: Process | None = None

    @property
    def life(self) -> str:
        """The name of the life it is in."""
        return f"{self.name}.{self._lives}"

    def start(self) -> None:
        """Start the next life and wait until it says that it is ready.

        Raises:
            AssertionError: It ended instead, or took too long.
        """
        self._lives += 1
        running = ready(self._folder / f"{self.life}.log", "listens on|takes jobs from", *self._command(self.life))
        self._process = self._life.enter_context(running)

    def suffer(self, fault: Fault, over: threading.Event) -> None:
        """Let the fault happen; at its end the process runs.

        Args:
            fault: What happens.
            over: Ends the time that the process is down early.

        Raises:
            Violation: It did not end as it must.
            AssertionError: It did not start.
        """
        if fault.kind is FaultKind.stop:
            self._signal(signal.SIGSTOP)
            over.wait(fault.down_seconds)
            self._signal(signal.SIGCONT)
        else:
            self.terminate() if fault.kind is FaultKind.term else self.kill()
            over.wait(fault.down_seconds)
            self.start()

    def terminate(self) -> None:
        """End it as an operator does.

        Raises:
            Violation: It does not end in time, or with an error.
        """
        if self._process is None:
            return
        self._signal(signal.SIGTERM)
        try:
            code = self._process.exit_code(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Violation(f"{self.life} did not end within {END_SECONDS:g} s of SIGTERM") from None
        last_line = self._last_line()
        self._leave_nothing()
        if code != 0:
            raise Violation(f"{self.life} ended with exit code {code} after SIGTERM: {last_line}")

    def kill(self) -> None:
        """End it at once; its children must end by themselves.

        Raises:
            Violation: They do not.
        """
        if self._process:
            self._process.send(signal.SIGKILL)
            self._process.exit_code()
            self._leave_nothing()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process
        code = self._process.popen.poll()
        if code is not None:
            raise Violation(f"{self.life} had ended by itself, with exit code {code}: {self._last_line()}")
        self._process.send(number)

    def _leave_nothing(self) -> None:
        assert self._process
        group, self._process = self._process.popen.pid, None
        deadline = time.monotonic() + GROUP_END_SECONDS
        with self._life:  # whatever is left is killed
            while members_of_group(group):
                if time.monotonic() > deadline:
                    raise Violation(f"children of {self.life} outlived it by {GROUP_END_SECONDS:g} s")
                time.sleep(0.05)

    def _last_line(self) -> str:
        assert self._process
        return self._process.text.strip().rpartition("\n")[2]
