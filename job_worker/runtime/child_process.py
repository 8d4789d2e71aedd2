"""Running the pipelines in a child process, so that the worker survives what they do.

Native code that decodes hostile files can crash, hang or be killed for its memory. In a child process that fails one
job, with a message that says what happened; the next job gets a new child.
"""

import logging
import math
import multiprocessing
import os
import pickle
import select
import signal
import struct
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import cast, get_args

import psutil

from job_worker.errors import (
    Cancelled,
    HostFault,
    HostUnusable,
    JobCannotBeDone,
    ModelLoadError,
    ProcessUnkillable,
    UnconfirmedLackOfSpace,
)
from job_worker.isolation.isolation import Isolation
from job_worker.runtime.isolated_child import enter
from job_worker.runtime.job_folder import check_space
from job_worker.runtime.pipeline_child import MAX_PIPE_MESSAGE_BYTES, SEPARATOR, Build, Kind
from job_worker.runtime.pipeline_runner import Run
from shared.process.clock import Clock, monotonic_clock
from shared.results import MAX_FRAME_BYTES

logger = logging.getLogger(__name__)

CHECK_SECONDS = 0.2
"""How often a run is checked: whether it is cancelled, hangs, or holds too much memory."""
RELOAD_SECONDS = 600.0
"""How long a child that takes the place of another may load models: they are in the cache, and a job waits for them."""
EXIT_SECONDS = 10.0
"""How long a child that closed its pipe or was killed may take to exit: its memory, also that of a GPU, is freed."""
EXIT_CHECK_SECONDS = 0.01
"""How often it is looked at meanwhile."""
MESSAGE_SECONDS = 10.0
"""How long a message may take from its first byte to its last, which a hostile child may keep back."""
LAST_LINES_SECONDS = 1.0
"""How long the last lines of a child are waited for: a program that it started may still have the pipe."""
_NONSENSE = "the analysis crashed: its process sent a message that makes no sense"
_CUT_OFF = "the analysis crashed: its process sent a message that is cut off"


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Limits of a run, above which its job fails.

    Attributes:
        max_frame_seconds: The longest time between two frames.
        max_memory_bytes: The most memory resident in the child, models included.
    """

    max_frame_seconds: float
    max_memory_bytes: int


class _Child:
    """The child process and the pipe to it.

    Raises:
        OSError: The process cannot be started.
        HostUnusable: There is no thread to be had for what it prints.
    """

    def __init__(
        self,
        build: Build,
        isolation: Isolation | None,
        limits: RunLimits,
        clock: Clock,
        check_seconds: float,
        message_seconds: float,
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._check_seconds = check_seconds
        self._message_seconds = message_seconds
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        printed, log = context.Pipe(duplex=False)
        arguments = (theirs, log, isolation, pickle.dumps(build))
        self._process = context.Process(target=enter, args=arguments, name="pipelines", daemon=True)
        try:
            self._printed = _start_logging(printed)  # first: without it there must be no process
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
        self._printed.join(LAST_LINES_SECONDS)

    def _check_memory(self) -> None:
        with suppress(psutil.NoSuchProcess):  # it has ended: the next read of the pipe says so
            if self._memory.memory_info().rss > self._limits.max_memory_bytes:
                raise JobCannotBeDone(
                    f"the analysis took more memory than the limit of {self._limits.max_memory_bytes} bytes"
                )

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


def _start_logging(printed: Connection) -> threading.Thread:
    logging_thread = threading.Thread(target=_log_lines, args=(printed,), name="child-output", daemon=True)
    try:
        logging_thread.start()
    except RuntimeError as error:
        raise HostUnusable("this host has no thread left for the job") from error
    return logging_thread


def _log_lines(printed: Connection) -> None:
    """Log what an isolated child prints, line by line, until the end of the child.

    At the level that is just logged: the child has left out what is below it.
    """
    with printed, open(printed.fileno(), "rb", closefd=False) as lines:
        while line := lines.readline(MAX_PIPE_MESSAGE_BYTES):
            text = line.decode(errors="replace").rstrip()
            logger.log(logger.getEffectiveLevel(), "printed by the child process", extra={"line": text})


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # most of the system's own have one, others have none
        return f"signal {number}"


class ProcessRunner:
    """A `PipelineRunner` whose pipelines run in a child process.

    Args:
        build: Loads the models in the child.
        limits: The limits of each run.
        isolation: What the child may use; None for all that its user may.
        clock: Seconds that never go back.
        check_seconds: How often a run is checked.
        message_seconds: How long a message of the child may take from its first byte to its last, and the child to make
            room for one.
    """

    def __init__(
        self,
        build: Build,
        limits: RunLimits,
        isolation: Isolation | None = None,
        clock: Clock = monotonic_clock,
        check_seconds: float = CHECK_SECONDS,
        message_seconds: float = MESSAGE_SECONDS,
    ) -> None:
        self._build = build
        self._limits = limits
        self._isolation = isolation
        self._clock = clock
        self._check_seconds = check_seconds
        self._message_seconds = message_seconds
        self._child: _Child | None = None

    def start(self, is_cancelled: Callable[[], bool]) -> None:
        """Start the child and wait until it has loaded its models.

        Where an isolated child cannot, another one that never sees a video loads them once: models may first have to be
        downloaded, or converted into the cache.
        """
        try:
            self._child = self._start(is_cancelled, self._isolation)
        except ModelLoadError as error:
            if self._isolation is None:
                raise
            logger.info("loading the models once without isolation, for the cache", extra={"error": str(error)})
            self._start(is_cancelled, None).kill()
            self._child = self._start_again(is_cancelled)

    def _start_again(self, is_cancelled: Callable[[], bool]) -> _Child:
        try:
            return self._start(is_cancelled, self._isolation)
        except ModelLoadError as error:
            raise ModelLoadError(
                f"{str(error).removesuffix('.')}. Without isolation it works: name what is read in --readable-paths, "
                "or choose --isolation off."
            ) from error

    def run(self, run: Run, is_cancelled: Callable[[], bool]) -> None:
        """Run the pipeline in the child, in a new one where there is none."""
        kind, content = self._answer(run, is_cancelled)
        if kind == "failure":
            raise JobCannotBeDone(content)
        if kind == "no_space":
            check_space(run.results.parent, MAX_FRAME_BYTES)  # a false message would have the job done again for ever
        if kind == "done" and not run.results.is_file():
            self.close()
            raise JobCannotBeDone("the process that analyses the video has removed its results")
        if kind != "done":
            self.close()  # its GPU or its libraries may be unusable from now on, or it is hostile
            raise _error_of(kind, content)

    def _answer(self, run: Run, is_cancelled: Callable[[], bool]) -> tuple[Kind, str]:
        child = self._take_idle() or self._start(is_cancelled, self._isolation, RELOAD_SECONDS, HostUnusable)
        try:
            child.send(run)
            answer = child.next_message(is_cancelled, self._limits.max_frame_seconds)
        except BaseException:
            child.kill()  # nobody waits for what it does
            raise
        self._child = child
        return answer

    def close(self) -> None:
        """End the child, if there is one."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _take_idle(self) -> _Child | None:
        child, self._child = self._child, None
        if child is None or child.is_alive:
            return child
        child.kill()  # it died between two jobs, which must not fail the next one
        return None

    def _start(
        self,
        is_cancelled: Callable[[], bool],
        isolation: Isolation | None,
        max_seconds: float = math.inf,
        crash: type[ModelLoadError | HostUnusable] = ModelLoadError,
    ) -> _Child:
        """Start a child and wait for its models; raise a `crash` where it ends or takes too much before that."""
        try:
            child = _Child(
                self._build, isolation, self._limits, self._clock, self._check_seconds, self._message_seconds
            )
        except OSError as error:
            raise HostUnusable(f"this host cannot start a process for the pipelines ({error.strerror})") from error
        try:
            kind, content = child.next_message(is_cancelled, max_seconds)
        except JobCannotBeDone as error:
            child.kill()
            raise crash(f"the models could not be loaded: {error}") from error
        except BaseException:
            child.kill()  # it ignores SIGTERM, so this process would wait for it at exit
            raise
        if kind != "ready":
            child.kill()
            raise ModelLoadError(content)
        return child


def _error_of(kind: Kind, content: str) -> Exception:
    """Return the error for a message after which a child is ended."""
    if kind == "no_space":
        return UnconfirmedLackOfSpace("the analysis found no room for the results on this host, where there is room")
    return HostFault(content) if kind == "host_fault" else RuntimeError(content)
