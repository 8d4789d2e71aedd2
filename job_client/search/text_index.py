"""The lines of text and the codes of finished jobs, read once from the server."""

import contextlib
from collections.abc import Collection, Iterable
from pathlib import Path
from urllib.parse import quote, unquote

import msgspec
from platformdirs import user_cache_path

from job_client.files import written_whole
from job_client.search.servers import folder_of_user, name_of_server
from job_client.timeline import CodeSpan, TextSpan

VERSION = 11
"""Of the files; a change of what the timeline makes of results needs another one, so that they are made again."""


class IndexedLine(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A line of text or a code of a job; the fields are those of `TextSpan` and `CodeSpan`.

    A line of text has no format.
    """

    text: str
    first_frame: int
    last_frame: int
    start_ms: float
    end_ms: float
    best_frame: int
    confidence: float
    format: str | None = None


class _IndexedJob(msgspec.Struct, frozen=True):
    version: int
    lines: list[IndexedLine]


class TextIndex:
    """The text and the codes of the finished jobs of one server: a file for each job.

    Args:
        address: The server, host:port.
        folder: Where indexes are kept; None for the user's cache folder, by the convention of the platform; for a
            user without a home nothing is kept.
    """

    def __init__(self, address: str, folder: Path | None = None) -> None:
        folder = folder or folder_of_user(user_cache_path) / "text"
        self._folder = folder / name_of_server(address)

    def add(self, job_id: str, spans: Iterable[TextSpan | CodeSpan]) -> list[IndexedLine]:
        """Take in what a job has, and return its lines; where the index cannot be written they are not kept."""
        lines = [
            IndexedLine(
                span.text, span.first_frame, span.last_frame, span.start_ms, span.end_ms, span.best_frame,
                span.confidence, span.format if isinstance(span, CodeSpan) else None,
            )
            for span in sorted(spans, key=lambda span: span.first_frame)
        ]  # fmt: skip
        with contextlib.suppress(OSError):
            self._folder.mkdir(parents=True, exist_ok=True)
            with written_whole(self._path_of(job_id)) as temporary:
                temporary.write_bytes(msgspec.json.encode(_IndexedJob(VERSION, lines)))
        return lines

    def lines_of(self, job_id: str) -> list[IndexedLine] | None:
        """Return the lines of a job in the order of their starts; None if the index does not hold it."""
        try:
            job = msgspec.json.decode(self._path_of(job_id).read_bytes(), type=_IndexedJob)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return job.lines if job.version == VERSION else None

    def jobs(self) -> set[str]:
        """Return the jobs whose text it holds."""
        return {unquote(path.stem) for path in self._folder.glob("[!.]*.json")}

    def forget(self, job_ids: Collection[str]) -> None:
        """Remove the text of jobs.

        Raises:
            OSError: The index cannot be written.
        """
        for job_id in job_ids:
            self._path_of(job_id).unlink(missing_ok=True)

    def _path_of(self, job_id: str) -> Path:
        return self._folder / f"{quote(job_id, safe='')}.json"
