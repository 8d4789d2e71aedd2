"""The subcommand `delete`: jobs by their ids, or all that ended long ago."""

import contextlib
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated

import typer

from job_client.cli.naming import job_named
from job_client.cli.options import AddressOption, JsonOption, MaybeJobIdsArgument, TimeoutOption, TlsOption
from job_client.cli.outcome import Outcome
from job_client.cli.output import (
    console,
    jobs_table,
    markup_of,
    messages,
    print_jobs,
    print_message,
    print_records,
    wants_tables,
)
from job_client.client import JobClient
from job_client.errors import JobNotFound
from job_client.job import Job, JobInfo
from job_client.search import History, TextIndex
from shared.contract.endpoint import DEFAULT_ADDRESS
from shared.contract.job_status import JobStatus

MIN_ID_LENGTH = 8
"""Of the beginning of an id: one that is mistyped must not be that of another job, which cannot be restored."""
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def age(text: str) -> timedelta:
    """Return a length of time such as `30d`.

    Raises:
        typer.BadParameter: The text has another form.
    """
    found = re.fullmatch(r"(\d{1,6})([smhdw])", text, re.ASCII)
    if not found:
        raise typer.BadParameter(f"{text!r} is no number with one of the units {', '.join(_UNITS)}, such as 30d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def delete(
    job_ids: MaybeJobIdsArgument = None,
    older_than: Annotated[
        timedelta | None,
        typer.Option(
            metavar="AGE",
            parser=age,
            help="All jobs that ended so long before the last change of any job: 12h, 30d, 8w.",
            show_default=False,
        ),
    ] = None,
    status: Annotated[JobStatus | None, typer.Option(help="All jobs of this status: completed or failed.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the jobs, and delete none.")] = False,  # noqa: FBT002
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before all such jobs are deleted.")] = False,  # noqa: FBT002
    as_json: JsonOption = False,  # noqa: FBT002
    address: AddressOption = DEFAULT_ADDRESS,
    tls_ca_file: TlsOption = None,
    timeout: TimeoutOption = None,
) -> None:
    """Delete finished jobs, their videos and their results: those named, or all of an age or status.

    For example:

        foregsyte delete JOB_ID

        foregsyte delete --older-than 30d --status completed --dry-run

        foregsyte list --status failed | jq -r .job_id | xargs -r foregsyte delete
    """
    if bool(job_ids) == (older_than is not None or status is not None):
        raise typer.BadParameter("name either jobs, or which ones by --older-than and --status")
    if status and not status.is_final:
        raise typer.BadParameter(f"a job that is {status} cannot be deleted", param_hint="--status")
    outcome = Outcome()
    with JobClient(address, tls_ca_file, timeout) as client:
        ended = [] if job_ids else _ended(list(client.jobs()), status, older_than)
        named = partial(job_named, client, min_length=MIN_ID_LENGTH)
        found = outcome.each(named, job_ids or [info.job_id for info in ended])
        jobs = list({job.job_id: job for job in found}.values())  # one that is named twice is one
        if dry_run:
            shown = ended or list(outcome.each(Job.status, jobs))
            print_jobs(shown, address, as_json=as_json)
            print_message(f"{_number_of([info for info in shown if info.status.is_final])} would be deleted")
        elif job_ids or yes or _is_wanted(ended, address):
            _delete(jobs, address, outcome, as_json=as_json)
    raise outcome.exit()


def _ended(jobs: Sequence[JobInfo], status: JobStatus | None, age: timedelta | None) -> list[JobInfo]:
    """Return the jobs of a status that have ended, and so long ago.

    The server does not say what time it is, and the clock of this host may be wrong. So ages are counted to the last
    change of any job, by the server's clock: no job seems older than it is.
    """
    ended = [job for job in jobs if job.status.is_final and status in (None, job.status)]
    if age is None:
        return ended
    here = datetime.now(UTC)
    now = min(here, max((job.updated_at for job in jobs), default=here))
    return [job for job in ended if now - job.updated_at >= age]


def _is_wanted(jobs: Sequence[JobInfo], address: str) -> bool:
    """Show the jobs, and ask whether they are to be deleted.

    Raises:
        typer.BadParameter: There is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise typer.BadParameter("nobody can be asked here: --yes deletes without a question, --dry-run shows the jobs")
    if not jobs:
        print_message("There is no such job")
        return False
    messages.print(jobs_table(jobs, History(address).files()))
    return typer.confirm(f"Delete {_number_of(jobs)} with videos and results?", err=True)


def _number_of(jobs: Sequence[Job | JobInfo]) -> str:
    return "1 job" if len(jobs) == 1 else f"{len(jobs)} jobs"


def _delete(jobs: Iterable[Job], address: str, outcome: Outcome, *, as_json: bool) -> None:
    """Delete the jobs, and forget at the end, however it comes, what this host knows of those that are deleted."""
    deleted = []
    try:
        for job in jobs:
            with outcome.of():
                try:
                    job.delete()
                except JobNotFound:  # also where the answer to a first try was lost
                    deleted.append(job.job_id)
                    raise
                deleted.append(job.job_id)
                _print_deleted(job, as_json=as_json)
    finally:
        for known in (History(address), TextIndex(address)):
            with contextlib.suppress(OSError):  # the next `find` forgets their text too
                known.forget(deleted)


def _print_deleted(job: Job, *, as_json: bool) -> None:
    if wants_tables(as_json=as_json):
        console.print(f"Deleted job {markup_of(job)}", highlight=False)
    else:
        print_records([{"job_id": job.job_id, "deleted": True}])
