"""Runs the pipelines in a child process, so that the worker survives its work.

Native code that decodes hostile files can crash, hang or be killed for its memory. In a process of its own that ends
one job, with a message that says what happened; the next job gets a fresh process.
"""

import ctypes
import logging
import math
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Literal, Protocol

import psutil

from job_worker.errors import JobFailed, ModelLoadError, Stopping
from job_worker.runtime.pipeline_runner import EncodeFrames
from shared.process.clock import Clock, monotonic_clock
from shared.results import encoded_document
from shared.video.errors import VideoError

__all__ = ["Build", "ProcessRunner", "RunLimits"]

logger = logging.getLogger(__name__)


class Build(Protocol):
    """Loads the models in the child; a picklable callable, for the child starts afresh."""

    def __call__(self, on_frame: Callable[[], None]) -> EncodeFrames:
        """Returns what runs a pipeline on a file and calls `on_frame` at every frame it reads.

        Raises:
            ModelLoadError: A model cannot be loaded.
        """


_Kind = Literal["ready", "frame", "results", "failure", "model_error", "unforeseen"]

CHECK_SECONDS = 0.2
"""How often a run is looked at: has it been told to stop, does it hang."""
EXIT_SECONDS = 5.0
"""How long a child that closed its pipe may take to end."""
_PR_SET_PDEATHSIG = 1
"""See prctl(2)."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """What a run may take before its job is failed.

    Attributes:
        max_frame_seconds: The longest time without a frame done.
        max_memory_bytes: The most memory resident in the child, models included.
    """

    max_frame_seconds: float
    max_memory_bytes: int


class _Child:
    """The child process and the pipe to it."""

    def __init__(self, build: Build, limits: RunLimits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, build), name="pipelines", daemon=True)
        self._process.start()
        self._memory = psutil.Process(self._process.pid)
        theirs.close()

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.is_alive()

    def send(self, pipeline_id: str, video: Path) -> None:
        """Gives the child a job."""
        try:
            self._connection.send((pipeline_id, video))
        except BrokenPipeError:
            raise JobFailed(self._how_it_ended()) from None

    def next_word(self, must_abandon: Callable[[], bool], max_silence_seconds: float) -> tuple[_Kind, bytes]:
        """Waits for the child's next word other than that it has read a frame.

        Raises:
            JobFailed: The child ended, was silent for too long, or took too much memory.
            Stopping: The wait was given up.
        """
        heard_at = self._clock()
        while not must_abandon():
            if self._connection.poll(CHECK_SECONDS):
                try:
                    kind = self._connection.recv()
                    if kind != "frame":
                        return kind, self._connection.recv_bytes()
                except (EOFError, ConnectionResetError):
                    raise JobFailed(self._how_it_ended()) from None
                heard_at = self._clock()
                self._check_memory()
            elif self._clock() - heard_at > max_silence_seconds:
                raise JobFailed(f"the analysis hung: no frame was done for {max_silence_seconds:g} seconds")
            else:
                self._check_memory()
        raise Stopping("the run was given up")

    def kill(self) -> None:
        """Ends the child at once."""
        self._process.kill()
        self._process.join()
        self._process.close()
        self._connection.close()

    def _check_memory(self) -> None:
        with suppress(psutil.NoSuchProcess):  # it ended: the pipe says so next
            if self._memory.memory_info().rss > self._limits.max_memory_bytes:
                raise JobFailed(
                    f"the analysis took more memory than the limit of {self._limits.max_memory_bytes} bytes"
                )

    def _how_it_ended(self) -> str:
        self._process.join(EXIT_SECONDS)
        code = self._process.exitcode
        if code is not None and code < 0:
            hint = ", most likely for want of memory" if code == -signal.SIGKILL else ""
            return f"the analysis crashed: its process was ended by {signal.Signals(-code).name}{hint}"
        return f"the analysis crashed: its process ended with exit code {code}"


class ProcessRunner:
    """A `PipelineRunner` whose work happens in a child process."""

    def __init__(self, build: Build, limits: RunLimits, clock: Clock = monotonic_clock) -> None:
        self._build = build
        self._limits = limits
        self._clock = clock
        self._child: _Child | None = None

    def start(self, must_abandon: Callable[[], bool]) -> None:
        """Starts the child and waits until it has loaded its models; see the port."""
        self._child = self._start(must_abandon)

    def run(self, pipeline_id: str, video: Path, must_abandon: Callable[[], bool]) -> bytes:
        """Runs the pipeline in the child; see the port."""
        child = self._take_idle() or self._start(must_abandon)
        try:
            child.send(pipeline_id, video)
            kind, content = child.next_word(must_abandon, self._limits.max_frame_seconds)
        except BaseException:
            child.kill()  # whatever it is doing, nobody waits for it any more
            raise
        self._child = child
        if kind == "failure":
            raise JobFailed(content.decode())
        if kind != "results":
            raise RuntimeError(content.decode())
        return content

    def close(self) -> None:
        """Ends the child; see the port."""
        if self._child is not None:
            self._child.kill()
            self._child = None

    def _take_idle(self) -> _Child | None:
        child, self._child = self._child, None
        if child is None or child.is_alive:
            return child
        child.kill()  # it died between two jobs, which is no fault of the next one
        return None

    def _start(self, must_abandon: Callable[[], bool]) -> _Child:
        child = _Child(self._build, self._limits, self._clock)
        try:
            kind, content = child.next_word(must_abandon, math.inf)
        except JobFailed as error:
            child.kill()
            raise ModelLoadError(f"the models could not be loaded: {error}") from error
        except BaseException:
            child.kill()  # it ignores SIGTERM, so this process would wait for it at its own end
            raise
        if kind != "ready":
            child.kill()
            raise ModelLoadError(content.decode())
        return child


def _serve(connection: Connection, build: Build) -> None:
    """The child: loads the models, then runs one job after the other until the parent is gone."""
    _die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a terminal's Ctrl-C reaches the child too; the parent decides
    try:
        encode_frames = build(on_frame=lambda: connection.send("frame"))
    except ModelLoadError as error:
        _say(connection, "model_error", str(error).encode())
        return
    _say(connection, "ready", b"")
    for pipeline_id, video in _jobs(connection):
        _say(connection, *_outcome(encode_frames, pipeline_id, video))


def _jobs(connection: Connection) -> Iterator[tuple[str, Path]]:
    while True:
        try:
            yield connection.recv()
        except (EOFError, ConnectionResetError):  # the latter where the parent left words unread
            return


def _outcome(encode_frames: EncodeFrames, pipeline_id: str, video: Path) -> tuple[_Kind, bytes]:
    try:
        return "results", b"".join(encoded_document(encode_frames(pipeline_id, video)))
    except (JobFailed, VideoError) as failure:
        return "failure", str(failure).encode()
    except MemoryError:
        return "failure", b"the analysis ran out of memory"
    except Exception as error:
        logger.exception("pipeline failed")
        return "unforeseen", f"{type(error).__name__}: {error}".encode()


def _say(connection: Connection, kind: _Kind, content: bytes) -> None:
    connection.send(kind)
    connection.send_bytes(content)


def _die_with_parent() -> None:
    """Asks the kernel to kill this process when its parent ends, however that happens (Linux only)."""
    parent = multiprocessing.parent_process()
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        return
    if parent is not None and os.getppid() != parent.pid:
        os._exit(1)  # the parent ended before the kernel was asked
