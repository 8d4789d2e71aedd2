"""A running job's row and lease, which change together."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from job_api.errors import JobNotFound, LeaseLost
from job_api.repositories.jobs import JobRepository
from job_api.services.job_queue import JobQueue
from job_api.services.leases import Ending, JobLocks, Lease, LeaseTable
from job_api.storage.results_staging import ResultsStaging
from shared.contract.job_status import JobStatus

logger = logging.getLogger(__name__)

KEPT_SECONDS = 3600.0
"""How long results are kept that a lost worker has sent; one that comes back later sends them again."""


class RunningJobs:
    """Starts, checks and ends a worker's hold on a job.

    The caller of `check_held`, `is_held`, `take`, `end` and `requeue` holds the job's lock.
    """

    def __init__(
        self, jobs: JobRepository, job_queue: JobQueue, leases: LeaseTable, locks: JobLocks, staging: ResultsStaging
    ) -> None:
        self._jobs = jobs
        self._job_queue = job_queue
        self._leases = leases
        self._locks = locks
        self._staging = staging
        self._storing: set[UUID] = set()

    @contextmanager
    def lock(self, job_id: UUID, worker_id: str | None = None) -> Iterator[None]:
        """Hold the job's lock, waiting for it.

        Args:
            job_id: The job.
            worker_id: The worker that calls. It is refused at once where another holds the job, so that no such caller
                ever keeps the holder or the housekeeper waiting.

        Raises:
            LeaseLost: Another worker holds the job.
        """
        lease = self._leases.lease_of(job_id)
        if worker_id is not None and lease and lease.worker_id not in (worker_id, None):
            raise LeaseLost(str(job_id))
        with self._locks.hold(job_id):
            yield

    def is_storing(self, job_id: UUID) -> bool:
        """Return whether the job's results are being stored, in which time its lease does not expire."""
        return job_id in self._storing

    def drop_abandoned_results(self) -> None:
        """Delete the staged results of lost workers that have not come back in time."""
        for job_id in self._staging.unchanged_for(KEPT_SECONDS):
            if self._leases.lease_of(job_id) is None:
                with self.lock(job_id):
                    if self._leases.lease_of(job_id) is None:
                        self._staging.drop(job_id)

    def use(self, job_id: UUID, worker_id: str) -> None:
        """Check that the job is the worker's, waiting for the job's lock only where its lease was taken.

        Raises:
            JobNotFound: There is no such job.
            LeaseLost: The job is not the worker's.
        """
        if self._leases.use(job_id, worker_id):
            return
        with self.lock(job_id, worker_id):
            self.check_held(job_id, worker_id)

    @contextmanager
    def storing(self, job_id: UUID) -> Iterator[None]:
        """Hold the job's lease for the time of the block."""
        self._storing.add(job_id)
        try:
            yield
        finally:
            self._storing.discard(job_id)

    def check_held(self, job_id: UUID, worker_id: str) -> None:
        """Check that the job is the worker's.

        Raises:
            JobNotFound: There is no such job.
            LeaseLost: The job is not the worker's.
        """
        if not self.is_held(job_id, worker_id):
            raise self.refusal(job_id)

    def refusal(self, job_id: UUID) -> LeaseLost | JobNotFound:
        """Return why a worker that does not hold the job is refused."""
        return LeaseLost(str(job_id)) if self._jobs.get(job_id) else JobNotFound(str(job_id))

    def is_held(self, job_id: UUID, worker_id: str) -> bool:
        """Return whether the job is the worker's; one that expired and that nobody took returns to its last holder."""
        return self._leases.use(job_id, worker_id) or self._return_to_last_holder(job_id, worker_id)

    def take(self, job_id: UUID, worker_id: str) -> Lease | None:
        """Give a pending job to the worker; return None where it is not pending."""
        if not self._jobs.move(job_id, JobStatus.pending, JobStatus.running):
            return None
        self._staging.drop(job_id)
        return self._leases.grant(job_id, worker_id)

    def end(self, job_id: UUID, status: JobStatus, **columns: str) -> None:
        """End the job in a final state."""
        self._jobs.move(job_id, JobStatus.running, status, **columns)
        self._leases.end(job_id)
        self._leases.forget_losses(job_id)
        self._staging.drop(job_id)

    def requeue(self, job_id: UUID, lost: Lease | None = None) -> None:
        """End the lease and make the job pending.

        Args:
            job_id: The job.
            lost: The lease of a worker that is counted as lost; its staged results are kept, for it may come back.
        """
        self._jobs.move(job_id, JobStatus.running, JobStatus.pending)
        if lost:
            self._leases.count_loss(lost)  # only once the row has changed: a failed attempt must not count
        else:
            self._leases.end(job_id)
            self._staging.drop(job_id)
        self._job_queue.put(job_id)

    def _return_to_last_holder(self, job_id: UUID, worker_id: str) -> bool:
        was_lost = self._leases.ending(job_id) in (Ending(worker_id, has_expired=True), Ending(None, has_expired=True))
        if not was_lost or not self._jobs.move(job_id, JobStatus.pending, JobStatus.running):
            return False
        self._leases.grant(job_id, worker_id)
        self._leases.take_loss_back(job_id)
        logger.info("lost worker has come back", extra={"job_id": str(job_id), "worker_id": worker_id})
        return self._leases.use(job_id, worker_id)
