"""What the command prints: tables for people on a terminal, JSON lines for programs, messages on standard error."""

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from job_client.job import JobInfo
from job_client.summary import Sighting
from shared.contract.job_status import JobStatus

__all__ = [
    "STATUS_STYLES",
    "complain",
    "console",
    "for_people",
    "job_record",
    "jobs_table",
    "messages",
    "print_records",
    "sightings_table",
]

console = Console()
messages = Console(stderr=True)

ROWS_SHOWN = 15

STATUS_STYLES = {
    JobStatus.pending: "yellow",
    JobStatus.running: "cyan",
    JobStatus.completed: "green",
    JobStatus.failed: "red",
}


def for_people(*, as_json: bool) -> bool:
    """Whether to print for people: on a terminal, unless JSON was asked for."""
    return sys.stdout.isatty() and not as_json


def print_records(records: Iterable[dict[str, Any]]) -> None:
    """Prints one JSON object a line, each as soon as it is known."""
    for record in records:
        print(json.dumps(record, ensure_ascii=False), flush=True)  # noqa: T201 (for programs)


def complain(message: object) -> None:
    """Prints why something did not work."""
    print(f"foregsyte: {message}", file=sys.stderr)  # noqa: T201 (nothing in it is markup)


def job_record(job: JobInfo) -> dict[str, Any]:
    """Returns the job for JSON, times in ISO 8601."""
    times = {"created_at": job.created_at.isoformat(), "updated_at": job.updated_at.isoformat()}
    return asdict(job) | times


def jobs_table(jobs: Iterable[JobInfo]) -> Table:
    """Returns where the jobs stand, one row each."""
    table = Table("job", "status", "pipeline", "created", "took", "error")
    for job in jobs:
        table.add_row(
            job.job_id,
            f"[{STATUS_STYLES[job.status]}]{job.status}",
            escape(job.pipeline_id),
            f"{job.created_at.astimezone():%Y-%m-%d %H:%M:%S}",
            _took(job),
            escape(job.error_message),
        )
    return table


def _took(job: JobInfo) -> str:
    return f"{(job.updated_at - job.created_at).total_seconds():.1f} s" if job.status.is_final else ""


def sightings_table(title: str, sightings: Sequence[Sighting]) -> Table:
    """Returns the most frequent labels or lines of text, one row each."""
    table = Table("what", "frames", "first", "last", "best confidence", title=title)
    for sighting in sightings[:ROWS_SHOWN]:
        numbers = (str(sighting.frames), str(sighting.first_frame), str(sighting.last_frame))
        table.add_row(escape(sighting.name), *numbers, f"{sighting.best_confidence:.2f}")
    if len(sightings) > ROWS_SHOWN:
        table.caption = f"and {len(sightings) - ROWS_SHOWN} more"
    return table
