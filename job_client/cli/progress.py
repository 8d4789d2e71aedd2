"""Bars on standard error: how much of a file is read, that it is being sent, and how long a job is waited for."""

from collections.abc import Callable
from pathlib import Path

from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from job_client.cli.output import STATUS_STYLES, messages
from job_client.client import JobClient
from job_client.job import Job, JobInfo

__all__ = ["counting_bar", "upload", "wait_for"]

CHUNK_BYTES = 4 << 20


def upload(client: JobClient, video: Path, pipeline_id: str) -> Job:
    """Submits a file behind a bar.

    The bar counts the bytes read. An upload is one call, which does not tell how much of it has arrived: while it is
    under way the bar only moves, and says for how long.
    """
    with _progress(DownloadColumn()) as progress:
        task = progress.add_task(f"reading {escape(video.name)}", total=video.stat().st_size)
        content = _read(video, lambda count: progress.update(task, advance=count))
        progress.update(task, description=f"sending {escape(video.name)}", total=None)
        job = client.submit(content, pipeline_id)
        progress.update(task, description=f"sent {escape(video.name)}", total=len(content), completed=len(content))
    return job


def wait_for(job: Job, name: str, timeout: float | None) -> JobInfo:
    """Waits for the job's end behind a line that says where it stands, and since when it is waited for."""
    with _progress() as progress:
        task = progress.add_task(escape(name), total=1.0)

        def show(info: JobInfo) -> None:
            style = STATUS_STYLES[info.status]
            progress.update(task, description=f"{escape(name)} [{style}]{info.status}", completed=info.progress)

        return job.wait(timeout, on_status=show)


def counting_bar(what: str, total: int) -> Progress:
    """Returns a bar that counts to the total, as its only task, number 0."""
    progress = _progress(TextColumn("{task.completed:.0f}/{task.total:.0f}"))
    progress.add_task(what, total=total)
    return progress


def _progress(*columns: DownloadColumn | TextColumn) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        *columns,
        TimeElapsedColumn(),
        console=messages,
        disable=not messages.is_terminal,
    )


def _read(video: Path, advance: Callable[[int], None]) -> bytes:
    pieces: list[bytes] = []
    with video.open("rb") as file:
        while piece := file.read(CHUNK_BYTES):
            pieces.append(piece)
            advance(len(piece))
    return b"".join(pieces)
