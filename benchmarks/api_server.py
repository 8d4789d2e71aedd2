"""A server in a process of its own, to be measured."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import grpc
import psutil

from benchmarks.measuring import peak_bytes
from shared.contract.channel import CHANNEL_OPTIONS
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub, WorkerServiceStub
from shared.process.settings import MIB
from tests.support.processes import ready

CONNECT_SECONDS = 60.0
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]
"""Else all channels of a process share one connection."""


class Caller(NamedTuple):
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
        """Open connections, closed with the block."""
        options = CHANNEL_OPTIONS + OWN_CONNECTION
        channels = [grpc.insecure_channel(self.address, options=options) for _ in range(count)]
        with ExitStack() as stack:
            for channel in channels:
                grpc.channel_ready_future(stack.enter_context(channel)).result(CONNECT_SECONDS)
            yield [Caller(JobServiceStub(channel), WorkerServiceStub(channel)) for channel in channels]

    @property
    def peak_mib(self) -> float:
        """The most memory that was resident so far."""
        return peak_bytes(self.pid) / MIB

    @property
    def cpu_seconds(self) -> float:
        """The processor time used, in steps of 10 ms; other work on the machine does not count in it."""
        times = psutil.Process(self.pid).cpu_times()
        return times.user + times.system


@contextmanager
def serving(folder: Path, *flags: str) -> Iterator[MeasuredServer]:
    """Start a server with its data in the folder; end it with the block."""
    where = ("--address", "127.0.0.1:0", "--data-dir", "data", "--min-free-bytes", "0", "--lease-seconds", "3600")
    command = ("job_api", *where, "--log-level", "WARNING", *flags)
    with ready(folder / "api.log", r"listens on (\S+),", *command) as process:
        yield MeasuredServer(process.ready[0], process.popen.pid)
