"""Processes of the service that are killed, terminated or stopped, and started again, and the server's failing disk."""

import errno
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import NamedTuple

from shared.process.exit_codes import ExitCode
from tests.support.faults import Faults
from tests.support.processes import Process, members_of_group, ready

END_SECONDS = 60.0
"""Longest end that SIGTERM may take: more than a worker's time to finish its job and its last calls together."""
GROUP_END_SECONDS = 10.0
"""Longest that a killed worker's children may outlive it."""
MAX_DOWN_SECONDS = 2.0


class Violation(Exception):
    """Something that must never happen did; the message says what."""


class FaultKind(StrEnum):
    """What is done to a process, to the server's disk, or to a worker's link to the server.

    Attributes:
        kill: SIGKILL, as when the memory or the power is gone.
        term: SIGTERM, as at every deployment; the process must end by itself, with exit code 0.
        stop: SIGSTOP, for longer than a lease, then SIGCONT: the process wakes and knows nothing of it.
        write: No write to the data folder succeeds (EIO).
        sync: No sync of the database's log succeeds (EIO), which ends the server: its supervisor starts it again.
        read_only: No file can be made for a video or results (EROFS).
        cut: All connections are closed and new ones too.
        stall: Nothing passes for longer than a lease, and no connection is closed.
        slow: Little passes, for as long.
    """

    kill = "KILL"
    term = "TERM"
    stop = "STOP"
    write = "WRITE"
    sync = "SYNC"
    read_only = "READ_ONLY"
    cut = "CUT"
    stall = "STALL"
    slow = "SLOW"


OF_PROCESSES = (FaultKind.kill, FaultKind.term, FaultKind.stop)
OUTLASTING = frozenset({FaultKind.stop, FaultKind.stall, FaultKind.slow})
"""What takes longer than a lease."""
DISK = {
    FaultKind.write: ("write", errno.EIO, "data/"),
    FaultKind.sync: ("sync", errno.EIO, ".wal"),
    FaultKind.read_only: ("open", errno.EROFS, ".part"),
}
"""The call that fails, how, and on which paths."""
DISK_END_SECONDS = 5.0
"""In which a server ends that its disk leaves no other choice."""


class Fault(NamedTuple):
    """One thing that is going to happen.

    Attributes:
        after_seconds: How long all is well before.
        kind: What happens.
        down_seconds: How long until it is over, and the process runs again.
    """

    after_seconds: float
    kind: FaultKind
    down_seconds: float


def faults(seed: str, kinds: Sequence[FaultKind], mean_seconds: float, lease_seconds: float) -> Iterator[Fault]:
    """Yield faults for ever, each of the kinds in turn and in random order; the same seed gives the same ones.

    Args:
        seed: Names the sequence.
        kinds: What may happen.
        mean_seconds: Mean time between two faults.
        lease_seconds: The service's lease.
    """
    rng = Random(seed)
    while True:
        for kind in rng.sample(kinds, len(kinds)):
            down = rng.uniform(1.2, 2) * lease_seconds if kind in OUTLASTING else rng.uniform(0, MAX_DOWN_SECONDS)
            yield Fault(rng.expovariate(1 / mean_seconds), kind, down)


class FaultTarget:
    """One process of the service, in one life after the other, each with a log of its own.

    Args:
        name: What it is called.
        command: Module and arguments for the life of this name.
        disk: What makes its disk fail; None where that cannot be done.
        folder: Where it works and logs.

    Attributes:
        name: What it is called.
        kinds: What may happen to it.
    """

    def __init__(
        self, name: str, command: Callable[[str], list[str]], folder: Path, disk: Faults | None = None
    ) -> None:
        self.name = name
        self.kinds = (*OF_PROCESSES, *(DISK if disk else ()))
        self._command = command
        self._folder = folder
        self._disk = disk
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
        log, variables = self._folder / f"{self.life}.log", self._disk.variables if self._disk else {}
        running = ready(log, "listens on|takes jobs from", *self._command(self.life), variables=variables)
        self._process = self._life.enter_context(running)

    def inject(self, fault: Fault, over: threading.Event) -> None:
        """Inject the fault; at its end the process runs.

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
        elif fault.kind in DISK:
            self._fail_disk(fault, over)
        else:
            self.terminate() if fault.kind is FaultKind.term else self.kill()
            over.wait(fault.down_seconds)
            self.start()

    def _fail_disk(self, fault: Fault, over: threading.Event) -> None:
        """Have the disk fail for a while; a process that this ends is started again, as a supervisor does."""
        assert self._disk
        assert self._process
        call, number, path = DISK[fault.kind]
        self._disk.begin(call, number, path)
        over.wait(fault.down_seconds)
        self._disk.end(call)
        try:
            code = self._process.exit_code(DISK_END_SECONDS)
        except subprocess.TimeoutExpired:
            return
        if code != ExitCode.DISK_FAILED:
            raise Violation(f"{self.life} ended with exit code {code} when its disk failed: {self._last_line()}")
        self._leave_nothing()
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
