"""Answering clients: the status of a job, its results, the list of jobs."""

import base64
import binascii
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO
from uuid import UUID

from job_api.errors import (
    InvalidPageSize,
    InvalidPageToken,
    JobFailed,
    JobNotCompleted,
    JobNotFinished,
    JobNotFound,
    PayloadTooLarge,
    ResultsUnreadable,
)
from job_api.repositories.jobs import JobRecord, JobRepository, Position
from job_api.services.leases import JobLocks
from job_api.storage.base import StorageService
from job_api.storage.keys import input_key, results_key
from shared.contract.job_status import JobStatus
from shared.results import InvalidDocument, decode_values, iter_document, most_values, stored_list

logger = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TOKEN_BYTES = 8 + 16
PAGE_BYTES = 2 << 20
"""A page of jobs ends before it is larger: every call may make one before it is charged to the budget of messages."""
_JOBS_AT_ONCE = 16
"""How many rows are read at once: an error message can take 256 KiB of memory."""
_SUMMARY_BYTES = 128
"""What a job takes in a page besides its texts."""


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """The limits of what clients are answered.

    Attributes:
        default_page_size: Jobs in a page, unless the caller says.
        max_page_size: Most jobs in a page.
        max_frames_bytes: The largest stored results that are answered as frames.
    """

    default_page_size: int
    max_page_size: int
    max_frames_bytes: int


class QueryService:
    """The clients' side of the life of a job, except the submit."""

    def __init__(self, jobs: JobRepository, storage: StorageService, locks: JobLocks, limits: QueryLimits) -> None:
        self._jobs = jobs
        self._storage = storage
        self._locks = locks
        self._limits = limits

    def job(self, job_id: UUID) -> JobRecord:
        """Return the job.

        Raises:
            JobNotFound: There is none.
        """
        job = self._jobs.get(job_id)
        if job is None:
            raise JobNotFound(str(job_id))
        return job

    @contextmanager
    def frames(self, job_id: UUID) -> Iterator[tuple[int, int, Iterator[dict[str, Any]]]]:
        """Yield the stored results of a completed job: their size in bytes, their most values, each frame's `result`.

        Raises:
            JobNotFound: There is no such job.
            JobNotCompleted: The job has no results yet.
            JobFailed: The job has no results because it failed.
            PayloadTooLarge: They are too large for this form.
            ResultsUnreadable: The stored results are missing or damaged.
        """
        with self._stored_results(job_id) as (document, size_bytes):
            if size_bytes > self._limits.max_frames_bytes:
                raise PayloadTooLarge(
                    f"the results have {size_bytes} bytes, of which frames would take a multiple; the limit is "
                    f"{self._limits.max_frames_bytes}; request them with RESULTS_FORMAT_JSON"
                )
            yield size_bytes, most_values(document), iter_document(document, decode_values)

    @contextmanager
    def results_json(self, job_id: UUID) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Yield the size of the stored list of results of a completed job, in bytes, and its chunks, not yet checked.

        Raises:
            JobNotFound: There is no such job.
            JobNotCompleted: The job has no results yet.
            JobFailed: The job has no results because it failed.
            ResultsUnreadable: The stored results are missing or damaged.
        """
        with self._stored_results(job_id) as (document, _):
            yield stored_list(document)

    def page(self, status: JobStatus | None, page_size: int, page_token: str) -> tuple[list[JobRecord], str]:
        """Return one page of jobs, newest first, and the token of the next page, empty on the last.

        It has fewer than `page_size` jobs where more would pass `PAGE_BYTES`.

        Raises:
            InvalidPageSize: It is negative.
            InvalidPageToken: It is not a token of this server.
        """
        if page_size < 0:
            raise InvalidPageSize(f"page_size must not be negative, not {page_size}")
        size = min(page_size or self._limits.default_page_size, self._limits.max_page_size)
        page, page_bytes = list[JobRecord](), 0
        for job in self._newest(status, _position(page_token) if page_token else None, min(size + 1, _JOBS_AT_ONCE)):
            page_bytes += _SUMMARY_BYTES + len(job.pipeline_id.encode()) + len((job.error_message or "").encode())
            if page and (len(page) == size or page_bytes > PAGE_BYTES):
                return page, _token(_position_of(page[-1]))
            page.append(job)
        return page, ""

    def _newest(self, status: JobStatus | None, after: Position | None, at_once: int) -> Iterator[JobRecord]:
        while jobs := self._jobs.newest(status, after, at_once):
            yield from jobs
            if len(jobs) < at_once:
                return
            after = _position_of(jobs[-1])

    def delete(self, job_id: UUID) -> None:
        """Delete a finished job: the row first, so that no row is left without its files.

        Raises:
            JobNotFound: There is none.
            JobNotFinished: It is pending or running.
        """
        self._check_final(job_id)  # at once: a job whose results are being stored keeps its lock
        with self._locks.hold(job_id):
            if not self._jobs.delete(job_id):
                self._check_final(job_id)
            for key in (input_key(job_id), results_key(job_id)):
                self._storage.delete_file(key)
        logger.info("job deleted", extra={"job_id": str(job_id)})

    def _check_final(self, job_id: UUID) -> None:
        status = self.job(job_id).status
        if not status.is_final:
            raise JobNotFinished(str(job_id), f"job {job_id} is {status}; wait until it has ended")

    @contextmanager
    def _stored_results(self, job_id: UUID) -> Iterator[tuple[BinaryIO, int]]:
        """Open the results of a completed job; yield them with their size in bytes."""
        job = self.job(job_id)
        if job.status is JobStatus.failed:
            raise JobFailed(str(job_id), f"job {job_id} failed and has no results: {job.error_message}")
        if job.status is not JobStatus.completed:
            raise JobNotCompleted(
                str(job_id), f"job {job_id} is {job.status}; its results are there once it is completed"
            )
        try:
            with self._storage.load_file(job.output_path or results_key(job_id)) as stored:
                size_bytes = stored.seek(0, io.SEEK_END)
                stored.seek(0)
                yield stored, size_bytes
        except FileNotFoundError:
            self.job(job_id)  # raises JobNotFound where it was deleted meanwhile
            raise ResultsUnreadable(str(job_id), f"the stored results of job {job_id} are missing") from None
        except InvalidDocument as error:
            raise ResultsUnreadable(str(job_id), f"the stored results of job {job_id} are damaged") from error


def _position_of(job: JobRecord) -> Position:
    return job.created_at, job.job_id


def _token(position: Position) -> str:
    created_at, job_id = position
    microseconds = (created_at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(microseconds.to_bytes(8) + job_id.bytes).decode()


def _position(token: str) -> Position:
    try:
        raw = base64.b64decode(token.encode(), altchars=b"-_", validate=True)
        if len(raw) != _TOKEN_BYTES:
            raise InvalidPageToken("page_token must be a next_page_token of ListJobs")
        return _EPOCH + timedelta(microseconds=int.from_bytes(raw[:8])), UUID(bytes=raw[8:])
    except (binascii.Error, OverflowError) as error:
        raise InvalidPageToken("page_token must be a next_page_token of ListJobs") from error
