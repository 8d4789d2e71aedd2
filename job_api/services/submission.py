"""Accepting a video: whole and safe on disk before its id is answered."""

import io
import logging
import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4, uuid5

from job_api.disk.errors import disk_full
from job_api.errors import (
    DiskLow,
    InvalidMp4,
    InvalidRequestId,
    PayloadTooLarge,
    RequestIdReused,
    StorageUnavailable,
    UnknownPipeline,
)
from job_api.repositories.jobs import JobRecord, JobRepository
from job_api.services.job_queue import JobQueue
from job_api.services.leases import JobLocks
from job_api.services.request_ids import MAX_ID_CHARACTERS
from job_api.storage.base import StorageFull, StorageService
from job_api.storage.keys import input_key
from shared.contract.mp4_signature import mp4_problem

logger = logging.getLogger(__name__)

REQUEST_NAMESPACE = UUID("7d6f2b1e-5f0c-5a53-9c0e-2d0a6a1c9b57")
"""Namespace of the job ids derived from request ids (UUIDv5, RFC 9562 section 5.5). Changing it breaks every retry."""

_COMPARE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class SubmissionLimits:
    """The limits of a submit.

    Attributes:
        max_video_bytes: The largest video.
        min_free_bytes: What must stay free on the disk.
    """

    max_video_bytes: int
    min_free_bytes: int


class SubmissionService:
    """Turns a video into a pending job.

    A crash may follow any step: the next start deletes a file without a row, and enqueues a pending row. The id is
    answered only after all steps.
    """

    def __init__(
        self,
        jobs: JobRepository,
        storage: StorageService,
        job_queue: JobQueue,
        locks: JobLocks,
        pipelines: Collection[str],
        limits: SubmissionLimits,
        new_id: Callable[[], UUID] = uuid4,
    ) -> None:
        self._jobs = jobs
        self._storage = storage
        self._job_queue = job_queue
        self._locks = locks
        self._pipelines = pipelines
        self._limits = limits
        self._new_id = new_id
        self._lock = threading.Lock()
        self._saving_bytes = 0

    def submit(self, pipeline_id: str, video: bytes, request_id: str = "") -> UUID:
        """Store the video and record its job.

        Args:
            pipeline_id: Which pipeline to run.
            video: The whole MP4.
            request_id: Makes a repeat safe: the same one gives the same job.

        Returns:
            The job's id. The job survives whatever happens from now on.

        Raises:
            InvalidMp4: The video is no MP4.
            UnknownPipeline: No pipeline of that name is offered.
            InvalidRequestId: The request id is too long.
            RequestIdReused: The request id was used with another video or pipeline.
            PayloadTooLarge: The video is larger than it may be.
            DiskLow: The disk has no room for it.
        """
        self._check(pipeline_id, video, request_id)
        job_id = uuid5(REQUEST_NAMESPACE, request_id) if request_id else self._new_id()
        with self._locks.hold(job_id):
            earlier = self._jobs.get(job_id) if request_id else None
            if not earlier:
                self._accept(job_id, pipeline_id, video)
        if earlier:  # without the lock, which its worker needs: a stored video never changes
            return self._repeated(earlier, pipeline_id, video)
        logger.info(
            "job accepted", extra={"job_id": str(job_id), "pipeline_id": pipeline_id, "video_bytes": len(video)}
        )
        return job_id

    def _check(self, pipeline_id: str, video: bytes, request_id: str) -> None:
        if pipeline_id not in self._pipelines:
            raise UnknownPipeline(f"pipeline_id must be one of {', '.join(self._pipelines)}, not {pipeline_id[:64]!r}")
        if len(request_id) > MAX_ID_CHARACTERS:
            raise InvalidRequestId(
                f"request_id must have at most {MAX_ID_CHARACTERS} characters, not {len(request_id)}"
            )
        if len(video) > self._limits.max_video_bytes:
            raise PayloadTooLarge(f"the video has {len(video)} bytes, the limit is {self._limits.max_video_bytes}")
        if problem := mp4_problem(video):
            raise InvalidMp4(problem)

    def _repeated(self, earlier: JobRecord, pipeline_id: str, video: bytes) -> UUID:
        if earlier.pipeline_id != pipeline_id or not self._is_stored_video(earlier, video):
            raise RequestIdReused(
                str(earlier.job_id), "request_id was used before with another video or pipeline; choose a new one"
            )
        return earlier.job_id

    def _is_stored_video(self, job: JobRecord, video: bytes) -> bool:
        try:
            with self._storage.load_file(job.input_path) as stored:
                offset = 0
                while chunk := stored.read(_COMPARE_BYTES):
                    if chunk != video[offset : offset + len(chunk)]:
                        return False
                    offset += len(chunk)
                return offset == len(video)
        except FileNotFoundError:
            return True  # nothing to compare with; the job will fail because its video is missing

    def _accept(self, job_id: UUID, pipeline_id: str, video: bytes) -> None:
        key = input_key(job_id)
        try:
            with self._disk_space(len(video)):
                self._storage.save_file(io.BytesIO(video), key)
        except StorageFull as error:
            raise disk_full() from error
        try:
            self._jobs.add(job_id, pipeline_id, key)
        except StorageUnavailable:
            raise  # whether the row is there is known after the next start, which sweeps the file if it is not
        except Exception:
            self._storage.delete_file(key)
            raise
        self._job_queue.put(job_id)

    @contextmanager
    def _disk_space(self, size_bytes: int) -> Iterator[None]:
        """Reserve space on the disk for a file that is saved meanwhile, beside the others that are."""
        with self._lock:
            if self._storage.free_bytes() - self._saving_bytes - size_bytes < self._limits.min_free_bytes:
                raise DiskLow("the server's disk is nearly full; try again later or ask its operator to free space")
            self._saving_bytes += size_bytes
        try:
            yield
        finally:
            with self._lock:
                self._saving_bytes -= size_bytes
