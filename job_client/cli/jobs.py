"""Subcommands that handle whole jobs: submit, status, list, delete, pipelines."""

import contextlib
from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from job_client.cli.naming import job_named
from job_client.cli.options import (
    AddressOption,
    CallTimeoutOption,
    JobIdsArgument,
    JsonOption,
    PipelineOption,
    TimeoutOption,
    TlsOption,
)
from job_client.cli.output import (
    console,
    job_record,
    jobs_table,
    markup_of,
    print_error,
    print_message,
    print_records,
    wants_tables,
)
from job_client.cli.progress import upload, wait_for
from job_client.client import DEFAULT_ADDRESS, DEFAULT_PIPELINE, JobClient
from job_client.errors import InvalidRequest
from job_client.job import Job, JobInfo
from job_client.search import History, TextIndex
from shared.contract.job_status import JobStatus
from shared.process.exit_codes import ExitCode
from shared.process.shown_text import terminal_text

JobTimeoutOption = Annotated[float | None, typer.Option(min=0, help="Longest wait for each job, in seconds.")]
RequestIdOption = Annotated[
    str | None, typer.Option(help="Makes a repeat of this command safe: the same job again; for a single file.")
]
VideosArgument = Annotated[list[Path], typer.Argument(exists=True, dir_okay=False, readable=True, help="MP4 files.")]


def submit(
    videos: VideosArgument,
    pipeline: PipelineOption = DEFAULT_PIPELINE,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the jobs have ended.")] = False,  # noqa: FBT002
    timeout: JobTimeoutOption = None,
    request_id: RequestIdOption = None,
    as_json: JsonOption = False,  # noqa: FBT002
    address: AddressOption = DEFAULT_ADDRESS,
    tls_ca_file: TlsOption = None,
    call_timeout: CallTimeoutOption = None,
) -> None:
    """Submit videos and print the job's id of each.

    A file that the server refuses does not keep the others from being submitted.

    For example:

        foregsyte submit video.mp4 --wait

        foregsyte submit *.mp4 --pipeline ocr --json
    """
    if request_id and len(videos) > 1:
        raise typer.BadParameter("stands for one video, and several are given", param_hint="--request-id")
    with JobClient(address, tls_ca_file, call_timeout) as client:
        send = partial(upload, client, pipeline_id=pipeline, request_id=request_id)
        history = History(address)
        jobs = [(video, _submit(send, video, history, as_json=as_json)) for video in videos]
        codes = [ExitCode.OK if job else ExitCode.USAGE for _, job in jobs]
        if wait:
            codes += [_wait(job, video, timeout, as_json=as_json) for video, job in jobs if job]
    raise _exit_with(codes)


def _exit_with(codes: Iterable[ExitCode]) -> typer.Exit:
    """Return the exit with the first code that is not OK, if there is one."""
    return typer.Exit(next((code for code in codes if code), ExitCode.OK))


def _submit(send: Callable[[Path], Job], video: Path, history: History, *, as_json: bool) -> Job | None:
    try:
        job = send(video)
    except (InvalidRequest, OSError) as error:
        print_error(f"{video}: {error}")
        return None
    with contextlib.suppress(OSError):  # a comfort, which a home that cannot be written to does without
        history.add(job.job_id, video)
    if as_json:
        print_records([{"file": str(video), "job_id": job.job_id}])
    else:
        print(terminal_text(job.job_id), flush=True)  # noqa: T201 (for scripts)
    return job


def wait(
    job_ids: JobIdsArgument,
    timeout: JobTimeoutOption = None,
    as_json: JsonOption = False,  # noqa: FBT002
    address: AddressOption = DEFAULT_ADDRESS,
    tls_ca_file: TlsOption = None,
    call_timeout: CallTimeoutOption = None,
) -> None:
    """Wait until jobs have ended; the exit code says whether one failed.

    For example:

        foregsyte wait JOB_ID

        foregsyte submit *.mp4 | xargs foregsyte wait
    """
    files = History(address).files()
    with JobClient(address, tls_ca_file, call_timeout) as client:
        jobs = [job_named(client, job_id) for job_id in job_ids]
        codes = [_wait(job, files.get(job.job_id), timeout, as_json=as_json) for job in jobs]
    raise _exit_with(codes)


