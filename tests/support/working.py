"""A worker without models in this process, against a real server."""

import socket
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import tenacity

from job_worker.runtime.api_client import WorkerApi
from job_worker.runtime.declined_jobs import DeclinedJobs
from job_worker.runtime.pipeline_runner import PipelineRunner
from job_worker.runtime.retry import RETRY_PAUSE
from job_worker.runtime.stop_signal import StopSignal
from job_worker.runtime.worker import Worker
from shared.contract.channel import open_channel
from shared.pipelines.catalogue import BUILT_IN_PIPELINES
from tests.support.waiting import in_thread

STOP_SECONDS = 30.0


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def make_worker(
    api: WorkerApi,
    runner: PipelineRunner,
    stop: StopSignal,
    work_dir: Path | None = None,
    pipelines: Collection[str] = tuple(BUILT_IN_PIPELINES),
    declined: DeclinedJobs | None = None,
) -> Worker:
    return Worker(
        api,
        runner,
        stop,
        pipelines=pipelines,
        work_dir=work_dir,
        wait_seconds=5,
        chunk_bytes=1000,
        declined=declined,
    )


@contextmanager
def working(
    address: str,
    runner: PipelineRunner,
    worker_id: str = "w",
    pipelines: Collection[str] = tuple(BUILT_IN_PIPELINES),
    *,
    declined: DeclinedJobs | None = None,
    retry_pause: Callable[[tenacity.RetryCallState], float] = RETRY_PAUSE,
) -> Iterator[StopSignal]:
    """Work in a thread until the block ends; then stop and release the current job."""
    stop = StopSignal(drain_seconds=0)
    with WorkerApi(partial(open_channel, address), worker_id, stop, retry_pause=retry_pause) as api:
        ended = in_thread(make_worker(api, runner, stop, pipelines=pipelines, declined=declined).run_forever)
        try:
            yield stop
        finally:
            stop.request()
            ended.result(STOP_SECONDS)
