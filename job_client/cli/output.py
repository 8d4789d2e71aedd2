"""What the command prints: tables on a terminal, JSON lines for programs, messages on standard error."""

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from job_client.job import JobInfo
from shared.contract.job_status import JobStatus
from shared.process.shown_text import terminal_text

console = Console()
messages = Console(stderr=True)

STATUS_STYLES = {
    JobStatus.pending: "yellow",
    JobStatus.running: "cyan",
    JobStatus.completed: "green",
    JobStatus.failed: "red",
}


def markup_of(text: object) -> str:
    """Return text from elsewhere as Rich's markup that shows it as it is, without harm to the terminal."""
    return escape(terminal_text(text))


def wants_tables(*, as_json: bool) -> bool:
    """Return whether to print tables: on a terminal, unless JSON was requested."""
    return sys.stdout.isatty() and not as_json


def print_records(records: Iterable[dict[str, Any]]) -> None:
    """Print one JSON object a line, each as soon as it is known."""
    for record in records:
        print(terminal_text(json.dumps(record, ensure_ascii=False)), flush=True)  # noqa: T201 (for programs)


def print_error(message: object) -> None:
    """Print on standard error what went wrong."""
    print(terminal_text(f"foregsyte: {message}"), file=sys.stderr)  # noqa: T201 (nothing in it is markup)


def print_message(message: object) -> None:
    """Print on standard error what was done."""
    messages.print(terminal_text(message), markup=False, highlight=False)


def job_record(job: JobInfo) -> dict[str, Any]:
    """Return the job for JSON, times in ISO 8601."""
    times = {"created_at": job.created_at.isoformat(), "updated_at": job.updated_at.isoformat()}
    return asdict(job) | times


def jobs_table(jobs: Iterable[JobInfo]) -> Table:
    """Return the status of the jobs, one row each."""
    table = Table("job", "status", "pipeline", "created", "took", "error")
    for job in jobs:
        table.add_row(
            markup_of(job.job_id),
            f"[{STATUS_STYLES[job.status]}]{job.status}",
            markup_of(job.pipeline_id),
            f"{job.created_at.astimezone():%Y-%m-%d %H:%M:%S}",
            _took(job),
            markup_of(job.error_message),
        )
    return table


def _took(job: JobInfo) -> str:
    return f"{(job.updated_at - job.created_at).total_seconds():.1f} s" if job.status.is_final else ""