def _wait(job: Job, video: Path | None, timeout: float | None, *, as_json: bool) -> ExitCode:
    info = wait_for(job, video.name if video else job.job_id, timeout)
    if as_json:
        print_records([{"file": str(video or "")} | job_record(info)])
    return report_end(info)


def report_end(job: JobInfo) -> ExitCode:
    """Print on standard error how the job ended, and return the exit code that stands for it."""
    if job.status is JobStatus.failed:
        print_error(f"job {job.job_id} failed: {job.error_message}")
        return ExitCode.JOB_FAILED
    took = (job.updated_at - job.created_at).total_seconds()
    print_message(f"Job {job.job_id} {job.status} {took:.1f} s after it was submitted")
    return ExitCode.OK


def status(
    job_ids: JobIdsArgument,
    as_json: JsonOption = False,  # noqa: FBT002
    address: AddressOption = DEFAULT_ADDRESS,
    tls_ca_file: TlsOption = None,
    timeout: TimeoutOption = None,
) -> None:
    """Print the status of jobs.

    For example:

        foregsyte status JOB_ID

        foregsyte status JOB_ID | jq -r .status
    """
    with JobClient(address, tls_ca_file, timeout) as client:
        _print_jobs((job_named(client, job_id).status() for job_id in job_ids), as_json=as_json)


def list_jobs(
    status: Annotated[JobStatus | None, typer.Option(help="Only jobs of this status.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many; default: all.")] = None,
    as_json: JsonOption = False,  # noqa: FBT002
    address: AddressOption = DEFAULT_ADDRESS,
    tls_ca_file: TlsOption = None,
    timeout: TimeoutOption = None,
) -> None:
    """List jobs, newest first.

    For example:

        foregsyte list --limit 20

        foregsyte list --status failed | jq -r .error_message
    """
    with JobClient(address, tls_ca_file, timeout) as client:
        _print_jobs(islice(client.jobs(status), limit), as_json=as_json)


def _print_jobs(jobs: Iterable[JobInfo], *, as_json: bool) -> None:
    if wants_tables(as_json=as_json):
        console.print(jobs_table(jobs))
    else:
        print_records(map(job_record, jobs))


def delete(
    job_ids: JobIdsArgument,
    as_json: JsonOption = False,  # noqa: FBT002
    address: AddressOption = DEFAULT_ADDRESS,
    tls_ca_file: TlsOption = None,
    timeout: TimeoutOption = None,
) -> None:
    """Delete finished jobs, their videos and their results.

    For example:

        foregsyte delete JOB_ID

        foregsyte list --status failed | jq -r .job_id | xargs foregsyte delete
    """
    with JobClient(address, tls_ca_file, timeout) as client:
        for job_id in job_ids:
            job = job_named(client, job_id)
            job.delete()
            if wants_tables(as_json=as_json):
                console.print(f"Deleted job {markup_of(job)}", highlight=False)
            else:
                print_records([{"job_id": job.job_id, "deleted": True}])
            with contextlib.suppress(OSError):  # the next `find` forgets it too
                History(address).forget([job.job_id])
                TextIndex(address).forget([job.job_id])


def pipelines(
    as_json: JsonOption = False,  # noqa: FBT002
    address: AddressOption = DEFAULT_ADDRESS,
    tls_ca_file: TlsOption = None,
    timeout: TimeoutOption = None,
) -> None:
    """List the pipelines that the server offers.

    For example:

        foregsyte pipelines
    """
    with JobClient(address, tls_ca_file, timeout) as client:
        offered = client.pipelines()
    if wants_tables(as_json=as_json):
        table = Table("pipeline", "what it finds")
        for pipeline in offered:
            table.add_row(markup_of(pipeline.pipeline_id), markup_of(pipeline.description))
        console.print(table)
    else:
        print_records(map(asdict, offered))
