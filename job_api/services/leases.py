"""Who holds which job until when. In memory only: after a restart every running job starts a new lease."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from cachetools import LRUCache

from shared.process.clock import Clock

__all__ = ["JobLocks", "Lease", "LeaseTable"]

REMEMBERED_ENDINGS = 10_000
"""How many ended leases are remembered, so that a worker whose answer was lost can repeat its last call."""


@dataclass(slots=True, eq=False)
class Lease:
    """One worker's hold on one job.

    Attributes:
        job_id: The job.
        worker_id: The holder; None after a restart, until the first worker that uses the job becomes its holder.
        deadline: When it expires, in the clock's seconds.
        used: Whether the worker has called about the job, so certainly knows that it holds it.
        is_unacknowledged: Whether it expired because the answer that granted it was not sent.
    """

    job_id: UUID
    worker_id: str | None
    deadline: float
    used: bool = False
    is_unacknowledged: bool = False


class LeaseTable:
    """The leases, at most one for each job. A lease expires when the clock reaches its deadline.

    No method changes a row: callers hold the job's lock and change row and lease together.
    """

    def __init__(self, lease_seconds: float, clock: Clock, remembered_endings: int = REMEMBERED_ENDINGS) -> None:
        self.lease_seconds = lease_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._leases: dict[UUID, Lease] = {}
        self._losses: dict[UUID, int] = {}
        self._last_holders: LRUCache[UUID, str] = LRUCache(remembered_endings)

    def grant(self, job_id: UUID, worker_id: str | None) -> Lease:
        """Start a lease; with `worker_id` None its holder is the first worker that uses the job."""
        lease = Lease(job_id, worker_id, self._clock() + self.lease_seconds)
        with self._lock:
            self._leases[job_id] = lease
            self._last_holders.pop(job_id, None)
        return lease

    def use(self, job_id: UUID, worker_id: str) -> Lease | None:
        """Return the worker's live lease on the job and mark it used, or None where it has none."""
        with self._lock:
            lease = self._leases.get(job_id)
            if lease is None or lease.deadline <= self._clock() or lease.worker_id not in (worker_id, None):
                return None
            lease.worker_id, lease.used = worker_id, True
            return lease

    def renew(self, lease: Lease) -> None:
        """Start the lease's time again."""
        lease.deadline = self._clock() + self.lease_seconds

    def expire_unacknowledged(self, lease: Lease) -> bool:
        """Expire a lease whose worker never learned of it; return whether it was expired.

        A lease that was ended, or whose worker has called about the job since, stays as it is.
        """
        with self._lock:
            if self._leases.get(lease.job_id) is not lease or lease.used:
                return False
            lease.deadline, lease.is_unacknowledged = self._clock(), True
            return True

    def unused_of(self, worker_id: str) -> UUID | None:
        """Return the job that the worker was given but has not called about, if its lease is live."""
        with self._lock:
            now = self._clock()
            return next(
                (
                    lease.job_id
                    for lease in self._leases.values()
                    if lease.worker_id == worker_id and not lease.used and lease.deadline > now
                ),
                None,
            )

    def holds(self, lease: Lease) -> bool:
        """Return whether this very lease is the job's current one."""
        with self._lock:
            return self._leases.get(lease.job_id) is lease

    def expired(self) -> list[UUID]:
        """Return the jobs whose lease has expired."""
        with self._lock:
            now = self._clock()
            return [lease.job_id for lease in self._leases.values() if lease.deadline <= now]

    def expired_of(self, job_id: UUID) -> Lease | None:
        """Return the job's lease if it has expired."""
        with self._lock:
            lease = self._leases.get(job_id)
            return lease if lease and lease.deadline <= self._clock() else None

    def end(self, job_id: UUID) -> None:
        """End the job's lease and remember its holder."""
        with self._lock:
            lease = self._leases.pop(job_id, None)
            if lease and lease.worker_id is not None:
                self._last_holders[job_id] = lease.worker_id

    def last_holder(self, job_id: UUID) -> str | None:
        """Return who held the job last, where no one holds it now and it is remembered."""
        with self._lock:
            return self._last_holders.get(job_id)

    def losses(self, job_id: UUID) -> int:
        """Return how many workers were lost on the job."""
        with self._lock:
            return self._losses.get(job_id, 0)

    def count_loss(self, job_id: UUID) -> int:
        """Count one more lost worker for the job; return how many there are."""
        with self._lock:
            self._losses[job_id] = self._losses.get(job_id, 0) + 1
            return self._losses[job_id]

    def forget_losses(self, job_id: UUID) -> None:
        """Forget the lost workers of a job that has reached a final state."""
        with self._lock:
            self._losses.pop(job_id, None)


class JobLocks:
    """One lock for each job, made when it is first wanted and dropped when nobody holds it or waits for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[UUID, tuple[threading.Lock, int]] = {}

    @contextmanager
    def hold(self, job_id: UUID) -> Iterator[None]:
        """Hold the job's lock, waiting for it."""
        with self._lock:
            lock, holders = self._held.get(job_id, (threading.Lock(), 0))
            self._held[job_id] = lock, holders + 1
        try:
            with lock:
                yield
        finally:
            with self._lock:
                lock, holders = self._held.pop(job_id)
                if holders > 1:
                    self._held[job_id] = lock, holders - 1

    def is_held(self, job_id: UUID) -> bool:
        """Return whether somebody holds the job's lock or waits for it."""
        with self._lock:
            return job_id in self._held
