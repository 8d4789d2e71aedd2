"""A queue in a file, for a site where so many jobs wait that their ids shall not stay in memory."""

import threading
from pathlib import Path

from job_api.queue.base import QueueService, checked_payload

ID_BYTES = 36


class FileQueue(QueueService):
    """Keeps the ids one behind the other in a file, which is emptied whenever the last of them is taken.

    It begins empty: at its start the server enqueues every job that waits.

    Args:
        path: The file; its folder is made.
    """

    def __init__(self, path: str) -> None:
        file = Path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file.open("w+b")
        self._lock = threading.Lock()
        self._first = 0
        self._end = 0

    def enqueue(self, job_id: str) -> None:
        """Adds the id at the end; see the port."""
        payload = checked_payload(job_id).encode()
        with self._lock:
            self._file.seek(self._end * ID_BYTES)
            self._file.write(payload)
            self._end += 1

    def dequeue(self) -> str | None:
        """Removes and returns the first id; see the port."""
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
        """Returns how many ids wait; see the port."""
        with self._lock:
            return self._end - self._first

    def close(self) -> None:
        """Closes the file; see the port."""
        self._file.close()
