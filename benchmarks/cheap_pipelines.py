"""What `benchmarks.cheap_worker` is made of: the real worker with other pipelines."""

import hashlib
from collections.abc import Callable
from functools import partial

import cv2

from job_worker.analysis.frame_analysis import FrameAnalysis
from job_worker.analysis.video_file_pipeline_service import VideoFilePipelineService
from job_worker.bootstrap import build_runner, read_video
from job_worker.command import REFUSALS, run_worker
from job_worker.runtime.pipeline_runner import EncodeFrames, PipelineRunner
from job_worker.settings import WorkerSettings
from shared.process.entry_point import run_service
from shared.process.logging_setup import configure_logging
from shared.results import TextLine
from shared.video.image import Image

PROGRAM = "cheap-worker"
PIPELINE = "ocr"
"""The pipeline whose text the stamps are."""
LARGE_PIPELINE = "yolo_ocr"
"""The one whose text is each stamp so often that a frame's result takes 100 kB."""
LARGE_REPEATS = 1_400


class FrameStamp:
    """A `TextReader` whose only line is a hash of the pixels and their mean colour, once or repeated."""

    concurrency = 2

    def __init__(self, repeats: int = 1) -> None:
        self._repeats = repeats

    def read(self, image: Image, min_confidence: float = 0.0) -> list[TextLine]:  # noqa: ARG002 (it is always 1)
        """Return the stamp; the same image gives the same line."""
        height, width = image.shape[:2]
        blue, green, red, _ = cv2.mean(image)
        stamp = f"{hashlib.blake2b(image.data, digest_size=8).hexdigest()} {red:.2f} {green:.2f} {blue:.2f}"
        text = " ".join([stamp] * self._repeats)
        return [TextLine(text=text, confidence=1.0, polygon=((0, 0), (width, 0), (width, height), (0, height)))]


def build_cheap_pipelines(settings: WorkerSettings, on_frame: Callable[[], None]) -> EncodeFrames:
    """Build the pipelines on the real video reader, in the child process."""
    configure_logging(settings.log_level, settings.log_format)

    repeats = {PIPELINE: 1, LARGE_PIPELINE: LARGE_REPEATS}
    pipelines = {name: FrameAnalysis(text_reader=FrameStamp(times)) for name, times in repeats.items()}
    return VideoFilePipelineService(pipelines, partial(read_video, settings, on_frame)).encoded_frames


def build_cheap_runner(settings: WorkerSettings) -> PipelineRunner:
    """Build what `job_worker.bootstrap.build_runner` builds, without models."""
    return build_runner(settings, partial(build_cheap_pipelines, settings))


def main() -> int:
    """Work until SIGINT or SIGTERM; return the exit code."""
    return run_service(
        PROGRAM, None, WorkerSettings, lambda settings: run_worker(settings, build_cheap_runner), REFUSALS
    )
