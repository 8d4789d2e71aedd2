"""Who holds which job until when. In memory only: after a restart every running job starts a fresh lease."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from shared.process.clock import Clock

__all__ = ["JobLocks", "Lease", "LeaseTable"]

REMEMBERED_ENDINGS = 10_000
"""How many ended leases are remembered, so that a worker whose answer was lost can repeat its last call."""


@dataclass(slots=True, eq=False)
class Lease:
    """One worker's hold on one job.

    Attributes:
        job_id: The job.
        worker_id: The holder; None after a restart, until the first worker to use the job says who holds it.
        deadline: When it ends, in the clock's seconds.
        used: Whether the worker has called about the job, so has certainly heard that it holds it.
        is_unheard: Whether it ended because the worker was never told of it.
    """

    job_id: UUID
    worker_id: str | None
    deadline: float
    used: bool = False
    is_unheard: bool = False


class LeaseTable:
    """The leases, at most one a job. A lease has ended when the clock reaches its deadline.

    Not one of its methods changes a row: callers hold the job's lock and move row and lease together.
    """

    def __init__(self, lease_seconds: float, clock: Clock) -> None:
        self.lease_seconds = lease_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._leases: dict[UUID, Lease] = {}
        self._losses: dict[UUID, int] = {}
        self._last_holders: OrderedDict[UUID, str] = OrderedDict()

    def grant(self, job_id: UUID, worker_id: str | None) -> Lease:
        """Starts a lease; `worker_id` None leaves it to the first worker that uses the job."""
        lease = Lease(job_id, worker_id, self._clock() + self.lease_seconds)
        with self._lock:
            self._leases[job_id] = lease
            self._last_holders.pop(job_id, None)
        return lease

    def use(self, job_id: UUID, worker_id: str) -> Lease | None:
        """Returns the worker's live lease on the job and marks it used, or None where it has none."""
        with self._lock:
            lease = self._leases.get(job_id)
            if lease is None or lease.deadline <= self._clock() or lease.worker_id not in (worker_id, None):
                return None
            lease.worker_id, lease.used = worker_id, True
            return lease

    def renew(self, lease: Lease) -> None:
        """Starts the lease's time anew."""
        lease.deadline = self._clock() + self.lease_seconds

    def lapse(self, lease: Lease) -> bool:
        """Ends the lease's time now, since its worker was not told of it; returns whether it did.

        One that no longer stands, or whose worker has called about the job after all, is left as it is.
        """
        with self._lock:
            if self._leases.get(lease.job_id) is not lease or lease.used:
                return False
            lease.deadline, lease.is_unheard = self._clock(), True
            return True

    def unused_of(self, worker_id: str) -> UUID | None:
        """Returns the job that the worker was given but has not called about, if its lease lives."""
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
        """Whether this very lease still stands, not another of the same job."""
        with self._lock:
            return self._leases.get(lease.job_id) is lease

    def expired(self) -> list[UUID]:
        """Returns the jobs whose lease has ended."""
        with self._lock:
            now = self._clock()
            return [lease.job_id for lease in self._leases.values() if lease.deadline <= now]

    def expired_of(self, job_id: UUID) -> Lease | None:
        """Returns the job's lease if it has ended."""
        with self._lock:
            lease = self._leases.get(job_id)
            return lease if lease and lease.deadline <= self._clock() else None

    def end(self, job_id: UUID) -> None:
        """Ends the job's lease and remembers who held it."""
        with self._lock:
            lease = self._leases.pop(job_id, None)
            if lease is None or lease.worker_id is None:
                return
            self._last_holders[job_id] = lease.worker_id
            if len(self._last_holders) > REMEMBERED_ENDINGS:
                self._last_holders.popitem(last=False)

    def last_holder(self, job_id: UUID) -> str | None:
        """Returns who held the job last, where no one holds it now and it is remembered."""
        with self._lock:
            return self._last_holders.get(job_id)

    def losses(self, job_id: UUID) -> int:
        """Returns how many workers were lost on the job."""
        with self._lock:
            return self._losses.get(job_id, 0)

    def count_loss(self, job_id: UUID) -> int:
        """Counts one more lost worker for the job and returns how many there were."""
        with self._lock:
            self._losses[job_id] = self._losses.get(job_id, 0) + 1
            return self._losses[job_id]

    def forget_losses(self, job_id: UUID) -> None:
        """Forgets the lost workers of a job that has reached a final state."""
        with self._lock:
            self._losses.pop(job_id, None)


class JobLocks:
    """One lock a job, made when it is first wanted and dropped when it is last let go."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: dict[UUID, tuple[threading.Lock, int]] = {}

    @contextmanager
    def hold(self, job_id: UUID) -> Iterator[None]:
        """Holds the job's lock, waiting for it."""
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
        """Whether somebody holds the job's lock or waits for it."""
        with self._lock:
            return job_id in self._held
