"""Handing jobs to workers and taking their outcome back.

The row is the truth, the queue is a hint, and the lease says who may change a running row. Code that changes a job's
row and lease together holds the job's lock meanwhile.
"""

import io
import logging
import threading
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from job_api.errors import (
    DiskLow,
    InputUnreadable,
    InvalidErrorMessage,
    InvalidRange,
    InvalidResults,
    JobNotFound,
    LeaseLost,
    PayloadTooLarge,
)
from job_api.repositories.jobs import JobRecord, JobRepository
from job_api.services.job_queue import JobQueue, Waiter
from job_api.services.leases import JobLocks, Lease, LeaseTable
from job_api.storage.base import StorageFull, StorageService
from job_api.storage.keys import results_key
from shared.contract.job_status import JobStatus
from shared.process.clock import Clock
from shared.results import InvalidDocument, check_document

__all__ = ["DispatchLimits", "DispatchService", "VideoChunk"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DispatchLimits:
    """The limits of what workers ask for and send.

    Attributes:
        max_wait_seconds: The longest a Dequeue waits.
        max_chunk_bytes: The largest chunk of a video in one answer.
        max_results_bytes: The largest results.
        max_error_message_bytes: The longest error message, in UTF-8.
        max_lost_workers: After so many workers lost on one job, the job is failed.
    """

    max_wait_seconds: float
    max_chunk_bytes: int
    max_results_bytes: int
    max_error_message_bytes: int
    max_lost_workers: int


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
    """The workers' side of the life of a job.

    Attributes:
        housekeeping_due: Set when `expire_leases` has something to do now.
    """

    def __init__(
        self,
        jobs: JobRepository,
        storage: StorageService,
        job_queue: JobQueue,
        leases: LeaseTable,
        locks: JobLocks,
        limits: DispatchLimits,
        clock: Clock,
    ) -> None:
        self._jobs = jobs
        self._storage = storage
        self._job_queue = job_queue
        self._leases = leases
        self._locks = locks
        self._limits = limits
        self._clock = clock
        self.housekeeping_due = threading.Event()

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
            JobNotFound, LeaseLost: The job is not the worker's.
            InvalidRange: The chunk does not lie within the video.
            InputUnreadable: The stored video is missing.
        """
        if offset < 0 or length < 0:
            raise InvalidRange(f"offset and length must not be negative, not {offset} and {length}")
        job = self._job_held_by(job_id, worker_id)
        try:
            with self._storage.load_file(job.input_path) as video:
                size_bytes = video.seek(0, io.SEEK_END)
                if offset > size_bytes:
                    raise InvalidRange(f"offset {offset} lies behind the video's end at {size_bytes} bytes")
                video.seek(offset)
                data = video.read(min(length or self._limits.max_chunk_bytes, self._limits.max_chunk_bytes))
        except FileNotFoundError:
            raise InputUnreadable(str(job_id), "the job's stored video is missing") from None
        return VideoChunk(job.pipeline_id, size_bytes, data)

    def renew(self, job_id: UUID, worker_id: str) -> float:
        """Start the worker's lease again; return its length in seconds.

        Raises:
            JobNotFound, LeaseLost: The job is not the worker's.
        """
        with self._locks.hold(job_id):
            lease = self._leases.use(job_id, worker_id)
            if lease is None:
                raise self._not_holding(job_id)
            self._leases.renew(lease)
        return self._leases.lease_seconds

    def complete(self, job_id: UUID, worker_id: str, results: bytes) -> None:
        """Store the results, then end the job as completed. The same again is harmless.

        Raises:
            InvalidResults, PayloadTooLarge: The results cannot be accepted; nothing changed.
            JobNotFound, LeaseLost: The job is not the worker's; nothing changed.
            DiskLow: There is no space for the results; the job stays the worker's.
        """
        if len(results) > self._limits.max_results_bytes:
            raise PayloadTooLarge(
                f"the results have {len(results)} bytes, the limit is {self._limits.max_results_bytes}"
            )
        try:
            check_document(io.BytesIO(results))
        except InvalidDocument as error:
            raise InvalidResults(f"results_json: {error}") from error
        with self._locks.hold(job_id):
            if not self._leases.use(job_id, worker_id):
                if self._was_ended_so(job_id, worker_id, JobStatus.completed, results):
                    return
                raise self._not_holding(job_id)
            key = results_key(job_id)
            try:
                self._storage.save_file(io.BytesIO(results), key)
            except StorageFull as error:
                raise DiskLow("the server's disk is full; try again later") from error
            self._end(job_id, JobStatus.completed, output_path=key)
        logger.info("job completed", extra={"job_id": str(job_id), "worker_id": worker_id})

    def fail(self, job_id: UUID, worker_id: str, error_message: str) -> None:
        """End the job as failed. The same again is harmless.

        Raises:
            InvalidErrorMessage, PayloadTooLarge: The message is empty or too long; nothing changed.
            JobNotFound, LeaseLost: The job is not the worker's; nothing changed.
        """
        if not error_message.strip():
            raise InvalidErrorMessage("error_message must say what went wrong")
        if (size := len(error_message.encode())) > self._limits.max_error_message_bytes:
            raise PayloadTooLarge(
                f"error_message has {size} bytes, the limit is {self._limits.max_error_message_bytes}"
            )
        with self._locks.hold(job_id):
            if not self._leases.use(job_id, worker_id):
                if self._was_ended_so(job_id, worker_id, JobStatus.failed, error_message.encode()):
                    return
                raise self._not_holding(job_id)
            self._end(job_id, JobStatus.failed, error_message=error_message)
        logger.info("job failed", extra={"job_id": str(job_id), "worker_id": worker_id, "error": error_message})

    def release(self, job_id: UUID, worker_id: str) -> None:
        """Requeue the job, counting no lost worker. The same again is harmless.

        Raises:
            JobNotFound, LeaseLost: The job is not the worker's; nothing changed.
        """
        with self._locks.hold(job_id):
            if not self._leases.use(job_id, worker_id):
                if self._leases.last_holder(job_id) == worker_id and self._status(job_id) is JobStatus.pending:
                    return
                raise self._not_holding(job_id)
            self._requeue(job_id)
        logger.info("job released", extra={"job_id": str(job_id), "worker_id": worker_id})

    def expire_leases(self) -> int:
        """Take back the jobs whose leases have expired; return how many there were."""
        lost = [job_id for job_id in self._leases.expired() if not self._locks.is_held(job_id)]
        return sum(self._try_to_expire(job_id) for job_id in lost)

    def _give_again(self, worker_id: str) -> Lease | None:
        job_id = self._leases.unused_of(worker_id)
        if job_id is None:
            return None
        with self._locks.hold(job_id):
            if self._leases.unused_of(worker_id) != job_id:
                return None
            return self._leases.grant(job_id, worker_id)

    def _give_next(self, worker_id: str) -> Lease | None:
        """Take ids from the queue until one is still pending."""
        while job_id := self._job_queue.take():
            with self._locks.hold(job_id):
                try:
                    moved = self._jobs.move(job_id, JobStatus.pending, JobStatus.running)
                except Exception:
                    self._job_queue.put(job_id)
                    raise
                if moved:
                    return self._leases.grant(job_id, worker_id)
        return None

    def _answer(self, lease: Lease, waiter: Waiter) -> UUID | None:
        if waiter.accept(partial(self._take_back, lease)):
            logger.info("job dequeued", extra={"job_id": str(lease.job_id), "worker_id": lease.worker_id})
            return lease.job_id
        with self._locks.hold(lease.job_id):
            if self._leases.holds(lease):
                self._requeue(lease.job_id)
        return None

    def _take_back(self, lease: Lease) -> None:
        """Leave the row to the housekeeper: this runs on gRPC's own thread, where a commit would block every call."""
        if self._leases.expire_unacknowledged(lease):
            self.housekeeping_due.set()

    def _job_held_by(self, job_id: UUID, worker_id: str) -> JobRecord:
        job = self._jobs.get(job_id)
        if job is None:
            raise JobNotFound(str(job_id))
        if not self._leases.use(job_id, worker_id):
            raise LeaseLost(str(job_id))
        return job

    def _not_holding(self, job_id: UUID) -> JobNotFound | LeaseLost:
        return LeaseLost(str(job_id)) if self._jobs.get(job_id) else JobNotFound(str(job_id))

    def _status(self, job_id: UUID) -> JobStatus | None:
        job = self._jobs.get(job_id)
        return job.status if job else None

    def _was_ended_so(self, job_id: UUID, worker_id: str, status: JobStatus, outcome: bytes) -> bool:
        """Return whether the job ended with exactly this outcome, by this worker as far as is remembered."""
        job = self._jobs.get(job_id)
        if job is None or job.status is not status or self._leases.last_holder(job_id) not in (worker_id, None):
            return False
        if status is JobStatus.failed:
            return (job.error_message or "").encode() == outcome
        try:
            with self._storage.load_file(results_key(job_id)) as stored:
                return stored.read() == outcome
        except FileNotFoundError:
            return False

    def _end(self, job_id: UUID, status: JobStatus, **columns: str) -> None:
        self._jobs.move(job_id, JobStatus.running, status, **columns)
        self._leases.end(job_id)
        self._leases.forget_losses(job_id)

    def _requeue(self, job_id: UUID) -> None:
        self._jobs.move(job_id, JobStatus.running, JobStatus.pending)
        self._leases.end(job_id)
        self._job_queue.put(job_id)

    def _try_to_expire(self, job_id: UUID) -> bool:
        try:
            return self._expire(job_id)
        except Exception:
            logger.exception("lease not ended, trying again", extra={"job_id": str(job_id)})
            return False

    def _expire(self, job_id: UUID) -> bool:
        with self._locks.hold(job_id):
            lease = self._leases.expired_of(job_id)
            if lease is None:
                return False
            if lease.is_unacknowledged:
                self._requeue(job_id)
                logger.info("answer lost", extra={"job_id": str(job_id), "worker_id": lease.worker_id})
                return True
            losses = self._leases.losses(job_id) + 1
            logger.warning("worker lost", extra={"job_id": str(job_id), "losses": losses})
            if losses >= self._limits.max_lost_workers:
                self._end(job_id, JobStatus.failed, error_message=f"worker lost {losses} times")
            else:
                self._requeue(job_id)
                self._leases.count_loss(job_id)  # only once the row has changed: a failed attempt must not count
        return True
