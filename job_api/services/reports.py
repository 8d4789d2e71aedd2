"""Taking what workers report: the results of a job, or why it failed."""

import hashlib
import logging
from dataclasses import dataclass
from typing import BinaryIO
from uuid import UUID

from job_api.disk.errors import disk_full
from job_api.errors import (
    InvalidErrorMessage,
    InvalidRange,
    InvalidResults,
    PayloadTooLarge,
    ResultsIncomplete,
)
from job_api.repositories.jobs import JobRepository
from job_api.services.leases import LeaseTable
from job_api.services.running_jobs import RunningJobs
from job_api.storage.base import StorageFull, StorageService
from job_api.storage.keys import results_key
from job_api.storage.results_staging import ResultsStaging
from shared.contract.job_status import JobStatus
from shared.results import InvalidDocument, check_document

logger = logging.getLogger(__name__)

USE_CHUNKS = "send larger results in chunks with PutJobResults"
DIGEST_BLOCK_BYTES = 1 << 20
"""How much of the results is hashed at once; the interpreter is free meanwhile."""


@dataclass(frozen=True, slots=True)
class ReportLimits:
    """The limits of what workers send.

    Attributes:
        max_chunk_bytes: The largest chunk of results.
        max_results_bytes: The largest results of one job.
        max_inline_results_bytes: The largest results in one message.
        max_error_message_bytes: The longest error message, in UTF-8.
    """

    max_chunk_bytes: int
    max_results_bytes: int
    max_inline_results_bytes: int
    max_error_message_bytes: int


@dataclass(frozen=True, slots=True)
class ResultsDigest:
    """What tells one results document from another: its size in bytes and its SHA-256 digest of 32 bytes."""

    size_bytes: int
    sha256: bytes


