"""From which file each job was submitted."""

import contextlib
import json
from collections.abc import Collection
from pathlib import Path

from filelock import FileLock
from platformdirs import user_state_path

from job_client.files import written_whole
from job_client.search.servers import folder_of_user, name_of_server

LOCK_SECONDS = 5.0
"""Another process has the history for milliseconds; where one hangs, the history is done without."""
LOCK_POLL_SECONDS = 0.01


class History:
    """The files that this user submitted to one server, by job: a line of JSON each.

    Args:
        address: The server, host:port.
        folder: Where histories are kept; None for the user's folder for state, by the convention of the platform; a
            user without a home has no history.
    """

    def __init__(self, address: str, folder: Path | None = None) -> None:
        folder = folder or folder_of_user(user_state_path) / "history"
        self._path = folder / f"{name_of_server(address)}.jsonl"
        self._lock = FileLock(self._path.with_suffix(".lock"), LOCK_SECONDS, poll_interval=LOCK_POLL_SECONDS)

    def add(self, job_id: str, video: Path) -> None:
        """Note from which file a job was submitted.

        Raises:
            OSError: The history cannot be written, or another process does not let go of it.
        """
        line = json.dumps({"job_id": job_id, "file": str(video.absolute())})
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._lock, self._path.open("ab") as file:
            file.write(f"\n{line}\n".encode())  # a line that was cut off must not take it along

    def files(self) -> dict[str, Path]:
        """Return the file of each job, in the order in which they were submitted; none where they cannot be read."""
        with contextlib.suppress(OSError):
            return dict(entry for line in self._lines() if (entry := _entry(line)))
        return {}

    def forget(self, job_ids: Collection[str]) -> None:
        """Forget jobs, and keep all else as it is.

        Raises:
            OSError: The history cannot be read or written, or another process does not let go of it.
        """
        if not job_ids:
            return
        with self._lock:
            lines = self._lines()
            kept = [line for line in lines if not ((entry := _entry(line)) and entry[0] in job_ids)]
            if not kept:
                self._path.unlink(missing_ok=True)
            elif kept != lines:
                with written_whole(self._path) as temporary:
                    temporary.write_bytes(b"\n".join([*kept, b""]))

    def _lines(self) -> list[bytes]:
        with contextlib.suppress(FileNotFoundError):
            return [line for line in self._path.read_bytes().splitlines() if line]
        return []


def _entry(line: bytes) -> tuple[str, Path] | None:
    try:
        entry = json.loads(line)
        return str(entry["job_id"]), Path(entry["file"])
    except (ValueError, KeyError, TypeError):
        return None  # cut off by a full disk, or edited
