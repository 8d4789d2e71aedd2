"""The child process in which the pipelines run: what it is sent, what it answers, its memory and its end."""

import multiprocessing
import os
import pickle
import select
import signal
import struct
import time
from collections.abc import Callable
from contextlib import suppress
from typing import cast, get_args

import psutil

from job_worker.errors import Cancelled, JobCannotBeDone, ProcessUnkillable
from job_worker.isolation.isolation import Isolation
from job_worker.runtime.child_output import ChildOutput
from job_worker.runtime.isolated_child import enter
from job_worker.runtime.pipeline_child import MAX_PIPE_MESSAGE_BYTES, SEPARATOR, Build, Kind
from job_worker.runtime.pipeline_runner import Run
from shared.process.clock import Clock

EXIT_SECONDS = 10.0
"""How long a child that closed its pipe or was killed may take to exit: its memory, also that of a GPU, is freed."""
EXIT_CHECK_SECONDS = 0.01
"""How often it is looked at meanwhile."""
LAST_LINES_SECONDS = 1.0
"""How long the last lines of a child are waited for: a program that it started may still have the pipe."""
_NONSENSE = "the analysis crashed: its process sent a message that makes no sense"
_CUT_OFF = "the analysis crashed: its process sent a message that is cut off"


class ChildProcess:
    """The child process and the pipe to it.

    Args:
        build: Loads the models in the child.
        isolation: What the child may use; None for all that its user may.
        max_memory_bytes: The most memory resident in it, models included.
        clock: Seconds that never go back.
        check_seconds: How often it is checked while a message is waited for.
        message_seconds: How long a message may take from its first byte to its last, and the child to make room for
            one.

    Raises:
        OSError: The process cannot be started.
        HostUnusable: There is no thread to be had for what it prints.
    """

    def __init__(
        self,
        build: Build,
        isolation: Isolation | None,
        *,
        max_memory_bytes: int,
        clock: Clock,
        check_seconds: float,
        message_seconds: float,
    ) -> None:
        self._max_memory_bytes = max_memory_bytes
        self._clock = clock
        self._check_seconds = check_seconds
        self._message_seconds = message_seconds
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        printed, log = context.Pipe(duplex=False)
        arguments = (theirs, log, isolation, pickle.dumps(build))
        self._process = context.Process(target=enter, args=arguments, name="pipelines", daemon=True)
        try:
            self._output = ChildOutput(printed, clock)  # first: without it there must be no process
            self._process.start()
        finally:
            theirs.close()
            log.close()
        self._memory = psutil.Process(self._process.pid)

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.is_alive()

    def send(self, run: Run) -> None:
        """Give the child a job.

        Raises:
            JobCannotBeDone: The child has ended, or has left so many jobs unread that the pipe is full.
        """
        room = select.poll()
        room.register(self._connection.fileno(), select.POLLOUT)
        if not room.poll(self._message_seconds * 1000):
            raise JobCannotBeDone("the analysis hung: its process does not read what to do")
        try:
            self._connection.send(run)
        except ConnectionError:
            raise JobCannotBeDone(self._describe_end()) from None

    def next_message(self, is_cancelled: Callable[[], bool], max_silence_seconds: float) -> tuple[Kind, str]:
        """Wait for the child's next message, ignoring frame ticks.

        Raises:
            JobCannotBeDone: The child ended, was silent for too long, or took too much memory.
            Cancelled: `is_cancelled` was true.
        """
        last_message_at = self._clock()
        while not is_cancelled():
            if self._connection.poll(self._check_seconds):
                try:
                    # Never a pickle: what has decoded a hostile file must not choose what runs in this process.
                    kind, _, content = self._received().decode(errors="replace").partition(SEPARATOR)
                except (EOFError, ConnectionError):
                    raise JobCannotBeDone(self._describe_end()) from None
                if kind not in get_args(Kind):
                    raise JobCannotBeDone(_NONSENSE)
                if kind != "frame":
                    self._output.end_job()
                    return cast("Kind", kind), content
                last_message_at = self._clock()
            elif self._clock() - last_message_at > max_silence_seconds:
                raise JobCannotBeDone(f"the analysis hung: no frame was done for {max_silence_seconds:g} seconds")
            self._check_memory()
        raise Cancelled("the run was cancelled")

    def _received(self) -> bytes:
        """Return a message as `Connection.send_bytes` sends it, however slowly a hostile child does.

        Raises:
            JobCannotBeDone: It is too large, or does not come to its end in time.
            EOFError: The child has closed the pipe.
            ConnectionError: It has, and left messages unread.
        """
        ends_at = self._clock() + self._message_seconds
        (size,) = struct.unpack("!i", self._read(4, ends_at))
        if not 0 <= size <= MAX_PIPE_MESSAGE_BYTES:
            raise JobCannotBeDone(_NONSENSE)
        return self._read(size, ends_at)

    def _read(self, size: int, ends_at: float) -> bytes:
        content = b""
        while len(content) < size:
            if not self._connection.poll(max(ends_at - self._clock(), 0.0)):
                raise JobCannotBeDone(_CUT_OFF)
            part = os.read(self._connection.fileno(), size - len(content))
            if not part:
                raise EOFError
            content += part
        return content

    def kill(self) -> None:
        """End the child at once.

        Raises:
            ProcessUnkillable: It waits in the kernel, where no signal ends it.
        """
        self._process.kill()
        if not self._ends_in_time():
            raise ProcessUnkillable(
                f"the process {self._process.pid} does not end when it is killed: it waits for a disk or a driver"
            )
        self._process.close()
        self._connection.close()
        self._output.join(LAST_LINES_SECONDS)

    def _check_memory(self) -> None:
        with suppress(psutil.NoSuchProcess):  # it has ended: the next read of the pipe says so
            if self._memory.memory_info().rss > self._max_memory_bytes:
                raise JobCannotBeDone(f"the analysis took more memory than the limit of {self._max_memory_bytes} bytes")

    def _ends_in_time(self) -> bool:
        """Wait for the child's end, by its state alone: `join` never returns where a child has closed its pipes."""
        ends_at = time.monotonic() + EXIT_SECONDS
        while self.is_alive and time.monotonic() < ends_at:
            time.sleep(EXIT_CHECK_SECONDS)
        return not self.is_alive

    def _describe_end(self) -> str:
        if not self._ends_in_time():
            return "the analysis crashed: its process closed its pipe and did not end"
        code = self._process.exitcode
        if code is not None and code < 0:
            hint = ", most likely out of memory" if code == -signal.SIGKILL else ""
            return f"the analysis crashed: its process was ended by {_signal_name(-code)}{hint}"
        return f"the analysis crashed: its process ended with exit code {code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most of the system's own have one, others have none
        return f"signal {number}"
