"""What the service needs of a queue."""

from abc import ABC, abstractmethod
from uuid import UUID

__all__ = ["QueueService", "checked_payload"]


def checked_payload(job_id: str) -> str:
    """Returns the payload if it is a UUID in its canonical form.

    Raises:
        ValueError: It is anything else.
    """
    if not isinstance(job_id, str) or str(UUID(job_id)) != job_id:
        raise ValueError(f"not a job id: {job_id!r}")
    return job_id


class QueueService(ABC):
    """Job ids, first in, first out. The queue is a hint: a stale or doubled id in it does no harm."""

    @abstractmethod
    def enqueue(self, job_id: str) -> None:
        """Adds a job's id at the end.

        Raises:
            ValueError: The payload is not a UUID string.
        """

    @abstractmethod
    def dequeue(self) -> str | None:
        """Removes and returns the first id, or None at once where there is none."""

    @abstractmethod
    def size(self) -> int:
        """Returns how many ids wait."""

    def close(self) -> None:  # noqa: B027 (most adapters hold nothing)
        """Lets go of what the adapter holds, once, at the end of the process; it is not called in a crash."""
