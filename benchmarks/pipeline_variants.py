"""The ways through a video that `benchmarks.pipeline` compares, each in a process of its own that stays loaded.

The variants take turns on a machine without sharing threads, caches or memory.
"""

import gc
import itertools
import multiprocessing
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from unittest.mock import patch

from benchmarks.measuring import peak_bytes
from benchmarks.plain_script import PlainScript
from job_worker.inference.vendor_libraries import first_line_of
from job_worker.settings import WorkerSettings
from shared.pipelines.profiles import Profile
from shared.process.cores import usable_cores

if TYPE_CHECKING:
    from job_worker.analysis.pipeline import Pipeline

Result = TypeVar("Result")

PLAIN = "plain"
VARIANTS = (PLAIN, *Profile)


class Setup(NamedTuple):
    """What a variant runs with.

    Attributes:
        name: `PLAIN` or a profile.
        weights: The detector's; None for the bundled ones.
        threads: How many threads it has.
        device: Where its models run, as `--device` of a worker.
    """

    name: str
    weights: str | None
    threads: int
    device: str = "cpu"


def variant_options(parser: ArgumentParser) -> ArgumentParser:
    """Add the options that say which variants run, and with how many threads; return the parser."""
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--threads", type=int, default=usable_cores())
    return parser


def chosen_setups(chosen: Namespace) -> list[Setup]:
    """Return what a command line with `--variants`, `--threads` and `--weights` says."""
    return [Setup(name, chosen.weights, chosen.threads) for name in chosen.variants]


class Measured(NamedTuple):
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


class VariantError(Exception):
    """A variant failed, or its process died; the message is one line with its name."""


def result_of(name: str, future: Future[Result]) -> Result:
    """Wait for what a variant's process computes, and return it.

    Args:
        name: The variant.
        future: What it computes.

    Raises:
        VariantError: It failed.
    """
    try:
        return future.result()
    except BrokenExecutor as error:
        raise VariantError(f"the process of the variant {name} died, perhaps for lack of memory") from error
    except Exception as error:
        raise VariantError(f"the variant {name} failed: {type(error).__name__}: {first_line_of(error)}") from error


class Variant(NamedTuple):
    """A process that runs one variant.

    Attributes:
        name: The variant.
        started_seconds: How long its start took, with its models.
    """

    name: str
    started_seconds: float
    process: ProcessPoolExecutor

    def run(self, video: Path, frames: int, *, floor: bool = False) -> Measured:
        """Analyse the first frames of a video."""
        return result_of(self.name, self.process.submit(_run, video, frames, floor))

    def peak_bytes(self) -> int:
        """Return the most memory that the process has held."""
        return result_of(self.name, self.process.submit(peak_bytes))


@contextmanager
def running(setup: Setup) -> Iterator[Variant]:
    """Run a variant's process until the block ends; its models are loaded when the block begins."""
    began_at = time.perf_counter()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        result_of(setup.name, process.submit(_load, setup))
        yield Variant(setup.name, time.perf_counter() - began_at, process)


Work = Callable[[Path, int, bool], Measured]

_work: Work


def _load(setup: Setup) -> None:
    global _work  # noqa: PLW0603 (one variant a process)
    _work = _plain(setup.weights) if setup.name == PLAIN else _ours(setup)


def _run(video: Path, frames: int, floor: bool) -> Measured:  # noqa: FBT001 (it comes from another process)
    return _work(video, frames, floor)


def _plain(weights: str | None) -> Work:
    script = PlainScript(weights)
    return lambda video, frames, _: _timed(lambda: itertools.islice(script.frames(video), frames))


def pipeline_of(setup: Setup, pipeline_id: str = "yolo_ocr") -> "Pipeline":
    """Build the pipeline of a profile in a process that is set up as a worker's child is."""
    from job_worker.analysis.build_pipelines import build_pipelines
    from job_worker.inference.freed_memory import keep_freed_memory
    from job_worker.inference.threads import limit_threads

    keep_freed_memory()
    limit_threads(setup.threads)
    settings = WorkerSettings.of(
        pipelines=pipeline_id, yolo_weights=setup.weights or "", profile=setup.name, threads=setup.threads,
        device=setup.device,
    )  # fmt: skip
    return build_pipelines(settings)[pipeline_id]


def _ours(setup: Setup) -> Work:
    from job_worker.analysis.scheduling import analyse_frames
    from shared.video.reader import VideoReader

    pipeline = pipeline_of(setup)
    forget_lines = line_forgetter()

    def work(video: Path, frames: int, floor: bool) -> Measured:  # noqa: FBT001 (it comes from another process)
        def run() -> Iterable[Any]:
            forget_lines()
            chosen = itertools.islice(VideoReader(video), frames)
            return analyse_frames(chosen, pipeline)

        if not floor:
            return _timed(run)
        loans = _loans_of(run)
        return _timed(run)._replace(floor_seconds=_floor(video, frames, loans, setup.threads))

    return work


def line_forgetter() -> Callable[[], None]:
    """Return what clears the caches of lines of all readers: a video that comes once would not find its lines there."""
    from job_worker.ocr.text_recogniser import TextRecogniser

    recognisers = [thing for thing in gc.get_objects() if isinstance(thing, TextRecogniser)]

    def forget() -> None:
        for recogniser in recognisers:
            recogniser.read.cache_clear()  # type: ignore[attr-defined]

    return forget


def _timed(run: Callable[[], Iterable[Any]]) -> Measured:
    began_at, cpu_before = time.perf_counter(), time.process_time()
    frames = sum(1 for _ in run())
    return Measured(time.perf_counter() - began_at, time.process_time() - cpu_before, frames)


Loan = tuple[Any, list[Any]]
"""A model, and what one of its inference requests was given before it went back."""


def _loans_of(run: Callable[[], Iterable[Any]]) -> list[Loan]:
    """Return what the networks are given in a pass."""
    from job_worker.inference.openvino_models import CompiledModel

    loans: list[Loan] = []

    request_of = CompiledModel.request

    @contextmanager
    def recording(model: CompiledModel) -> Iterator["_RecordingRequest"]:
        with request_of(model) as request:
            loans.append((model, []))
            yield _RecordingRequest(request, loans[-1][1])

    with patch.object(CompiledModel, "request", recording):
        _timed(run)
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
    """Return the time that the networks alone take for a pass, on what they are given in it, and that of decoding."""
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
