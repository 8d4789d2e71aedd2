"""The queue that the service needs, as a port."""

from abc import ABC, abstractmethod
from uuid import UUID


def checked_payload(job_id: str) -> str:
    """Return the payload if it is a UUID in its canonical form.

    Raises:
        ValueError: It is anything else.
    """
    if not isinstance(job_id, str) or str(UUID(job_id)) != job_id:
        raise ValueError(f"not a job id: {job_id!r}")
    return job_id


class QueueService(ABC):
    """Job ids, first in, first out. The queue is a hint: a stale or doubled id in it does no harm.

    It is called from any number of threads at a time. Every call must return or raise within a few seconds: no lease
    expires while one hangs.
    """

    @abstractmethod
    def enqueue(self, job_id: str) -> None:
        """Add a job's id at the end.

        Raises:
            ValueError: The payload is not a UUID string.
        """

    @abstractmethod
    def dequeue(self) -> str | None:
        """Remove and return the first id, or return None at once where there is none.

        Where it raises, it must have removed none: that job would wait until the server starts again.
        """

    @abstractmethod
    def size(self) -> int:
        """Return how many ids wait."""

    def close(self) -> None:  # noqa: B027 (most adapters hold nothing)
        """Release the adapter's resources; called once at the end of the process, but not in a crash."""
