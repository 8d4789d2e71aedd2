"""The worker's loop: take a job, do it, report it."""

import logging
import math
import random
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

import grpc
from cachetools import LRUCache

from job_worker.errors import (
    Cancelled,
    HostUnusable,
    InsufficientSpace,
    JobCannotBeDone,
    LeaseLost,
    MessageTooLarge,
    ModelLoadError,
    ProcessUnkillable,
    UnsupportedPipeline,
)
from job_worker.runtime.api_client import WorkerApi
from job_worker.runtime.declined_jobs import DeclinedJobs
from job_worker.runtime.heartbeat import Heartbeat
from job_worker.runtime.job_folder import job_folder, mark_as_used
from job_worker.runtime.pipeline_runner import PipelineRunner, Run
from job_worker.runtime.stop_signal import StopSignal
from shared.process.clock import Clock, monotonic_clock

logger = logging.getLogger(__name__)

IDLE_PAUSE_SECONDS = 0.5
"""Mean pause after an empty answer that came early: the server had no room for one more waiting worker, or the wait is
shorter than this."""
MAX_COUNTED = 1_000
"""Of so many jobs it is known how often they were released."""
UNUSABLE_PAUSE_SECONDS = 10.0
"""Pause after a job that this host could not do: another worker may take it, and space may become free."""
MAX_ERROR_CHARACTERS = 4000
"""An error message is cut here: far below the server's limit, far above what a person reads."""
NO_MESSAGE = "the job failed, and nothing says why"
"""Stands in for a blank error message, which the server refuses."""
SHORTEST_MESSAGE = "?"
"""Stands in for one of which no letter fits."""


def with_jitter(mean: float) -> float:
    """Return a random pause of half to one and a half times the mean, so that workers do not call together."""
    return mean * random.uniform(0.5, 1.5)  # noqa: S311 (no secret)


