"""Who holds which job until when. In memory only: after a restart every running job starts a new lease."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from cachetools import LRUCache

from shared.process.clock import Clock

REMEMBERED_ENDINGS = 10_000
"""How many ended leases are remembered, so that a worker whose answer was lost can repeat its last call."""


@dataclass(slots=True, eq=False)
class Lease:
    """One worker's hold on one job.

    Attributes:
        job_id: The job.
        worker_id: The holder; None after a restart, until the first worker that uses the job becomes its holder.
        deadline: From when the housekeeper takes the job back, in the clock's seconds.
        used: Whether the worker has called about the job, so certainly knows that it holds it.
        is_unacknowledged: Whether it expired because the answer that granted it was not sent.
    """

    job_id: UUID
    worker_id: str | None
    deadline: float
    used: bool = False
    is_unacknowledged: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """How a lease ended.

    Attributes:
        worker_id: The last holder; None after a restart, where nobody knows who it was.
        has_expired: Whether it was taken from a worker that did not renew.
    """

    worker_id: str | None
    has_expired: bool


class LeaseTable:
    """The leases, at most one for each job.

    A lease is its worker's until it is ended: past its deadline the housekeeper may take it back, but until then its
    worker is as welcome as before. No method changes a row: callers hold the job's lock and change row and lease
    together; only `use` and `renew` need no lock.
    """

    def __init__(self, lease_seconds: float, clock: Clock, remembered_endings: int = REMEMBERED_ENDINGS) -> None:
        self.lease_seconds = lease_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._leases: dict[UUID, Lease] = {}
        self._losses: dict[UUID, int] = {}
        self._endings: LRUCache[UUID, Ending] = LRUCache(remembered_endings)
        self._is_stopping = False

    def grant(self, job_id: UUID, worker_id: str | None) -> Lease:
        """Start a lease; with `worker_id` None its holder is the first worker that uses the job."""
        lease = Lease(job_id, worker_id, self._clock() + self.lease_seconds)
        with self._lock:
            self._leases[job_id] = lease
            self._endings.pop(job_id, None)
        return lease

    def use(self, job_id: UUID, worker_id: str) -> bool:
        """Return whether the worker holds the job, and remember that it knows so."""
        with self._lock:
            return self._used(job_id, worker_id) is not None

    def renew(self, job_id: UUID, worker_id: str) -> bool:
        """Start the time of the worker's lease again; return whether it holds the job."""
        with self._lock:
            lease = self._used(job_id, worker_id)
            if lease:
                lease.deadline = self._clock() + self.lease_seconds
            return lease is not None

    def extend_all(self, seconds: float) -> None:
        """Move every deadline by a time that counts for nobody."""
        with self._lock:
            for lease in self._leases.values():
                lease.deadline += seconds

    def stop_expiring(self) -> None:
        """Let no lease expire from now on, but those whose worker never learned of it."""
        with self._lock:
            self._is_stopping = True

    def expire_unacknowledged(self, lease: Lease) -> bool:
        """Let a lease whose worker never learned of it expire now; return whether it does.

        A lease that was ended, or whose worker has called about the job since, stays as it is.
        """
        with self._lock:
            if self._leases.get(lease.job_id) is not lease or lease.used:
                return False
            lease.deadline, lease.is_unacknowledged = self._clock(), True
            return True

    def unused_of(self, worker_id: str) -> UUID | None:
        """Return the job that the worker was given but has not called about, if its lease has not expired."""
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

    def lease_of(self, job_id: UUID) -> Lease | None:
        """Return the job's lease, expired or not."""
        with self._lock:
            return self._leases.get(job_id)

    def expired(self) -> list[UUID]:
        """Return the jobs whose lease has expired."""
        with self._lock:
            return [lease.job_id for lease in self._leases.values() if self._has_expired(lease)]

    def take_expired(self, job_id: UUID) -> Lease | None:
        """Remove the job's lease if it has expired, so that it cannot be renewed meanwhile; `restore` undoes it."""
        with self._lock:
            lease = self._leases.get(job_id)
            return self._leases.pop(job_id) if lease and self._has_expired(lease) else None

    def restore(self, lease: Lease) -> None:
        """Undo `take_expired`."""
        with self._lock:
            self._leases[lease.job_id] = lease

    def end(self, job_id: UUID) -> None:
        """End the job's lease and remember its holder."""
        with self._lock:
            self._remember(self._leases.pop(job_id, None), has_expired=False)

    def count_loss(self, lease: Lease) -> None:
        """Count one more worker lost on the job, and remember the one whose lease was taken."""
        with self._lock:
            self._losses[lease.job_id] = self._losses.get(lease.job_id, 0) + 1
            self._remember(lease, has_expired=True)

    def remember_pending(self, job_ids: Sequence[UUID]) -> None:
        """Remember after a restart that these jobs, oldest first, each had a worker, whose lease may have expired."""
        with self._lock:
            for job_id in reversed(job_ids[: int(self._endings.maxsize)]):
                self._endings[job_id] = Ending(None, has_expired=True)

    def ending(self, job_id: UUID) -> Ending | None:
        """Return how the job's last lease ended, where no one holds it now and it is remembered."""
        with self._lock:
            return self._endings.get(job_id)

    def take_loss_back(self, job_id: UUID) -> None:
        """Count one worker lost on the job less: it has come back. None is counted of those before a restart."""
        with self._lock:
            self._losses[job_id] = max(self._losses.get(job_id, 0) - 1, 0)

    def losses(self, job_id: UUID) -> int:
        """Return how many workers were lost on the job."""
        with self._lock:
            return self._losses.get(job_id, 0)

    def forget_losses(self, job_id: UUID) -> None:
        """Forget the lost workers of a job that has reached a final state."""
        with self._lock:
            self._losses.pop(job_id, None)

    def _has_expired(self, lease: Lease) -> bool:
        return lease.deadline <= self._clock() and (lease.is_unacknowledged or not self._is_stopping)

    def _used(self, job_id: UUID, worker_id: str) -> Lease | None:
        lease = self._leases.get(job_id)
        if lease is None or lease.worker_id not in (worker_id, None):
            return None
        if lease.is_unacknowledged:  # its worker learned of it after all
            lease.deadline, lease.is_unacknowledged = self._clock() + self.lease_seconds, False
        lease.worker_id, lease.used = worker_id, True
        return lease

    def _remember(self, lease: Lease | None, *, has_expired: bool) -> None:
        if lease and (lease.worker_id is not None or has_expired):
            self._endings[lease.job_id] = Ending(lease.worker_id, has_expired)


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
