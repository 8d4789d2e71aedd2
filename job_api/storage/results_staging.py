"""Results that arrive in chunks, until their job ends."""

import logging
import shutil
from pathlib import Path
from uuid import UUID

from job_api.storage.local_storage import full_disk_as_storage_full

logger = logging.getLogger(__name__)


class ResultsStaging:
    """A folder with one file for each job whose results arrive. Nothing in it survives a restart.

    The caller of every method but `clear` holds the job's lock.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

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

    def write(self, job_id: UUID, offset: int, data: bytes) -> int:
        """Write a chunk over what is there, and behind it; return the size then.

        Args:
            job_id: The job.
            offset: Where the chunk begins, at most the size.
            data: The chunk.

        Raises:
            StorageFull: There is no space left; what was there is still there.
        """
        path = self.path(job_id)
        with full_disk_as_storage_full(), path.open("r+b" if path.exists() else "w+b") as file:
            file.seek(offset)
            file.write(data)
        return self.size_bytes(job_id)

    def drop(self, job_id: UUID) -> None:
        """Delete the job's results, if there are any; what cannot be deleted does no harm, for a digest tells it."""
        try:
            self.path(job_id).unlink(missing_ok=True)
        except OSError:
            logger.exception("staged results not deleted", extra={"job_id": str(job_id)})
