"""Results that arrive in chunks, until their job ends."""

import logging
import shutil
from pathlib import Path
from uuid import UUID

from job_api.storage.base import StorageFull
from job_api.storage.local_storage import full_disk_errors_translated
from shared.process.clock import Clock, monotonic_clock

logger = logging.getLogger(__name__)


class ResultsStaging:
    """A folder with one file for each job whose results arrive. Nothing in it survives a restart.

    The caller of every method but `clear` and `unchanged_for` holds the job's lock.

    Args:
        folder: The folder.
        min_free_bytes: What must stay free on its disk.
        clock: Returns the time in seconds.
    """

    def __init__(self, folder: Path, min_free_bytes: int = 0, clock: Clock = monotonic_clock) -> None:
        self._folder = folder
        self._min_free_bytes = min_free_bytes
        self._clock = clock
        self._changed_at: dict[UUID, float] = {}

    def clear(self) -> None:
        """Make the folder, and delete what an earlier run left in it.

        Raises:
            OSError: It cannot be made.
        """
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True, exist_ok=True)

    def path(self, job_id: UUID) -> Path:
        """Return the file of the job's results, which exists once something was written."""
        return self._folder / f"{job_id}.json"

    def size_bytes(self, job_id: UUID) -> int:
        """Return how many bytes there are, from the beginning and without a gap."""
        path = self.path(job_id)
        return path.stat().st_size if path.exists() else 0

    def unchanged_for(self, seconds: float) -> list[UUID]:
        """Return the jobs of whose results nothing was written for so long."""
        until = self._clock() - seconds
        return [job_id for job_id, changed_at in tuple(self._changed_at.items()) if changed_at <= until]

    def write(self, job_id: UUID, offset: int, data: bytes) -> int:
        """Write a chunk over what is there, and behind it; return the size then.

        Args:
            job_id: The job.
            offset: Where the chunk begins, at most the size.
            data: The chunk.

        Raises:
            StorageFull: Too little space is left; what was there is still there.
        """
        self._folder.mkdir(parents=True, exist_ok=True)  # should somebody delete it
        path, size_bytes = self.path(job_id), self.size_bytes(job_id)
        grows_by = offset + len(data) - size_bytes
        if grows_by > 0 and shutil.disk_usage(self._folder).free - grows_by < self._min_free_bytes:
            raise StorageFull("too little space is left")
        self._changed_at[job_id] = self._clock()
        with full_disk_errors_translated(), path.open("r+b" if size_bytes else "w+b") as file:
            file.seek(offset)
            file.write(data)
        return self.size_bytes(job_id)

    def drop(self, job_id: UUID) -> None:
        """Delete the job's results, if there are any; what cannot be deleted does no harm, for a digest tells it."""
        self._changed_at.pop(job_id, None)
        try:
            self.path(job_id).unlink(missing_ok=True)
        except OSError:
            logger.exception("staged results not deleted", extra={"job_id": str(job_id)})
