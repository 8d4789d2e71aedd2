"""The `foregsyte` command: submit a video, look at its job, read what was found."""

import json
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from job_client.client import DEFAULT_ADDRESS, JobClient, JobInfo, ServiceError
from job_client.demo import DemoFailed, running_pair
from job_client.summary import Sighting, labels_of, texts_of
from shared.job_status import JobStatus

__all__ = ["app", "main"]

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__)
console = Console()

ROWS_SHOWN = 15

AddressOption = Annotated[str, typer.Option(envvar="FOREGSYTE_ADDRESS", help="The server, host:port.")]
PipelineOption = Annotated[str, typer.Option("--pipeline", help="Which pipeline to run.")]
VideoArgument = Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An MP4 file.")]


@app.command()
def submit(
    video: VideoArgument,
    pipeline: PipelineOption = "yolo_ocr",
    address: AddressOption = DEFAULT_ADDRESS,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until the job has ended.")] = False,  # noqa: FBT002
) -> None:
    """Submit a video and print the job's id."""
    with JobClient(address) as client:
        job_id = client.submit(video, pipeline)
        print(job_id)  # noqa: T201 (for scripts)
        if wait:
            _exit_if_failed(_wait(client, job_id))


@app.command()
def status(job_id: str, address: AddressOption = DEFAULT_ADDRESS) -> None:
    """Print where a job stands, as JSON."""
    with JobClient(address) as client:
        job = client.status(job_id)
    fields = {name: getattr(job, name) for name in JobInfo.__slots__}
    print(json.dumps(fields, default=str, indent=2))  # noqa: T201


@app.command()
def results(job_id: str, address: AddressOption = DEFAULT_ADDRESS) -> None:
    """Print what was found in every frame, as JSON."""
    with JobClient(address) as client:
        print(json.dumps(client.results(job_id), ensure_ascii=False))  # noqa: T201


@app.command()
def demo(
    video: VideoArgument,
    yolo_weights: Annotated[str, typer.Option(help="Detector weights; without them only text is read.")] = "",
    data_dir: Annotated[Path | None, typer.Option(help="Keep the data here; default: a temporary folder.")] = None,
) -> None:
    """Start a server and a worker, run a video through them, show what was found, stop both."""
    pipeline = "yolo_ocr" if yolo_weights else "ocr"
    arguments = ["--yolo-weights", yolo_weights] if yolo_weights else []
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # else they would leave the pair running
    with tempfile.TemporaryDirectory(prefix="foregsyte-demo-") as temporary:
        console.print(f"Starting the pair and loading the models for pipeline [bold]{pipeline}[/bold] ...")
        with running_pair(data_dir or Path(temporary), arguments, pipeline) as address, JobClient(address) as client:
            job_id = client.submit(video, pipeline)
            console.print(f"Submitted {video.name} to {address}: job {job_id}", markup=False)
            _exit_if_failed(_wait(client, job_id))
            _show(client.results(job_id))


def _wait(client: JobClient, job_id: str) -> JobInfo:
    with console.status("pending") as line:
        job = client.wait(job_id, on_status=lambda job: line.update(job.status))
    took = (job.updated_at - job.created_at).total_seconds()
    console.print(f"Job {job.status} {took:.1f} s after it was submitted", highlight=False)
    return job


def _exit_if_failed(job: JobInfo) -> None:
    if job.status is JobStatus.failed:
        console.print(job.error_message, style="red", markup=False, highlight=False)
        raise typer.Exit(1)


def _show(results: list[dict[str, Any]]) -> None:
    console.print(f"{len(results)} frames. The first one, as stored:")
    console.print_json(json.dumps(results[0], ensure_ascii=False))
    for title, sightings in (("Objects", labels_of(results)), ("Text", texts_of(results))):
        if sightings:
            console.print(_table(title, sightings))


def _table(title: str, sightings: list[Sighting]) -> Table:
    table = Table("what", "frames", "first", "last", "best confidence", title=title)
    for sighting in sightings[:ROWS_SHOWN]:
        numbers = (str(sighting.frames), str(sighting.first_frame), str(sighting.last_frame))
        table.add_row(escape(sighting.name), *numbers, f"{sighting.best_confidence:.2f}")
    if len(sightings) > ROWS_SHOWN:
        table.caption = f"and {len(sightings) - ROWS_SHOWN} more"
    return table


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code, or leaves with it as the library does for `--help` and wrong usage."""
    try:
        app(args=arguments)
    except (ServiceError, DemoFailed) as error:
        print(f"foregsyte: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return os.EX_OK


if __name__ == "__main__":
    sys.exit(main())
