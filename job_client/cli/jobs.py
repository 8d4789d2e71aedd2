"""Subcommands that handle whole jobs: submit, wait, status, list, pipelines."""

import contextlib
from collections.abc import Iterable
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
from job_client.cli.outcome import Outcome
from job_client.cli.output import (
    console,
    folded,
    job_record,
    markup_of,
    print_error,
    print_jobs,
    print_message,
    print_records,
    wants_tables,
)
from job_client.cli.progress import upload, wait_for
from job_client.cli.videos import require_mp4, videos_of
from job_client.client import DEFAULT_PIPELINE, JobClient
from job_client.job import Job, JobInfo
from job_client.search import History, forgetting_gone
from shared.contract.endpoint import DEFAULT_ADDRESS
from shared.contract.job_status import JobStatus
from shared.process.escaping import terminal_text
from shared.process.exit_codes import ExitCode

JobTimeoutOption = Annotated[float | None, typer.Option(min=0, help="Longest wait for each job, in seconds.")]
RequestIdOption = Annotated[
    str | None, typer.Option(help="Makes a repeat of this command safe: the same job again; for a single file.")
]
VideosArgument = Annotated[
    list[Path],
    typer.Argument(metavar="FILE", help="MP4 files, and folders of which all videos are meant.", show_default=False),
]


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
    """Submit videos and print the job's id of each: of one file alone, else with a tab and the file.

    A file or folder that cannot be used does not stop the others; the exit code says that there was one.

    For example:

        foregsyte submit video.mp4 --wait

        foregsyte submit FOLDER --pipeline ocr --json
    """
    outcome = Outcome()
    files = _files(videos, outcome)
    if request_id and len(files) > 1:
        raise typer.BadParameter("stands for one video, and several are given", param_hint="--request-id")
    is_one = len(videos) == 1 and not videos[0].is_dir()
    jobs: list[tuple[Path, Job]] = []
    with JobClient(address, tls_ca_file, call_timeout) as client:
        for video in files:
            with outcome.of(video):
                require_mp4(video)
                jobs.append((video, upload(client, video, pipeline, request_id)))
                _remember(*jobs[-1], address)
                _print_submitted(*jobs[-1], is_one=is_one, as_json=as_json)
        for video, job in jobs if wait else ():
            with outcome.of():
                outcome.add(_wait(job, video, timeout, address, as_json=as_json))
    raise outcome.exit()


def _files(paths: Iterable[Path], outcome: Outcome) -> list[Path]:
    files: list[Path] = []
    for path in paths:
        with outcome.of():
            files += videos_of(path)
    return files


def _remember(video: Path, job: Job, address: str) -> None:
    with contextlib.suppress(OSError):  # a comfort, which a home that cannot be written to does without
        History(address).add(job.job_id, video)


def _print_submitted(video: Path, job: Job, *, is_one: bool, as_json: bool) -> None:
    if as_json:
        print_records([{"file": str(video), "job_id": job.job_id}])
    else:
        fields = [job.job_id] if is_one else [job.job_id, str(video)]
        print(*map(terminal_text, fields), sep="\t", flush=True)  # noqa: T201 (for scripts)


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

        foregsyte submit *.mp4 | cut -f1 | xargs foregsyte wait
    """
    files = History(address).files()
    outcome = Outcome()
    with JobClient(address, tls_ca_file, call_timeout) as client:
        for job in list(outcome.each(partial(job_named, client), job_ids)):
            with outcome.of():
                outcome.add(_wait(job, files.get(job.job_id), timeout, address, as_json=as_json))
    raise outcome.exit()


def _wait(job: Job, video: Path | None, timeout: float | None, address: str, *, as_json: bool) -> ExitCode:
    with forgetting_gone(address):
        info = wait_for(job, video.name if video else job.job_id, timeout, address)
    if as_json:
        print_records([job_record(info, video)])
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
    outcome = Outcome()
    with JobClient(address, tls_ca_file, timeout) as client:
        jobs = outcome.each(partial(job_named, client), job_ids)
        print_jobs(outcome.each(partial(_status, address), list(jobs)), address, as_json=as_json)
    raise outcome.exit()


def _status(address: str, job: Job) -> JobInfo:
    with forgetting_gone(address):
        return job.status()


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
        print_jobs(islice(client.jobs(status), limit), address, as_json=as_json)


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
        table = Table(folded("pipeline"), folded("what it finds"))
        for pipeline in offered:
            table.add_row(markup_of(pipeline.pipeline_id), markup_of(pipeline.description))
        console.print(table)
    else:
        print_records(map(asdict, offered))
