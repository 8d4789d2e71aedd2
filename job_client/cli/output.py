"""What the command prints: tables on a terminal, JSON lines for programs, messages on standard error."""

import errno
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from job_client.errors import Unreachable
from job_client.job import JobInfo
from job_client.search import History
from shared.contract.job_status import JobStatus
from shared.process.escaping import terminal_text

console = Console(emoji=False)
messages = Console(stderr=True, emoji=False)

WIDE = 120
"""From so many characters on a terminal has room for the whole tables."""

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


def says_nobody_reads(error: BaseException | None) -> bool:
    """Return whether the error stands for an output whose reader wants no more: on Windows that is an EINVAL."""
    if sys.platform == "win32" and isinstance(error, OSError) and error.errno == errno.EINVAL:
        return error.filename is None
    return isinstance(error, BrokenPipeError)


def print_error(message: object) -> None:
    """Print on standard error what went wrong."""
    print(terminal_text(f"foregsyte: {message}"), file=sys.stderr)  # noqa: T201 (nothing in it is markup)


def outage_lines(error: Unreachable, what: str) -> list[str]:
    """Return in plain words that a server is not reached, and what gRPC says of it where that says more.

    Args:
        error: What a call raised.
        what: That this server does not answer.
    """
    plain = f"{what}; foregsyte-api starts one, and --address or FOREGSYTE_ADDRESS names another"
    return [plain] if "Connection refused" in error.message else [plain, str(error)]


def print_message(message: object) -> None:
    """Print on standard error what was done."""
    messages.print(terminal_text(message), markup=False, highlight=False, soft_wrap=True)


def print_jobs(jobs: Iterable[JobInfo], address: str, *, as_json: bool) -> None:
    """Print the status of a server's jobs, each with the file that this user submitted."""
    files = History(address).files()
    if wants_tables(as_json=as_json):
        console.print(jobs_table(jobs, files))
    else:
        print_records(job_record(job, files.get(job.job_id)) for job in jobs)


def job_record(job: JobInfo, video: Path | None) -> dict[str, Any]:
    """Return the job for JSON, times in ISO 8601."""
    times = {"created_at": job.created_at.isoformat(), "updated_at": job.updated_at.isoformat()}
    return {"file": str(video or "")} | asdict(job) | times


def jobs_table(jobs: Iterable[JobInfo], files: Mapping[str, Path]) -> Table:
    """Return the status of the jobs, one row each."""
    rows = ((job, files[job.job_id].name if job.job_id in files else "") for job in jobs)
    return _narrow_jobs_table(rows) if is_narrow() else _wide_jobs_table(rows)


def _wide_jobs_table(jobs: Iterable[tuple[JobInfo, str]]) -> Table:
    fixed = [whole("status"), folded("pipeline"), whole("created"), whole("took")]
    table = Table(whole("job"), folded("video"), *fixed, folded("error"))
    for job, name in jobs:
        created = f"{job.created_at.astimezone():%Y-%m-%d %H:%M:%S}"
        cells = (_status(job), markup_of(job.pipeline_id), created, _took(job), markup_of(job.error_message))
        table.add_row(markup_of(job.job_id), markup_of(name), *cells)
    return table


def _narrow_jobs_table(jobs: Iterable[tuple[JobInfo, str]]) -> Table:
    table = narrow_table()
    for job, name in jobs:
        first = f"{_status(job)}  {job.created_at.astimezone():%m-%d %H:%M}  {markup_of(job.pipeline_id)}"
        table.add_row(cell_lines(first, *map(markup_of, (name, job.job_id, job.error_message))))
    return table


def is_narrow() -> bool:
    """Return whether the terminal has no room for an id, which is shown whole, to be copied, beside all the rest."""
    return console.width < WIDE


def narrow_table(title: str | None = None) -> Table:
    """Return a table of one column, for rows of several lines; an id is whole in it from 40 characters on."""
    return Table(Column(overflow="fold"), title=title, show_header=False, show_lines=True)


def cell_lines(*markup: str) -> str:
    """Return the lines of a cell, without those that are empty."""
    return "\n".join(filter(None, markup))


def folded(name: str) -> Column:
    """Return a column whose words are continued on the next line where they have no room."""
    return Column(name, overflow="fold")


def whole(name: str) -> Column:
    """Return a column of short words, for which the others make room."""
    return Column(name, no_wrap=True)


def _status(job: JobInfo) -> str:
    return f"[{STATUS_STYLES[job.status]}]{job.status}[/]"


def _took(job: JobInfo) -> str:
    return f"{(job.updated_at - job.created_at).total_seconds():.1f} s" if job.status.is_final else ""
