"""The subcommand `demo`: the whole service on one video."""

import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from job_client.cli.jobs import report_end
from job_client.cli.output import console
from job_client.cli.progress import counting_bar, wait_for
from job_client.cli.report import reported
from job_client.cli.results import print_summary
from job_client.cli.signals import ending_on_signals
from job_client.client import JobClient
from job_client.files import require_writable, written_whole
from job_client.job import Job
from job_client.local_cluster import local_cluster
from job_client.report.page import render_report
from shared.contract.job_status import JobStatus
from shared.process.escaping import terminal_lines
from shared.process.extras import import_errors_translated, require_extras
from shared.results import FrameResult

SAMPLE = Path(__file__).parent.parent / "samples" / "road_and_parcel.mp4"
"""A video of our own with objects of every class of the bundled detector."""

PIPELINES = ("yolo_ocr", "codes")

LIBRARIES = {"api": "duckdb", "worker-light": "openvino", "client-media": "fontTools"}
"""The extras that the demo needs, each with a library that neither the others nor the extra `client` install."""

PROGRAMS = ("foregsyte-api", "foregsyte-worker", "foregsyte")

NEXT = """
What next? In two terminals, and then for any video:

    {foregsyte-api}
    {foregsyte-worker}
    {foregsyte} submit VIDEO.mp4 --wait"""


def demo(
    video: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="An MP4 file.")] = SAMPLE,
    yolo_weights: Annotated[str, typer.Option(help="Detector weights; default: the bundled ones.")] = "",
    data_dir: Annotated[Path | None, typer.Option(help="Keep the data here; default: a temporary folder.")] = None,
    out: Annotated[Path, typer.Option("--out", "-o", file_okay=False, help="Where to leave report and video.")] = Path(
        "foregsyte-demo"
    ),
) -> None:
    """Start a server and a worker, run a video through them, show what is in it, stop both.

    Leaves a report and a copy of the video with everything drawn on it. Needs the extras `api`, `worker-light`
    and `client-media` on this host.

    For example:

        foregsyte demo
        foregsyte demo video.mp4 --yolo-weights yolo11n.pt
    """
    require_extras(LIBRARIES)
    with import_errors_translated("client-media"):
        import job_client.media.annotation  # noqa: PLC0415 (what is missing is named before anything starts)
        import job_client.report.thumbnails  # noqa: F401, PLC0415
    page, drawn = _places(video, out)
    arguments = ["--yolo-weights", yolo_weights] if yolo_weights else []
    names = ",".join(PIPELINES)
    with ending_on_signals(), ExitStack() as stack:
        temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="foregsyte-demo-"))
        with console.status(f"Starting a server and a worker and loading the models for pipelines {names} ..."):
            address = stack.enter_context(local_cluster(data_dir or Path(temporary), arguments, names))
        client = stack.enter_context(JobClient(address))
        jobs = [_run(client, video, address, pipeline) for pipeline in PIPELINES]
        _leave(jobs, video, page, drawn)
    _print(f"Report: {page.absolute()}")
    _print(f"Annotated video: {drawn.absolute()}")
    _print(NEXT.format_map({name: _as_typed(name) for name in PROGRAMS}))


def _places(video: Path, out: Path) -> tuple[Path, Path]:
    """Return where report and video will be, once it is known that they can be written: the jobs last no longer."""
    out.mkdir(parents=True, exist_ok=True)
    page, drawn = out / f"{video.stem}.report.html", out / f"{video.stem}.annotated.mp4"
    require_writable(page)
    require_writable(drawn)
    return page, drawn


def _run(client: JobClient, video: Path, address: str, pipeline: str) -> Job:
    """Run a pipeline over the video, and say first what it found, then which job that was."""
    job = client.submit(video, pipeline)
    ended = wait_for(job, video.name, None, address)
    if ended.status is JobStatus.completed:
        print_summary(job.iter_results())
    _print(f"Submitted {video.name} to {address}: job {job}")
    if code := report_end(ended):
        raise typer.Exit(code)
    return job


def _leave(jobs: list[Job], video: Path, page: Path, drawn: Path) -> None:
    """Write the report of the jobs and the video with what both found."""
    from job_client.media.annotation import annotate_video  # noqa: PLC0415 (a plain client does without)

    with written_whole(page) as temporary:
        temporary.write_text(render_report(reported(job, video, page) for job in jobs), encoding="utf-8")
    results = _with_codes(*(job.results() for job in jobs))
    with written_whole(drawn) as temporary, counting_bar("drawing", len(results)) as advance:
        annotate_video(video, results, temporary, advance)


def _with_codes(results: Sequence[FrameResult], scanned: Sequence[FrameResult]) -> list[FrameResult]:
    """Return the results with the codes that another job found in the same frames."""
    codes = {frame.frame_index: frame.codes for frame in scanned}
    return [msgspec.structs.replace(frame, codes=codes[frame.frame_index]) for frame in results]


def _as_typed(program: str) -> str:
    """Return how a shell in this folder calls a program: by its path, if it is not found without."""
    beside = shutil.which(program, path=Path(sys.executable).parent)
    if shutil.which(program) or not beside:
        return program
    return shlex.quote(os.path.relpath(beside) if Path(beside).is_relative_to(Path.cwd()) else beside)


def _print(text: str) -> None:
    console.print(terminal_lines(text), markup=False, highlight=False, soft_wrap=True)
