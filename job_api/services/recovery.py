"""Picking up after the last run, before the first request: whatever ended it, no job is forgotten."""

import logging
from uuid import UUID

from job_api.repositories.jobs import JobRepository
from job_api.services.leases import LeaseTable
from job_api.services.waiting_line import WaitingLine
from job_api.storage.base import StorageService
from job_api.storage.keys import JOBS_FOLDER, job_of_key
from shared.job_status import JobStatus

__all__ = ["RecoveryService"]

logger = logging.getLogger(__name__)


class RecoveryService:
    """Brings memory and storage in line with the rows."""

    def __init__(self, jobs: JobRepository, storage: StorageService, line: WaitingLine, leases: LeaseTable) -> None:
        self._jobs = jobs
        self._storage = storage
        self._line = line
        self._leases = leases

    def recover(self, *, database_is_new: bool) -> None:
        """Enqueues the pending jobs, oldest first; gives each running one a fresh lease; sweeps files of no job.

        Args:
            database_is_new: The database held nothing before this start. Files of earlier jobs then mean that the
                wrong or a lost database was opened: they are left alone.
        """
        running = self._jobs.ids_with_status(JobStatus.running)
        pending = self._jobs.ids_with_status(JobStatus.pending)
        for job_id in running:
            self._leases.grant(job_id, None)
        for job_id in pending:
            self._line.put(job_id)
        swept = 0 if self._must_not_sweep(database_is_new) else self._sweep()
        logger.info("jobs recovered", extra={"pending": len(pending), "running": len(running), "files_swept": swept})

    def _must_not_sweep(self, database_is_new: bool) -> bool:  # noqa: FBT001 (one caller)
        if not database_is_new or not self._files():
            return False
        logger.warning("files of unknown jobs left alone: the database is new", extra={"files": len(self._files())})
        return True

    def _files(self) -> dict[str, UUID]:
        keys = self._storage.list_files(JOBS_FOLDER)
        return {key: job_id for key in keys if (job_id := job_of_key(key))}

    def _sweep(self) -> int:
        """Deletes what a crash between two steps left behind; only files that this service wrote."""
        unfinished = self._storage.delete_unfinished(JOBS_FOLDER)
        files = self._files()
        unknown = self._jobs.missing(files.values())
        orphans = [key for key, job_id in files.items() if job_id in unknown]
        for key in orphans:
            self._storage.delete_file(key)
        return unfinished + len(orphans)
