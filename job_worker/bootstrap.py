"""The composition root of a worker: builds all of it from its settings, for the process and for tests."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from job_worker.analysis.build_pipelines import build_pipelines
from job_worker.analysis.video_file_pipeline_service import VideoFilePipelineService
from job_worker.inference.freed_memory import keep_freed_memory
from job_worker.inference.threads import limit_threads
from job_worker.inference.vendor_libraries import prepare_vendor_libraries
from job_worker.isolation.isolation import Isolation, log_support
from job_worker.isolation.readable_paths import readable_paths
from job_worker.runtime.api_client import WorkerApi
from job_worker.runtime.pipeline_child import Build
from job_worker.runtime.pipeline_runner import EncodeFrames, PipelineRunner
from job_worker.runtime.process_runner import ProcessRunner, RunLimits
from job_worker.runtime.stop_signal import StopSignal
from job_worker.runtime.worker import Worker
from job_worker.settings import WorkerSettings
from shared.contract.channel import channel_opener
from shared.process.logging_setup import configure_logging
from shared.video.frame import Frame
from shared.video.reader import ReaderLimits, VideoReader

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class BuildPipelines:
    """Loads the models that the settings name; picklable, for it runs in the child process."""

    settings: WorkerSettings

    def __call__(self, on_frame: Callable[[], None]) -> EncodeFrames:
        """Return what runs the settings' pipelines on a file and calls `on_frame` at every frame it reads.

        Raises:
            ModelLoadError: A model cannot be loaded.
        """
        settings = self.settings
        configure_logging(settings.log_level, settings.log_format)
        prepare_vendor_libraries(settings.cache_dir)
        keep_freed_memory()
        limit_threads(settings.resolved_threads)
        pipelines = build_pipelines(settings)
        # Again: a plugin may have loaded a library that takes all cores.
        limit_threads(settings.resolved_threads)
        return VideoFilePipelineService(pipelines, partial(read_video, settings, on_frame)).encoded_frames


def read_video(settings: WorkerSettings, on_frame: Callable[[], None], path: Path) -> Iterator[Frame]:
    """Yield the frames of a video within the settings' limits; call `on_frame` at each of them.

    Raises:
        VideoError: The video cannot be read.
    """
    for frame in VideoReader(path, ReaderLimits(max_frame_pixels=settings.max_frame_pixels)):
        on_frame()
        yield frame


def build_runner(settings: WorkerSettings, build: Build | None = None) -> PipelineRunner:
    """Build what runs the pipelines in a child process; its models are not loaded yet.

    Args:
        settings: The worker's settings; isolation needs a `work_dir`, which is the worker's own folder.
        build: Loads the pipelines; by default those that the settings name.
    """
    limits = RunLimits(settings.max_frame_seconds, settings.resolved_max_memory_bytes)
    isolation = _isolation(settings)
    return ProcessRunner(build or BuildPipelines(settings), limits, isolation)


def _isolation(settings: WorkerSettings) -> Isolation | None:
    if settings.isolation == "off" or settings.work_dir is None:
        logger.warning("videos are decoded without isolation")
        return None
    log_support()
    return Isolation(settings.work_dir, readable_paths(settings))


@contextlib.contextmanager
def build_worker(settings: WorkerSettings, runner: PipelineRunner, stop: StopSignal) -> Iterator[Worker]:
    """Load the models, then connect the worker; end both at the end of the `with` block.

    Args:
        settings: The worker's settings.
        runner: Runs the pipelines; closed at the end.
        stop: The request to stop.

    Raises:
        ModelLoadError: A model cannot be loaded; no job was taken.
        HostUnusable: No process can be started for the models, or no thread for the calls to the server.
        Cancelled: A stop was requested before they were loaded.
    """
    logger.info("loading the models of %s", ", ".join(settings.pipelines))
    with contextlib.closing(runner):
        runner.start(stop.requested.is_set)
        connect = channel_opener(settings.address, settings.tls_ca_file)
        with WorkerApi(connect, settings.worker_id, stop) as api:
            yield Worker(
                api,
                runner,
                stop,
                pipelines=settings.pipelines,
                work_dir=settings.work_dir,
                wait_seconds=settings.wait_seconds,
                chunk_bytes=settings.chunk_bytes,
                max_job_seconds=settings.max_job_seconds,
            )
