"""The queue in the API's memory."""

import queue

from job_api.queue.base import QueueService, checked_payload


class MemoryQueue(QueueService):
    """Keeps the ids in a `queue.Queue`; after a restart they are read from the database."""

    def __init__(self) -> None:
        self._ids: queue.Queue[str] = queue.Queue()

    def enqueue(self, job_id: str) -> None:
        """Add the id at the end."""
        self._ids.put(checked_payload(job_id))

    def dequeue(self) -> str | None:
        """Remove and return the first id, or return None where there is none."""
        try:
            return self._ids.get_nowait()
        except queue.Empty:
            return None

    def size(self) -> int:
        """Return how many ids wait."""
        return self._ids.qsize()
