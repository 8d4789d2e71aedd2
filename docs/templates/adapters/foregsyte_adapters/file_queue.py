"""A queue in a file, for sites with more waiting jobs than should be kept in memory."""

import threading
from pathlib import Path

from job_api.queue.base import QueueService, checked_payload

ID_BYTES = 36


class FileQueue(QueueService):
    """Keeps the ids one after the other in a file, which is truncated when the last id is taken.

    It starts empty: at its start the server enqueues every pending job.

    Args:
        path: The file; its folder is created.
    """

    def __init__(self, path: str) -> None:
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file.open("w+b")
        self._lock = threading.Lock()
        self._first = 0
        self._end = 0

    def enqueue(self, job_id: str) -> None:
        """Add the id at the end."""
        payload = checked_payload(job_id).encode()
        with self._lock:
            self._file.seek(self._end * ID_BYTES)
            self._file.write(payload)
            self._end += 1

    def dequeue(self) -> str | None:
        """Remove and return the first id, or return None where there is none."""
        with self._lock:
            if self._first == self._end:
                return None
            self._file.seek(self._first * ID_BYTES)
            job_id = self._file.read(ID_BYTES).decode()
            self._first += 1
            if self._first == self._end:
                self._file.truncate(0)
                self._first = self._end = 0
            return job_id

    def size(self) -> int:
        """Return how many ids wait."""
        with self._lock:
            return self._end - self._first

    def close(self) -> None:
        """Close the file."""
        self._file.close()
