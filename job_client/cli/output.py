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

from job_client.cli.naming import ID_LENGTH
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
    narrow = is_narrow()
    fixed: list[Column | str] = [Column("status", no_wrap=True), "pipeline", Column("created", no_wrap=True)]
    table = Table(*job_columns(), *fixed, *([] if narrow else ["took", "error"]), show_lines=narrow)
    for job in jobs:
        table.add_row(
            *job_cells(job.job_id, files[job.job_id].name if job.job_id in files else "", job.error_message),
            f"[{STATUS_STYLES[job.status]}]{job.status}",
            markup_of(job.pipeline_id),
            f"{job.created_at.astimezone():{'%m-%d %H:%M' if narrow else '%Y-%m-%d %H:%M:%S'}}",
            *([] if narrow else [_took(job), markup_of(job.error_message)]),
        )
    return table


def is_narrow() -> bool:
    """Return whether the terminal has no room for an id, which is shown whole, to be copied, beside all the rest."""
    return console.width < WIDE


def job_columns() -> list[Column]:
    """Return the columns for jobs and their files: on a narrow terminal one, with the file above the id."""
    job = Column("job", no_wrap=not is_narrow(), min_width=ID_LENGTH, overflow="fold")
    return [job] if is_narrow() else [job, Column("video")]


def job_cells(job_id: str, name: str, below: str = "") -> list[str]:
    """Return what stands in `job_columns`, on a narrow terminal with a line below it for what has no column there."""
    if is_narrow():
        return ["\n".join(markup_of(line) for line in (name, job_id, below) if line)]
    return [markup_of(job_id), markup_of(name)]


def _took(job: JobInfo) -> str:
    return f"{(job.updated_at - job.created_at).total_seconds():.1f} s" if job.status.is_final else ""