class ReportService:
    """The end of the life of a job.

    Results are staged in a file, whichever way they come, and checked there frame by frame; a storage in the same file
    system takes the file over. So memory does not grow with the results, and no step takes long.
    """

    def __init__(
        self,
        jobs: JobRepository,
        storage: StorageService,
        staging: ResultsStaging,
        leases: LeaseTable,
        running: RunningJobs,
        limits: ReportLimits,
    ) -> None:
        self._jobs = jobs
        self._storage = storage
        self._staging = staging
        self._leases = leases
        self._running = running
        self.limits = limits

    def put_results(self, job_id: UUID, worker_id: str, offset: int, data: bytes) -> int:
        """Stage one chunk of the results; return how many bytes there are without a gap.

        Raises:
            InvalidRange: The chunk begins behind what there is, or before 0; nothing changed.
            PayloadTooLarge: The chunk or the results are too large; nothing changed.
            JobNotFound: There is no such job.
            LeaseLost: The job is not the worker's; nothing changed.
            DiskLow: There is no space.
        """
        if len(data) > self.limits.max_chunk_bytes:
            raise PayloadTooLarge(f"the chunk has {len(data)} bytes, the limit is {self.limits.max_chunk_bytes}")
        self._check_size(offset + len(data))
        with self._running.lock(job_id, worker_id):
            self._running.check_held(job_id, worker_id)
            size_bytes = self._staging.size_bytes(job_id)
            if not 0 <= offset <= size_bytes:
                raise InvalidRange(f"offset must be between 0 and {size_bytes}, the bytes that are held, not {offset}")
            return self._staged(job_id, offset, data) if data else size_bytes

    def complete(self, job_id: UUID, worker_id: str, results: bytes) -> None:
        """Store these results, then end the job as completed. The same again is harmless.

        Raises:
            InvalidResults: The results are not the frozen shape; nothing changed.
            PayloadTooLarge: They are larger than they may be; nothing changed.
            JobNotFound: There is no such job.
            LeaseLost: The job is not the worker's; nothing changed.
            DiskLow: There is no space for the results; the job stays the worker's.
        """
        self._check_size(len(results))
        if len(results) > self.limits.max_inline_results_bytes:
            limit = self.limits.max_inline_results_bytes
            raise PayloadTooLarge(f"results_json has {len(results)} bytes, the limit is {limit}; {USE_CHUNKS}")
        digest = ResultsDigest(len(results), hashlib.sha256(results).digest())
        with self._running.lock(job_id, worker_id):
            if self._may_end(job_id, worker_id, digest):
                with self._running.storing(job_id):
                    self._staging.drop(job_id)
                    self._staged(job_id, 0, results)
                    self._store(job_id, worker_id)

    def complete_staged(self, job_id: UUID, worker_id: str, digest: ResultsDigest) -> None:
        """Store the results that were staged, then end the job as completed. The same again is harmless.

        Raises:
            ResultsIncomplete: Other results, or only a part, are staged; they are dropped.
            InvalidResults: The results are not the frozen shape; nothing changed.
            JobNotFound: There is no such job.
            LeaseLost: The job is not the worker's; nothing changed.
            DiskLow: There is no space for the results; the job stays the worker's.
        """
        with self._running.lock(job_id, worker_id):
            if self._may_end(job_id, worker_id, digest):
                with self._running.storing(job_id):
                    is_stored = self._stored_digest(job_id) == digest  # before, when the job could not be ended
                    if not is_stored:
                        self._check_staged(job_id, digest)
                    self._store(job_id, worker_id, is_stored=is_stored)

    def fail(self, job_id: UUID, worker_id: str, error_message: str) -> None:
        """End the job as failed. The same again is harmless.

        Raises:
            InvalidErrorMessage: The message is empty; nothing changed.
            PayloadTooLarge: It is too long; nothing changed.
            JobNotFound: There is no such job.
            LeaseLost: The job is not the worker's; nothing changed.
        """
        if not error_message.strip():
            raise InvalidErrorMessage("error_message must say what went wrong")
        if (size := len(error_message.encode())) > self.limits.max_error_message_bytes:
            raise PayloadTooLarge(f"error_message has {size} bytes, the limit is {self.limits.max_error_message_bytes}")
        with self._running.lock(job_id, worker_id):
            if not self._may_end(job_id, worker_id, error_message):
                return
            self._running.end(job_id, JobStatus.failed, error_message=error_message)
        logger.info("job failed", extra={"job_id": str(job_id), "worker_id": worker_id, "error": error_message})

    def _check_staged(self, job_id: UUID, digest: ResultsDigest) -> None:
        if self._staging.size_bytes(job_id) != digest.size_bytes or self._staged_digest(job_id) != digest:
            self._staging.drop(job_id)
            raise ResultsIncomplete(
                str(job_id), f"the server does not hold these results of job {job_id}; send them again from offset 0"
            )

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self.limits.max_results_bytes:
            raise PayloadTooLarge(
                f"the results are larger than {self.limits.max_results_bytes} bytes, the limit of the server"
            )

    def _may_end(self, job_id: UUID, worker_id: str, outcome: ResultsDigest | str) -> bool:
        """Return whether the worker may end the job, and False where it has ended it with this outcome before.

        Raises:
            JobNotFound: Neither is so, and there is no such job.
            LeaseLost: Neither is so.
        """
        if self._running.is_held(job_id, worker_id):
            return True
        if self._has_ended_so(job_id, worker_id, outcome):
            return False
        raise self._running.refusal(job_id)

    def _has_ended_so(self, job_id: UUID, worker_id: str, outcome: ResultsDigest | str) -> bool:
        job, ending = self._jobs.get(job_id), self._leases.ending(job_id)
        if job is None or (ending and ending.worker_id not in (worker_id, None)):
            return False
        if isinstance(outcome, str):
            return job.status is JobStatus.failed and job.error_message == outcome
        return job.status is JobStatus.completed and self._stored_digest(job_id) == outcome

    def _stored_digest(self, job_id: UUID) -> ResultsDigest | None:
        try:
            with self._storage.load_file(results_key(job_id)) as stored:
                return _digest_of(stored)
        except FileNotFoundError:
            return None

    def _staged_digest(self, job_id: UUID) -> ResultsDigest:
        with self._staging.path(job_id).open("rb") as staged:
            return _digest_of(staged)

    def _staged(self, job_id: UUID, offset: int, data: bytes) -> int:
        try:
            return self._staging.write(job_id, offset, data)
        except StorageFull as error:
            raise disk_full() from error

    def _store(self, job_id: UUID, worker_id: str, *, is_stored: bool = False) -> None:
        """Check the staged results, store them unless they are, and end the job; else the lease begins anew."""
        key, path = results_key(job_id), self._staging.path(job_id)
        try:
            if is_stored:
                self._storage.sync_file(key)
            else:
                with path.open("rb") as staged:
                    check_document(staged)
                self._storage.adopt_file(path, key)
            self._running.end(job_id, JobStatus.completed, output_path=key)
        except InvalidDocument as error:
            raise InvalidResults(f"results_json: {error}") from error
        except StorageFull as error:
            raise disk_full() from error
        finally:
            self._leases.renew(job_id, worker_id)
        logger.info("job completed", extra={"job_id": str(job_id), "worker_id": worker_id})


def _digest_of(file: BinaryIO) -> ResultsDigest:
    size_bytes, sha256 = 0, hashlib.sha256()
    while chunk := file.read(DIGEST_BLOCK_BYTES):
        size_bytes += len(chunk)
        sha256.update(chunk)
    return ResultsDigest(size_bytes, sha256.digest())
