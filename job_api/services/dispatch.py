"""Handing jobs to workers.

The row is the truth, the queue is a hint, and the lease says who may change a running row.
"""

import io
import logging
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from job_api.errors import InputUnreadable, InvalidRange, JobNotFound
from job_api.repositories.jobs import JobRepository
from job_api.services.job_queue import JobQueue, Waiter
from job_api.services.lease_expiry import LeaseExpiry
from job_api.services.leases import Ending, Lease, LeaseTable
from job_api.services.running_jobs import RunningJobs
from job_api.storage.base import StorageService
from shared.contract.job_status import JobStatus
from shared.process.clock import Clock

logger = logging.getLogger(__name__)

DEFAULT_CHUNK_BYTES = (4 << 20) - (64 << 10)
"""The chunk of a worker that names no length: with the fields beside it, it fits gRPC's default limit of 4 MiB."""


@dataclass(frozen=True, slots=True)
class DispatchLimits:
    """The limits of what workers request.

    Attributes:
        max_wait_seconds: The longest a Dequeue waits.
        max_chunk_bytes: The largest chunk of a video in one answer.
    """

    max_wait_seconds: float
    max_chunk_bytes: int


@dataclass(frozen=True, slots=True)
class VideoChunk:
    """One chunk of a job's video.

    Attributes:
        pipeline_id: The pipeline to run.
        size_bytes: The size of the whole video.
        data: The chunk; empty at the end of the video.
    """

    pipeline_id: str
    size_bytes: int
    data: bytes


class DispatchService:
    """The workers' side of the life of a job."""

    def __init__(
        self,
        jobs: JobRepository,
        storage: StorageService,
        job_queue: JobQueue,
        leases: LeaseTable,
        running: RunningJobs,
        expiry: LeaseExpiry,
        limits: DispatchLimits,
        clock: Clock,
    ) -> None:
        self._jobs = jobs
        self._storage = storage
        self._job_queue = job_queue
        self._leases = leases
        self._running = running
        self._expiry = expiry
        self._limits = limits
        self._clock = clock

    def dequeue(self, worker_id: str, wait_seconds: float, waiter: Waiter) -> UUID | None:
        """Give the worker a job, waiting for one where there is none; return None when the wait ends without one.

        A worker that was given a job and never called about it (the answer was lost) is given that job again. If the
        call ends before its answer is sent, the job is requeued.
        """
        until = self._clock() + min(wait_seconds, self._limits.max_wait_seconds)
        while not waiter.has_ended:
            lease = self._give_again(worker_id) or self._give_next(worker_id)
            if lease:
                return self._answer(lease, waiter)
            if (left := until - self._clock()) <= 0 or not self._job_queue.wait(waiter, left):
                break
        return None

    def read_input(self, job_id: UUID, worker_id: str, offset: int, length: int) -> VideoChunk:
        """Read one chunk of the job's video.

        Raises:
            JobNotFound: There is no such job.
            LeaseLost: The job is not the worker's.
            InvalidRange: The chunk does not lie within the video.
            InputUnreadable: The stored video is missing.
        """
        if offset < 0 or length < 0:
            field = "offset" if offset < 0 else "length"
            raise InvalidRange(f"offset and length must not be negative, not {offset} and {length}", field)
        self._running.use(job_id, worker_id)
        job = self._jobs.get(job_id)
        if job is None:
            raise JobNotFound(str(job_id))
        try:
            with self._storage.load_file(job.input_path) as video:
                size_bytes = video.seek(0, io.SEEK_END)
                if offset > size_bytes:
                    raise InvalidRange(f"offset {offset} lies behind the video's end at {size_bytes} bytes")
                video.seek(offset)
                data = video.read(self.chunk_bytes(length))
        except FileNotFoundError:
            raise InputUnreadable(str(job_id), "the job's stored video is missing") from None
        return VideoChunk(job.pipeline_id, size_bytes, data)

    def chunk_bytes(self, length: int) -> int:
        """Return how much of a video is read at most where so much is requested; 0 requests the default."""
        return min(length or DEFAULT_CHUNK_BYTES, self._limits.max_chunk_bytes)

    def renew(self, job_id: UUID, worker_id: str) -> float:
        """Start the worker's lease again; return its length in seconds.

        Raises:
            JobNotFound: There is no such job.
            LeaseLost: The job is not the worker's.
        """
        if not self._leases.renew(job_id, worker_id):
            self._running.use(job_id, worker_id)
            self._leases.renew(job_id, worker_id)  # its expiry was undone, with the old deadline
        return self._leases.lease_seconds

    def release(self, job_id: UUID, worker_id: str) -> None:
        """Requeue the job, counting no lost worker. The same again is harmless.

        Raises:
            JobNotFound: There is no such job.
            LeaseLost: The job is not the worker's; nothing changed.
        """
        with self._running.lock(job_id, worker_id):
            if not self._leases.use(job_id, worker_id):
                if self._was_released_by(job_id, worker_id):
                    return
                self._running.check_held(job_id, worker_id)
            self._running.requeue(job_id)
        logger.info("job released", extra={"job_id": str(job_id), "worker_id": worker_id})

    def _give_again(self, worker_id: str) -> Lease | None:
        job_id = self._leases.unused_of(worker_id)
        if job_id is None:
            return None
        with self._running.lock(job_id):
            if self._leases.unused_of(worker_id) != job_id:
                return None
            return self._leases.grant(job_id, worker_id)

    def _give_next(self, worker_id: str) -> Lease | None:
        """Take ids from the queue until one is still pending."""
        while job_id := self._job_queue.take():
            with self._running.lock(job_id):
                try:
                    lease = self._running.take(job_id, worker_id)
                except Exception:
                    self._job_queue.put(job_id)
                    raise
                if lease:
                    return lease
        return None

    def _answer(self, lease: Lease, waiter: Waiter) -> UUID | None:
        if waiter.accept(partial(self._expiry.take_back_soon, lease)):
            logger.info("job dequeued", extra={"job_id": str(lease.job_id), "worker_id": lease.worker_id})
            return lease.job_id
        self._expiry.take_back(lease)
        return None

    def _was_released_by(self, job_id: UUID, worker_id: str) -> bool:
        job = self._jobs.get(job_id)
        is_pending = job is not None and job.status is JobStatus.pending
        return is_pending and self._leases.ending(job_id) == Ending(worker_id, has_expired=False)
