"""The subcommand `demo`: the whole service on one video."""

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from job_client.cli.jobs import report_end
from job_client.cli.output import console
from job_client.cli.progress import wait_for
from job_client.cli.results import print_summary
from job_client.cli.signals import ending_on_signals
from job_client.client import JobClient
from job_client.local_cluster import local_cluster
from shared.process.shown_text import terminal_text

SAMPLE = Path(__file__).parent.parent / "samples" / "road_and_parcel.mp4"
"""A video of our own with objects of every class of the bundled detector."""

PIPELINES = ("yolo_ocr", "codes")


def demo(
    video: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="An MP4 file.")] = SAMPLE,
    yolo_weights: Annotated[str, typer.Option(help="Detector weights; default: the bundled ones.")] = "",
    data_dir: Annotated[Path | None, typer.Option(help="Keep the data here; default: a temporary folder.")] = None,
) -> None:
    """Start a server and a worker, run a video through them, show its results, stop both.

    Needs the extras `api` and `worker` on this host.

    For example:

        foregsyte demo
        foregsyte demo video.mp4 --yolo-weights yolo11n.pt
    """
    arguments = ["--yolo-weights", yolo_weights] if yolo_weights else []
    with ending_on_signals(), tempfile.TemporaryDirectory(prefix="foregsyte-demo-") as temporary:
        names = ",".join(PIPELINES)
        console.print(f"Starting a server and a worker and loading the models for pipelines [bold]{names}[/bold] ...")
        with local_cluster(data_dir or Path(temporary), arguments, names) as address, JobClient(address) as client:
            for pipeline in PIPELINES:
                _run(client, video, address, pipeline)


def _run(client: JobClient, video: Path, address: str, pipeline: str) -> None:
    job = client.submit(video, pipeline)
    console.print(terminal_text(f"Submitted {video.name} to {address}: job {job}"), markup=False)
    if code := report_end(wait_for(job, video.name, timeout=None)):
        raise typer.Exit(code)
    print_summary(job.results())
