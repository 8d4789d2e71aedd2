"""The ways through a video that `benchmarks.pipeline` compares, each in a process of its own that stays loaded.

A process waits for `(video, frames)` and answers with what it measured, so that the variants can take turns on a
machine without sharing threads, caches or memory.
"""

import gc
import itertools
import multiprocessing
import resource
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.plain_script import PlainScript
from job_worker.settings import WorkerSettings
from shared.pipelines.profiles import Profile

if TYPE_CHECKING:
    from job_worker.analysis.pipeline import Pipeline

__all__ = ["PLAIN", "VARIANTS", "Measured", "Variant", "pipeline_of", "running"]

PLAIN = "plain"
VARIANTS = (PLAIN, *Profile)


@dataclass(frozen=True, slots=True)
class Measured:
    """What one pass over a video took.

    Attributes:
        seconds: Wall time of decoding and analysing the frames.
        cpu_seconds: Time on the cores, which other processes on the machine disturb less.
        frames: How many frames.
        floor_seconds: Wall time of the networks alone, on the same inputs, and of decoding; 0 where not measured.
    """

    seconds: float
    cpu_seconds: float
    frames: int
    floor_seconds: float = 0.0


class Variant:
    """A process that runs one variant."""

    def __init__(self, name: str, connection: Connection, started_seconds: float) -> None:
        self.name = name
        self.started_seconds = started_seconds
        self._connection = connection

    def run(self, video: Path, frames: int, *, floor: bool = False) -> Measured:
        """Analyses the first frames of a video."""
        self._connection.send((video, frames, floor))
        return self._connection.recv()  # type: ignore[no-any-return]

    def peak_bytes(self) -> int:
        """Returns the most memory that the process has held."""
        self._connection.send(None)
        return int(self._connection.recv())


@contextmanager
def running(name: str, weights: str | None, threads: int) -> Iterator[Variant]:
    """Runs a variant's process until the block ends; its models are loaded when the block begins."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    began_at = time.perf_counter()
    process = context.Process(target=_serve, args=(theirs, name, weights, threads), daemon=True)
    process.start()
    try:
        ours.recv()
        yield Variant(name, ours, time.perf_counter() - began_at)
    finally:
        process.kill()
        process.join()


def _serve(connection: Connection, name: str, weights: str | None, threads: int) -> None:
    work = _plain(weights) if name == PLAIN else _ours(Profile(name), weights, threads)
    connection.send("ready")
    while True:
        asked = connection.recv()
        if asked is None:
            connection.send(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
        else:
            connection.send(work(*asked))


Work = Callable[[Path, int, bool], Measured]


def _plain(weights: str | None) -> Work:
    script = PlainScript(weights)
    return lambda video, frames, _: _timed(lambda: itertools.islice(script.frames(video), frames))


def pipeline_of(profile: Profile, weights: str | None, threads: int) -> "Pipeline":
    """Builds the pipeline of a profile on the CPU, with the bundled weights where none are named."""
    from job_worker.analysis.build_pipelines import build_pipelines

    settings = WorkerSettings.of(
        pipelines="yolo_ocr", yolo_weights=weights or "", profile=profile, threads=threads, device="cpu"
    )
    return build_pipelines(settings)["yolo_ocr"]


def _ours(profile: Profile, weights: str | None, threads: int) -> Work:
    from job_worker.analysis.scheduling import analyse_frames
    from job_worker.inference.threads import limit_threads
    from shared.video.reader import VideoReader

    limit_threads(threads)
    pipeline = pipeline_of(profile, weights, threads)

    def work(video: Path, frames: int, floor: bool) -> Measured:  # noqa: FBT001 (what came through the pipe)
        def run() -> Iterable[Any]:
            _forget_lines()
            chosen = itertools.islice(VideoReader(video), frames)
            return analyse_frames(chosen, pipeline)

        if not floor:
            return _timed(run)
        loans = _loans_of(run)
        return replace(_timed(run), floor_seconds=_floor(video, frames, loans, threads))

    return work


def _forget_lines() -> None:
    """Has the readers forget the lines of the pass before, which no video that comes once would find in memory."""
    from job_worker.inference.image_cache import ImageCache

    for thing in gc.get_objects():
        if isinstance(thing, ImageCache):
            thing.clear()


def _timed(run: Callable[[], Iterable[Any]]) -> Measured:
    began_at, cpu_before = time.perf_counter(), time.process_time()
    frames = sum(1 for _ in run())
    return Measured(time.perf_counter() - began_at, time.process_time() - cpu_before, frames)


Loan = tuple[Any, list[Any]]
"""A model, and what one of its inference requests was given before it went back."""


def _loans_of(run: Callable[[], Iterable[Any]]) -> list[Loan]:
    """Returns what the networks are given in a pass."""
    from job_worker.inference.openvino_models import CompiledModel

    loans: list[Loan] = []

    def recording(model: Any, request: Any) -> "_RecordingRequest":
        loans.append((model, []))
        return _RecordingRequest(request, loans[-1][1])

    unwrapped = CompiledModel.wrap_request
    CompiledModel.wrap_request = staticmethod(recording)
    try:
        _timed(run)
    finally:
        CompiledModel.wrap_request = staticmethod(unwrapped)
    return loans


class _RecordingRequest:
    """An inference request of OpenVINO that keeps a copy of each input."""

    def __init__(self, request: Any, inputs: list[Any]) -> None:
        self._request = request
        self._inputs = inputs

    def infer(self) -> None:
        entering = self._request.get_input_tensor()
        copy = type(entering)(entering.element_type, entering.shape)
        entering.copy_to(copy)
        self._inputs.append(copy)
        self._request.infer()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)


def _floor(video: Path, frames: int, loans: list[Loan], threads: int) -> float:
    """Returns the time that the networks alone take for a pass, on what they are given in it, and that of decoding."""
    from shared.video.reader import VideoReader

    def repeat(loan: Loan) -> None:
        model, inputs = loan
        with model.request() as request:
            for data in inputs:
                request.set_input_tensor(data)
                request.infer()

    with ThreadPoolExecutor(threads) as pool:
        began_at = time.perf_counter()
        list(pool.map(repeat, loans))
        networks = time.perf_counter() - began_at
    # Decoding runs beside the networks, on the same cores.
    return networks + _timed(lambda: itertools.islice(VideoReader(video), frames)).seconds / threads
