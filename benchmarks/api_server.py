"""A server in a process of its own, to be measured."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc

from benchmarks.small_videos import ROOT
from shared.contract.channel import CHANNEL_OPTIONS
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub, WorkerServiceStub

__all__ = ["MIB", "Caller", "MeasuredServer", "serving"]

MIB = 1 << 20
END_SECONDS = 60.0
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]
"""Else all channels of a process share one connection."""


@dataclass(frozen=True, slots=True)
class Caller:
    """One connection to the server."""

    jobs: JobServiceStub
    workers: WorkerServiceStub


@dataclass(frozen=True, slots=True)
class MeasuredServer:
    """A server that listens, and what it has used so far."""

    address: str
    pid: int

    @contextmanager
    def callers(self, count: int) -> Iterator[list[Caller]]:
        """Opens connections, closed with the block."""
        with ExitStack() as stack:
            channels = [
                stack.enter_context(grpc.insecure_channel(self.address, options=CHANNEL_OPTIONS + OWN_CONNECTION))
                for _ in range(count)
            ]
            for channel in channels:
                grpc.channel_ready_future(channel).result(END_SECONDS)
            yield [Caller(JobServiceStub(channel), WorkerServiceStub(channel)) for channel in channels]

    @property
    def peak_mib(self) -> float:
        """The most memory that was resident so far."""
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found
        return int(found[1]) / 1024

    @property
    def cpu_seconds(self) -> float:
        """The processor time used, in steps of 10 ms; other work on the machine does not count in it."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def serving(folder: Path, *flags: str) -> Iterator[MeasuredServer]:
    """Starts a server with its data in the folder; ends it with the block.

    Raises:
        RuntimeError: It ended before it listened.
    """
    folder.mkdir(parents=True, exist_ok=True)
    where = ("--address", "127.0.0.1:0", "--data-dir", "data", "--min-free-bytes", "0", "--lease-seconds", "3600")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("FOREGSYTE_")}
    with (folder / "api.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "job_api", *where, "--log-level", "WARNING", *flags],
            cwd=folder,
            env=inherited | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout
        found = re.search(r"listens on (\S+),", process.stdout.readline())
        if not found:
            raise RuntimeError(f"the server did not start: {(folder / 'api.log').read_text()}")
        yield MeasuredServer(found[1], process.pid)
    finally:
        process.terminate()
        process.communicate(timeout=END_SECONDS)
