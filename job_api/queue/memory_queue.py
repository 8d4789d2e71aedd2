"""The queue in the API's memory."""

import queue

from job_api.queue.base import QueueService, checked_payload

__all__ = ["MemoryQueue"]


class MemoryQueue(QueueService):
    """Keeps the ids in a `queue.Queue`; what it held is found again in the database after a restart."""

    def __init__(self) -> None:
        self._ids: queue.Queue[str] = queue.Queue()

    def enqueue(self, job_id: str) -> None:
        """Adds the id at the end; see the port."""
        self._ids.put(checked_payload(job_id))

    def dequeue(self) -> str | None:
        """Removes and returns the first id; see the port."""
        try:
            return self._ids.get_nowait()
        except queue.Empty:
            return None

    def size(self) -> int:
        """Returns how many ids wait; see the port."""
        return self._ids.qsize()
