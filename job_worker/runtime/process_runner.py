"""Run the pipelines in a child process, so that the worker survives what they do.

Native code that decodes hostile files can crash, hang or be killed for its memory. In a child process that fails one
job, with a message that says what happened; the next job gets a new child.
"""

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from job_worker.errors import (
    Cancelled,
    HostFault,
    HostUnusable,
    JobCannotBeDone,
    ModelLoadError,
    UnconfirmedLackOfSpace,
)
from job_worker.isolation.isolation import Isolation
from job_worker.runtime.child_process import ChildProcess
from job_worker.runtime.job_folder import check_space, empty_folder, space_errors_translated
from job_worker.runtime.pipeline_child import Build, Kind
from job_worker.runtime.pipeline_runner import Run
from shared.process.clock import Clock, monotonic_clock
from shared.results import MAX_FRAME_BYTES

logger = logging.getLogger(__name__)

CHECK_SECONDS = 0.2
"""How often a run is checked: whether it is cancelled, hangs, or holds too much memory."""
RELOAD_SECONDS = 600.0
"""How long a child that takes the place of another may load models: they are in the cache, and a job waits for them."""
MESSAGE_SECONDS = 10.0
"""How long a message may take from its first byte to its last, which a hostile child may keep back."""


@dataclass(frozen=True, slots=True)
class RunLimits:
    """Limits of a run, above which its job fails.

    Attributes:
        max_frame_seconds: The longest time between two frames.
        max_memory_bytes: The most memory resident in the child, models included.
    """

    max_frame_seconds: float
    max_memory_bytes: int


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
        self._child: ChildProcess | None = None

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
            self._kill(self._start(is_cancelled, None))
            self._child = self._start_again(is_cancelled)

    def _start_again(self, is_cancelled: Callable[[], bool]) -> ChildProcess:
        try:
            return self._start(is_cancelled, self._isolation)
        except ModelLoadError as error:
            raise ModelLoadError(
                f"{str(error).removesuffix('.')}. Without isolation it works: name what is read in --readable-paths, "
                "or choose --isolation off."
            ) from error

    def run(self, run: Run, is_cancelled: Callable[[], bool]) -> None:
        """Run the pipeline in the child, in a new one where there is none."""
        with space_errors_translated():
            run.results.touch()  # an isolated child may write it, and make no file there
        kind, content = self._answer(run, is_cancelled)
        if kind == "failure":
            raise JobCannotBeDone(content)
        if kind == "done" and _is_file(run.results):
            return
        self.close()  # its GPU or its libraries may be unusable from now on, or it is hostile
        if kind == "no_space":
            folder = self._isolation.work_folder if self._isolation else run.results.parent
            check_space(folder, MAX_FRAME_BYTES)  # a false message would have the job done again for ever
        raise _error_of(kind, content)

    def _answer(self, run: Run, is_cancelled: Callable[[], bool]) -> tuple[Kind, str]:
        child = self._take_idle() or self._start(is_cancelled, self._isolation, RELOAD_SECONDS, HostUnusable)
        try:
            child.send(run)
            answer = child.next_message(is_cancelled, self._limits.max_frame_seconds)
        except BaseException:
            self._kill(child)  # nobody waits for what it does
            raise
        self._child = child
        return answer

    def close(self) -> None:
        """End the child, if there is one."""
        if self._child is not None:
            self._kill(self._child)
            self._child = None

    def _kill(self, child: ChildProcess) -> None:
        """End a child and delete its temporary files, which may fill the disk that the next video needs."""
        child.kill()
        if self._isolation:
            empty_folder(self._isolation.temporary_folder)

    def _take_idle(self) -> ChildProcess | None:
        child, self._child = self._child, None
        if child is None or child.is_alive:
            return child
        self._kill(child)  # it died between two jobs, which must not fail the next one
        return None

    def _start(
        self,
        is_cancelled: Callable[[], bool],
        isolation: Isolation | None,
        max_seconds: float = math.inf,
        crash: type[ModelLoadError | HostUnusable] = ModelLoadError,
    ) -> ChildProcess:
        """Start a child and wait for its models; raise a `crash` where it ends or takes too much before that.

        Raises:
            Cancelled: `is_cancelled` was true, also where the child had ended before.
        """
        try:
            child = ChildProcess(
                self._build,
                isolation,
                max_memory_bytes=self._limits.max_memory_bytes,
                clock=self._clock,
                check_seconds=self._check_seconds,
                message_seconds=self._message_seconds,
            )
        except OSError as error:
            raise HostUnusable(f"this host cannot start a process for the pipelines ({error.strerror})") from error
        try:
            kind, content = child.next_message(is_cancelled, max_seconds)
        except JobCannotBeDone as error:
            self._kill(child)
            if is_cancelled():  # a signal that stops the worker may have gone to its processes as well
                raise Cancelled("the run was cancelled") from error
            raise crash(f"the models could not be loaded: {error}") from error
        except BaseException:
            self._kill(child)  # it ignores SIGTERM, so this process would wait for it at exit
            raise
        if kind != "ready":
            self._kill(child)
            raise ModelLoadError(content)
        return child


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder that nobody may enter is in the way
        return False


def _error_of(kind: Kind, content: str) -> Exception:
    """Return the error for a message after which a child is ended."""
    if kind == "no_space":
        return UnconfirmedLackOfSpace("the analysis found no room for the results on this host, where there is room")
    if kind == "done":
        return JobCannotBeDone("the process that analyses the video has removed its results")
    return HostFault(content) if kind == "host_fault" else RuntimeError(content)