def _half(message: str) -> str:
    """Return the beginning of a message, in half of its bytes."""
    encoded = message.encode(errors="replace")
    return encoded[: len(encoded) // 2].decode(errors="ignore").strip() or SHORTEST_MESSAGE


class Worker:
    """One worker process's life. It holds at most one job, and every job it takes is reported, released or lost.

    Args:
        api: The connection to the server.
        runner: Runs the pipelines.
        stop: The request to stop.
        pipelines: The pipelines that the runner has.
        work_dir: The worker's own folder, for the current video; None for the system's temporary one.
        wait_seconds: How long one request for a job waits at the server.
        chunk_bytes: The size of the chunks in which a video is fetched.
        max_job_seconds: How long one job may take, from its download to the end of its report.
        declined: Remembers the jobs of other pipelines; by default with the usual pauses.
        jitter: Spreads a pause, in seconds, so that workers do not call together.
        clock: Seconds that never go back.
    """

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
        max_job_seconds: float = math.inf,
        declined: DeclinedJobs | None = None,
        jitter: Callable[[float], float] = with_jitter,
        clock: Clock = monotonic_clock,
    ) -> None:
        self._api = api
        self._runner = runner
        self._stop = stop
        self._pipelines = pipelines
        self._declined = declined or DeclinedJobs()
        self._work_dir = work_dir
        self._wait_seconds = wait_seconds
        self._chunk_bytes = chunk_bytes
        self._max_job_seconds = max_job_seconds
        self._jitter = jitter
        self._clock = clock
        self._releases = LRUCache[tuple[str, type[HostUnusable]], int](MAX_COUNTED)

    def run_forever(self) -> None:
        """Work until a stop is requested.

        Raises:
            ModelLoadError: A model can no longer be loaded.
            ProcessUnkillable: The process that runs the pipelines does not end.
            WorkFolderGone: The worker's own folder was deleted.
            grpc.RpcError: The server refuses this worker for good.
        """
        self._log_unsupported_pipelines()
        early_seconds = max(self._wait_seconds, IDLE_PAUSE_SECONDS)
        while not self._stop.requested.is_set():
            began_at = self._clock()
            if not self.run_once() and self._clock() - began_at < early_seconds:
                self._stop.requested.wait(self._jitter(IDLE_PAUSE_SECONDS))

    def run_once(self) -> bool:
        """Wait for one job and do it.

        Returns:
            Whether there was one.

        Raises:
            ModelLoadError: A model can no longer be loaded; the job is released.
            ProcessUnkillable: The process that runs the pipelines does not end; the job is released.
            WorkFolderGone: The worker's own folder was deleted; no job was taken.
            grpc.RpcError: The server refuses this worker for good.
        """
        if self._work_dir:
            mark_as_used(self._work_dir)
        job_id = self._api.dequeue(self._wait_seconds)
        if job_id is None:
            return False
        logger.info("job dequeued", extra={"job_id": job_id})
        try:
            self._process_job(job_id)
            self._declined.note_done()
        except HostUnusable as error:
            logger.error("job given up, pausing: %s", error, extra={"job_id": job_id})  # noqa: TRY400
            self._stop.requested.wait(UNUSABLE_PAUSE_SECONDS)
        except UnsupportedPipeline:
            self._stop.requested.wait(self._jitter(self._declined.pause_after(job_id)))
        return True

    def _log_unsupported_pipelines(self) -> None:
        offer = self._api.offer()
        if offer and (unsupported := sorted(offer.pipelines.difference(self._pipelines))):
            logger.warning(
                "this worker does not run these pipelines of the server, and releases their jobs: %s",
                ", ".join(unsupported),
            )

    def _process_job(self, job_id: str) -> None:
        """Do the job and report how it ended; where that is not possible, its lease expires."""
        try:
            self._with_lease(job_id)
        except LeaseLost:
            logger.warning("lease lost, going on", extra={"job_id": job_id})
        except (JobCannotBeDone, Cancelled, grpc.RpcError) as error:
            logger.warning("job not reported, its lease will expire", extra={"job_id": job_id, "error": str(error)})

    def _with_lease(self, job_id: str) -> None:
        """Do the job under a lease that is renewed, and report it."""
        try:
            with Heartbeat(lambda: self._api.renew(job_id)) as heartbeat:
                self._run_and_report(job_id, heartbeat.lost.is_set)
        except (ModelLoadError, ProcessUnkillable):
            self._try_to_release(job_id)
            raise
        except HostUnusable as error:
            reason = job_id, type(error)
            self._releases[reason] = self._releases.get(reason, 0) + 1
            if self._releases[reason] > error.max_releases:
                self._fail(job_id, f"released again and again: {error}")
                return
            self._try_to_release(job_id)
            raise

    def _try_to_release(self, job_id: str) -> None:
        """Release a job that this worker or host cannot do, whatever the server says to it."""
        try:
            self._api.release(job_id)
        except Exception as error:  # noqa: BLE001 (nothing may hide why it is released)
            logger.warning("job not released, its lease will expire", extra={"job_id": job_id, "error": str(error)})

    def _run_and_report(self, job_id: str, is_lost: Callable[[], bool]) -> None:
        ends_at = self._clock() + self._max_job_seconds

        def is_too_long() -> bool:
            return self._clock() >= ends_at

        try:
            with job_folder(self._work_dir) as folder:
                self._run(job_id, folder, lambda: is_lost() or self._stop.must_release or is_too_long())
            logger.info("job completed", extra={"job_id": job_id})
        except JobCannotBeDone as failure:
            self._fail(job_id, str(failure))
        except Cancelled:
            if is_lost():
                raise LeaseLost(job_id) from None
            if is_too_long() and not self._stop.must_release:
                self._fail(job_id, f"the job took longer than {self._max_job_seconds:g} seconds, the worker's limit")
                return
            self._api.release(job_id)
            logger.info("job released", extra={"job_id": job_id})
        except InsufficientSpace:
            self._runner.close()  # the temporary files of its process may fill the disk
            raise
        except (HostUnusable, LeaseLost, ModelLoadError, ProcessUnkillable, UnsupportedPipeline, grpc.RpcError):
            raise
        except OSError as error:
            raise HostUnusable(f"this host cannot open or read the job's files ({error.strerror})") from error
        except Exception:
            logger.exception("job failed by an unforeseen error", extra={"job_id": job_id})
            self._fail(job_id, "internal error of the worker; its log has more under this job's id")

    def _fail(self, job_id: str, reason: str) -> None:
        message = reason.strip()[:MAX_ERROR_CHARACTERS] or NO_MESSAGE
        while True:
            try:
                self._api.fail(job_id, message)
                break
            except MessageTooLarge:  # this server takes shorter ones, and does not say how long they may be
                if message == SHORTEST_MESSAGE:
                    raise
                message = _half(message)
        logger.info("job failed", extra={"job_id": job_id, "error": reason})

    def _decline(self, job_id: str, pipeline_id: str, is_cancelled: Callable[[], bool]) -> None:
        """Release the job for a worker that runs its pipeline, or fail it where the server no longer offers that."""
        offer = self._api.offer_for_job(is_cancelled)
        context = {"job_id": job_id, "pipeline_id": pipeline_id}
        if offer is None or pipeline_id in offer.pipelines:
            self._api.release(job_id)
            logger.info("job released: this worker does not run its pipeline", extra=context)
        else:
            self._fail(job_id, f"the pipeline {pipeline_id!r} is no longer offered")

    def _accept(self, pipeline_id: str) -> None:
        if pipeline_id not in self._pipelines:
            raise UnsupportedPipeline(pipeline_id)

    def _run(self, job_id: str, folder: Path, is_cancelled: Callable[[], bool]) -> None:
        offer, video, results = self._api.offer_for_job(is_cancelled), folder / "video.mp4", folder / "results.json"
        try:
            pipeline_id = self._api.download(job_id, video, self._chunk_bytes, is_cancelled, self._accept)
        except UnsupportedPipeline as unsupported:
            self._decline(job_id, str(unsupported), is_cancelled)
            raise
        limit = offer.max_results_bytes if offer else None
        self._runner.run(Run(pipeline_id, video, results, limit), is_cancelled)
        with suppress(OSError):  # what analyses it may have put something else there, which goes with its folder
            video.unlink()
        self._api.complete(job_id, results, is_cancelled)
