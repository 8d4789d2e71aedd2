"""Taking back the jobs of workers that are lost, or that never learned of theirs."""

import logging
import threading
from collections.abc import Iterable
from uuid import UUID

from job_api.errors import ApiError
from job_api.services.leases import Lease, LeaseTable
from job_api.services.running_jobs import RunningJobs
from shared.contract.job_status import JobStatus

logger = logging.getLogger(__name__)


class LeaseExpiry:
    """Ends the leases that have expired, with what follows for their jobs.

    Attributes:
        due: Set when `expire_leases` has something to do now.
    """

    def __init__(self, leases: LeaseTable, running: RunningJobs, max_lost_workers: int) -> None:
        self._leases = leases
        self._running = running
        self._max_lost_workers = max_lost_workers
        self.due = threading.Event()

    def expire_leases(self) -> int:
        """Take back the jobs whose leases have expired; return how many there were."""
        return self._try_to_expire(self._leases.expired())

    def extend_leases(self, seconds: float) -> None:
        """Give every worker the time in which this server did not run."""
        self._leases.extend_all(seconds)
        logger.warning("the server did not run, all leases are extended", extra={"seconds": round(seconds, 1)})

    def stop(self) -> None:
        """Count no time against workers any more: a server that stops refuses their renewals."""
        self._leases.stop_expiring()

    def take_back(self, lease: Lease) -> None:
        """Requeue the job of a worker that never learned of it; one that has called about it keeps it."""
        if self._leases.expire_unacknowledged(lease):
            self._try_to_expire([lease.job_id])

    def take_back_soon(self, lease: Lease) -> None:
        """Leave it to the housekeeper: this runs on gRPC's own thread, where a commit would block every call."""
        if self._leases.expire_unacknowledged(lease):
            self.due.set()

    def _try_to_expire(self, job_ids: Iterable[UUID]) -> int:
        """Take the jobs back; return how many were. One that cannot be is tried again, its lease as it was."""
        ended = 0
        error: Exception | None = None
        for job_id in job_ids:
            try:
                ended += self._expire(job_id)
            except Exception as caught:  # noqa: BLE001 (one line for all of them, not one each, ten times a second)
                error = caught
        if error:
            trace = None if isinstance(error, ApiError) else error
            logger.warning("leases not ended, trying again", extra={"error": str(error)}, exc_info=trace)
        return ended

    def _expire(self, job_id: UUID) -> bool:
        if self._running.is_storing(job_id):
            return False
        with self._running.lock(job_id):
            lease = self._leases.take_expired(job_id)
            if lease is None:
                return False
            try:
                self._end(lease)
            except Exception:
                self._leases.restore(lease)
                raise
        return True

    def _end(self, lease: Lease) -> None:
        if lease.is_unacknowledged:
            self._running.requeue(lease.job_id)
            logger.info("answer lost", extra={"job_id": str(lease.job_id), "worker_id": lease.worker_id})
        else:
            self._count_loss(lease)

    def _count_loss(self, lease: Lease) -> None:
        """Count the worker as lost, and make its job pending, or failed where that was the last time."""
        job_id, losses = lease.job_id, self._leases.losses(lease.job_id) + 1
        if losses >= self._max_lost_workers:
            self._running.end(job_id, JobStatus.failed, error_message=f"worker lost {losses} times")
        else:
            self._running.requeue(job_id, lost=lease)
        logger.warning("worker lost", extra={"job_id": str(job_id), "losses": losses})
