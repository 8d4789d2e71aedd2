"""The worker: takes a job, does it, reports it, again and again."""

import logging
import random
from collections.abc import Callable, Collection
from pathlib import Path

import grpc

from job_worker.errors import InsufficientSpace, JobFailed, LeaseLost, ModelLoadError, Stopping, UnsupportedPipeline
from job_worker.runtime.api_client import WorkerApi
from job_worker.runtime.declined_jobs import DeclinedJobs
from job_worker.runtime.heartbeat import Heartbeat
from job_worker.runtime.job_folder import job_folder
from job_worker.runtime.pipeline_runner import PipelineRunner
from job_worker.runtime.stop_signal import StopSignal
from shared.process.clock import Clock, monotonic_clock

__all__ = ["Worker"]

logger = logging.getLogger(__name__)

IDLE_PAUSE_SECONDS = 0.5
"""Mean pause after an empty answer that came sooner than asked: the server had no room for one more waiting worker."""
NO_ROOM_PAUSE_SECONDS = 10.0
"""Pause after a job that this host had no room for: others may have it, and space may come back."""
MAX_ERROR_CHARACTERS = 4000
"""An error message is cut here: far below what the server takes, far above what a person reads."""


class Worker:
    """One worker process's life. It holds at most one job, and ends every job it takes in one way or another."""

    def __init__(
        self,
        api: WorkerApi,
        runner: PipelineRunner,
        stop: StopSignal,
        *,
        pipelines: Collection[str],
        work_dir: Path | None,
        wait_seconds: float,
        chunk_bytes: int,
        clock: Clock = monotonic_clock,
    ) -> None:
        self._api = api
        self._runner = runner
        self._stop = stop
        self._pipelines = pipelines
        self._declined = DeclinedJobs()
        self._work_dir = work_dir
        self._wait_seconds = wait_seconds
        self._piece_bytes = chunk_bytes
        self._clock = clock

    def run_forever(self) -> None:
        """Works until told to stop.

        Raises:
            grpc.RpcError: The server refuses this worker for good.
        """
        self._say_what_is_lacking()
        while not self._stop.requested.is_set():
            asked_at = self._clock()
            if not self.run_once() and self._clock() - asked_at < self._wait_seconds:
                self._stop.requested.wait(random.uniform(0.5, 1.5) * IDLE_PAUSE_SECONDS)  # noqa: S311 (no secret)

    def run_once(self) -> bool:
        """Waits for one job and does it.

        Returns:
            Whether there was one.

        Raises:
            grpc.RpcError: The server refuses this worker for good.
        """
        job_id = self._api.dequeue(self._wait_seconds)
        if job_id is None:
            return False
        logger.info("job taken", extra={"job_id": job_id})
        try:
            with Heartbeat(lambda: self._api.renew(job_id)) as heartbeat:
                self._settle(job_id, heartbeat.lost.is_set)
            self._declined.note_done()
        except InsufficientSpace as error:
            logger.error("job handed back, pausing: %s", error, extra={"job_id": job_id})  # noqa: TRY400
            self._stop.requested.wait(NO_ROOM_PAUSE_SECONDS)
        except UnsupportedPipeline:
            self._stop.requested.wait(random.uniform(0.5, 1.5) * self._declined.pause_after(job_id))  # noqa: S311
        return True

    def _say_what_is_lacking(self) -> None:
        offered = self._api.offered_pipelines() or frozenset()
        if lacking := sorted(offered.difference(self._pipelines)):
            logger.warning(
                "this worker lacks pipelines that the server offers, and hands their jobs back: %s", ", ".join(lacking)
            )

    def _settle(self, job_id: str, is_lost: Callable[[], bool]) -> None:
        """Does the job and tells the server how it ended; a lease that cannot be settled runs out by itself."""
        try:
            self._report(job_id, is_lost)
        except LeaseLost:
            logger.warning("job lost, going on", extra={"job_id": job_id})
        except (JobFailed, Stopping, grpc.RpcError) as error:
            logger.warning("job not reported, its lease will run out", extra={"job_id": job_id, "error": str(error)})

    def _report(self, job_id: str, is_lost: Callable[[], bool]) -> None:
        try:
            self._api.complete(job_id, self._results_of(job_id, is_lost))
            logger.info("job completed", extra={"job_id": job_id})
        except JobFailed as failure:
            self._api.fail(job_id, str(failure)[:MAX_ERROR_CHARACTERS])
            logger.info("job failed", extra={"job_id": job_id, "error": str(failure)})
        except Stopping:
            if is_lost():
                raise LeaseLost(job_id) from None
            self._api.release(job_id)
            logger.info("job handed back", extra={"job_id": job_id})
        except UnsupportedPipeline as lacking:
            self._decline(job_id, str(lacking))
            raise
        except (ModelLoadError, InsufficientSpace):
            self._api.release(job_id)
            raise
        except (LeaseLost, grpc.RpcError):
            raise
        except Exception:
            logger.exception("job failed by an unforeseen error", extra={"job_id": job_id})
            self._api.fail(job_id, "internal error of the worker; its log has more under this job's id")

    def _decline(self, job_id: str, pipeline_id: str) -> None:
        """Leaves the job to a worker that runs its pipeline; where the server offers that to nobody, fails it."""
        offered = self._api.offered_pipelines()
        if offered is None or pipeline_id in offered:
            self._api.release(job_id)
            logger.info(
                "job handed back: this worker lacks its pipeline", extra={"job_id": job_id, "pipeline_id": pipeline_id}
            )
        else:
            self._api.fail(job_id, f"the pipeline {pipeline_id!r} is no longer offered")
            logger.warning(
                "job failed: nobody offers its pipeline", extra={"job_id": job_id, "pipeline_id": pipeline_id}
            )

    def _accept(self, pipeline_id: str) -> None:
        if pipeline_id not in self._pipelines:
            raise UnsupportedPipeline(pipeline_id)

    def _results_of(self, job_id: str, is_lost: Callable[[], bool]) -> bytes:
        def must_abandon() -> bool:
            return is_lost() or self._stop.must_hand_back

        with job_folder(self._work_dir) as folder:
            video = folder / "video.mp4"
            pipeline_id = self._api.download(job_id, video, self._piece_bytes, must_abandon, self._accept)
            return self._runner.run(pipeline_id, video, must_abandon)
