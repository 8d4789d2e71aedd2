"""Recovering from the last run, before the first request: however it ended, no job is lost."""

import logging
from collections.abc import Callable, Iterable, Sequence

from job_api.repositories.jobs import JobRepository
from job_api.services.job_queue import JobQueue
from job_api.services.leases import LeaseTable
from job_api.storage.base import StorageFull, StorageService
from job_api.storage.keys import JOBS_FOLDER, SET_ASIDE_FOLDER, job_of_key
from job_api.storage.results_staging import ResultsStaging
from shared.contract.job_status import JobStatus

logger = logging.getLogger(__name__)


class StorageUnusable(Exception):
    """The storage cannot be read or written, or is not that of the database; the message says why."""


class RecoveryService:
    """Makes memory and storage agree with the rows."""

    def __init__(
        self,
        jobs: JobRepository,
        storage: StorageService,
        staging: ResultsStaging,
        job_queue: JobQueue,
        leases: LeaseTable,
    ) -> None:
        self._jobs = jobs
        self._storage = storage
        self._staging = staging
        self._job_queue = job_queue
        self._leases = leases

    def recover(self, *, is_another_database: bool) -> None:
        """Enqueue the pending jobs, oldest first; grant each running one a new lease; delete files of unknown jobs.

        A pending job that a worker has had is that one's again, if it calls about the job before another takes it. Who
        calls about one that no worker has had means an earlier job, deleted since, whose id a request_id gave it again.

        Args:
            is_another_database: Whether the database was empty before this start, or the last start had another one.
                Files of unknown jobs then mean that a database was lost or the wrong one was opened: they are moved to
                a folder of their own and not deleted.

        Raises:
            StorageUnusable: The storage cannot be read or written.
        """
        running = self._jobs.ids_with_status(JobStatus.running)
        pending = self._jobs.ids_with_status(JobStatus.pending)
        for job_id in pending:
            self._job_queue.put(job_id)
        self._leases.remember_pending(self._jobs.ids_pending_again())
        try:
            self._staging.clear()
            stored = list(self._storage.list_files(JOBS_FOLDER))
            _check_files(stored, len(pending) + len(running))
            swept = self._sweep(stored, self._set_aside if is_another_database else self._storage.delete_file)
        except OSError as error:
            raise StorageUnusable(f"the storage cannot be used: {type(error).__name__}: {error}") from error
        for job_id in running:
            self._leases.grant(job_id, None)  # at last: the time that all this takes counts for no worker
        logger.info("jobs recovered", extra={"pending": len(pending), "running": len(running), "files_swept": swept})

    def _sweep(self, stored: Iterable[str], remove: Callable[[str], None]) -> int:
        """Remove what a crash between two steps left behind; only files that this service wrote."""
        unfinished = self._storage.delete_unfinished(JOBS_FOLDER)
        files = {key: job_id for key in stored if (job_id := job_of_key(key))}
        unknown = self._jobs.missing(files.values())
        orphans = [key for key, job_id in files.items() if job_id in unknown]
        for key in orphans:
            remove(key)
        return unfinished + len(orphans)

    def _set_aside(self, key: str) -> None:
        kept = key.replace(JOBS_FOLDER, SET_ASIDE_FOLDER, 1)
        try:
            with self._storage.load_file(key) as file:
                self._storage.save_file(file, kept)
        except StorageFull:
            logger.warning("file of an unknown job left where it is: no space to set it aside", extra={"file": key})
            return
        self._storage.delete_file(key)
        logger.warning("file of an unknown job set aside: the database is new or another one", extra={"file": kept})


def _check_files(stored: Sequence[str], unfinished: int) -> None:
    """Raise StorageUnusable where no file is there: workers would fail every job whose video they do not get."""
    if unfinished and not stored:
        raise StorageUnusable(
            f"the storage has no file in {JOBS_FOLDER}, but {unfinished} jobs are pending or running: is its disk "
            "mounted? Bring the files back; to start without them, put any file there"
        )
