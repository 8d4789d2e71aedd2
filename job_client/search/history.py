"""From which file each job was submitted."""

import json
from collections.abc import Collection
from pathlib import Path

from platformdirs import user_state_path

from job_client.files import written_whole
from job_client.search.servers import name_of_server


class History:
    """The files that this user submitted to one server, by job: a line of JSON each.

    Args:
        address: The server, host:port.
        folder: Where histories are kept; None for the user's folder for state, by the convention of the platform.
    """

    def __init__(self, address: str, folder: Path | None = None) -> None:
        folder = folder or user_state_path("foregsyte", appauthor=False) / "history"
        self._path = folder / f"{name_of_server(address)}.jsonl"

    def add(self, job_id: str, video: Path) -> None:
        """Note from which file a job was submitted.

        Raises:
            OSError: The history cannot be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(_line(job_id, str(video.absolute())))

    def files(self) -> dict[str, Path]:
        """Return the file of each job, in the order in which they were submitted."""
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return {}
        return dict(entry for line in lines if (entry := _entry(line)))

    def forget(self, job_ids: Collection[str]) -> None:
        """Forget jobs.

        Raises:
            OSError: The history cannot be written.
        """
        files = self.files()
        if kept := {job_id: path for job_id, path in files.items() if job_id not in job_ids}:
            if kept != files:
                with written_whole(self._path) as temporary:
                    temporary.write_text("".join(_line(job_id, str(path)) for job_id, path in kept.items()), "utf-8")
        else:
            self._path.unlink(missing_ok=True)


def _line(job_id: str, path: str) -> str:
    return "\n" + json.dumps({"job_id": job_id, "file": path}) + "\n"  # a line that was cut off must not take it along


def _entry(line: str) -> tuple[str, Path] | None:
    try:
        entry = json.loads(line)
        return str(entry["job_id"]), Path(entry["file"])
    except (ValueError, KeyError, TypeError):
        return None  # cut off by a full disk, or edited
