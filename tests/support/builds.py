"""What a child process builds in place of models: every way in which work can go wrong.

They are pickled into the child, so they stand in a module of their own.
"""

import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from job_worker.errors import InsufficientSpace, JobCannotBeDone, ModelLoadError
from job_worker.isolation.isolation import Isolation
from job_worker.runtime.pipeline_child import send
from job_worker.runtime.pipeline_runner import EncodeFrames
from shared.results import MAX_FRAME_BYTES, encode_frame

MUCH_MEMORY_BYTES = 200 << 20
"""Far above what a child with nothing loaded takes."""

MANY_FRAMES = 20
SLOW_FRAMES = 15
SLOW_FRAME_SECONDS = 0.1

NOT_ENGLISH = "Кадр “1” — 日本"


def _crash() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def _sleep_for_ever() -> None:
    threading.Event().wait()


@dataclass(frozen=True)
class Anything:
    """Builds what does, in place of running a pipeline, what the pipeline's id says."""

    def __call__(self, on_frame: Callable[[], None]) -> EncodeFrames:
        def run(pipeline_id: str, video: Path) -> Iterator[bytes]:
            _WAYS[pipeline_id](on_frame, video)
            if pipeline_id == "huge frame":
                yield b"x" * (MAX_FRAME_BYTES + 2)
            for index in range(MANY_FRAMES if pipeline_id == "many frames" else 1):
                yield encode_frame(index, 0.0, {"text": NOT_ENGLISH, "video": str(video), "pid": os.getpid()})
            if pipeline_id == "remove the results":
                video.with_suffix(".json").unlink()

        return run


@dataclass(frozen=True, slots=True)
class NoProtection(Isolation):
    """The isolation where the kernel supports none of it."""

    def apply(self) -> None:
        pass

    def close_after_loading(self) -> None:
        pass


@dataclass(frozen=True)
class NoModels:
    def __call__(self, on_frame: Callable[[], None]) -> EncodeFrames:
        raise ModelLoadError("the weights weights.pt are not there; set --yolo-weights")


@dataclass(frozen=True)
class CrashingModels:
    def __call__(self, on_frame: Callable[[], None]) -> EncodeFrames:
        _crash()
        raise AssertionError


@dataclass(frozen=True)
class ModelsThatTakeMemory:
    def __call__(self, on_frame: Callable[[], None]) -> EncodeFrames:
        _take_memory()
        raise AssertionError


@dataclass(frozen=True)
class ModelsThatNeverLoad:
    pid_file: Path

    def __call__(self, on_frame: Callable[[], None]) -> EncodeFrames:
        self.pid_file.write_text(str(os.getpid()))
        _sleep_for_ever()
        raise AssertionError


@dataclass(frozen=True)
class ModelsThatLoadOnce:
    """The second child finds that the first has been there."""

    seen: Path

    def __call__(self, on_frame: Callable[[], None]) -> EncodeFrames:
        if self.seen.exists():
            raise ModelLoadError("the weights are missing")
        self.seen.touch()
        return Anything()(on_frame)


@dataclass(frozen=True)
class ModelsThatAnswerUnasked:
    """A process that says again and again that it has done a job, and reads none."""

    def __call__(self, on_frame: Callable[[], None]) -> EncodeFrames:
        connection = inspect.getclosurevars(on_frame).nonlocals["connection"]
        send(connection, "ready", b"")
        while True:
            send(connection, "done", b"")


class OutOfMemoryError(RuntimeError):
    """Named as that of torch for the memory of a GPU."""


def _raise(error: Exception) -> Callable[..., None]:
    def run(*_: object) -> None:
        raise error

    return run


def _hang(_on_frame: Callable[[], None], video: Path) -> None:
    video.write_text(str(os.getpid()))
    _sleep_for_ever()


def _close_all_and_sleep(*_: object) -> None:
    os.closerange(3, 1024)
    _sleep_for_ever()


def _take_memory(*_: object) -> None:
    taken = b"x" * MUCH_MEMORY_BYTES
    _sleep_for_ever()
    assert taken


def _take_memory_with_every_frame(on_frame: Callable[[], None], _video: Path) -> None:
    taken = b"x" * MUCH_MEMORY_BYTES
    while taken:
        on_frame()


def _take_many_slow_frames(on_frame: Callable[[], None], _video: Path) -> None:
    pause = threading.Event()
    for _ in range(SLOW_FRAMES):
        pause.wait(SLOW_FRAME_SECONDS)
        on_frame()


def _move_the_folder_and_find_no_space(_on_frame: Callable[[], None], video: Path) -> None:
    video.parent.rename(video.parent.with_name("moved"))
    raise InsufficientSpace("no space left on device")


def _shut_the_results_away(_on_frame: Callable[[], None], video: Path) -> None:
    video.parent.rename(video.parent.with_name("moved"))
    video.parent.mkdir(0)


_WAYS: dict[str, Callable[[Callable[[], None], Path], object]] = {
    "succeed": lambda *_: None,
    "many frames": lambda *_: None,
    "huge frame": lambda *_: None,
    "remove the results": lambda *_: None,
    "move the folder and find no space": _move_the_folder_and_find_no_space,
    "shut the results away": _shut_the_results_away,
    "time out": _raise(TimeoutError("the model's server did not answer")),
    "fail with a surrogate": _raise(JobCannotBeDone("no such name: \udc80")),
    "fail": _raise(JobCannotBeDone(f"no frame can be decoded: {NOT_ENGLISH}")),
    "err": _raise(KeyError("a bug")),
    "fill the GPU": _raise(OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")),
    "break the GPU": _raise(RuntimeError("CUDA error: unspecified launch failure\nCompile with ...")),
    "need a thread": _raise(RuntimeError("can't start new thread")),
    "leave": lambda *_: sys.exit(3),
    "out of memory": _raise(MemoryError()),
    "crash": lambda *_: _crash(),
    "be killed": lambda *_: os.kill(os.getpid(), signal.SIGKILL),
    "be ended by a real-time signal": lambda *_: os.kill(os.getpid(), signal.SIGRTMIN + 6),
    "exit": lambda *_: os._exit(7),
    "hang": _hang,
    "close all pipes and stay": _close_all_and_sleep,
    "take memory": _take_memory,
    "take memory with every frame": _take_memory_with_every_frame,
    "slow": _take_many_slow_frames,
}
