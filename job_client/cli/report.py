"""The subcommand `report`: one page that shows what is in a video."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from job_client.cli.options import AddressOption, JobIdArgument, TlsOption, connected
from job_client.cli.output import messages
from job_client.cli.progress import counting_bar
from job_client.cli.signals import ending_on_signals
from job_client.client import DEFAULT_ADDRESS
from job_client.files import written_whole
from job_client.job import FrameResult
from job_client.report.data import rows_of
from job_client.report.page import render_report
from shared.process.extras import needing_extra

__all__ = ["report"]

VideoOption = Annotated[
    Path | None,
    typer.Option("--video", exists=True, dir_okay=False, help="The file that was submitted: gives the page pictures."),
]
OutOption = Annotated[Path, typer.Option("--out", "-o", dir_okay=False, help="The page to write.", show_default=False)]
ThumbnailsOption = Annotated[int, typer.Option(min=0, help="At most so many pictures in the page.")]


def report(
    job_id: JobIdArgument,
    out: OutOption,
    video: VideoOption = None,
    thumbnails: ThumbnailsOption = 200,
    address: AddressOption = DEFAULT_ADDRESS,
    tls_ca_file: TlsOption = None,
) -> None:
    """Write one page that shows what is in the video and when, and that needs no network.

    The server does not hand videos out: with --video, the file that was submitted, the page holds pictures of the
    frames in which each thing is seen best. That needs the extra `client-media`.

    For example:

        foregsyte report JOB_ID --video video.mp4 -o report.html
    """
    with connected(address, tls_ca_file) as client:
        job = client.job(job_id)
        info, found = job.status(), job.results()
    with ending_on_signals(), written_whole(out) as temporary:
        pictures, size = _pictures(video, found, thumbnails) if video else ({}, None)
        name = video.name if video else f"Job {job_id}"
        temporary.write_text(render_report(info, found, name, pictures, size), encoding="utf-8")
    messages.print(f"{len(found)} frames reported in {out}", markup=False, highlight=False)


def _pictures(video: Path, found: Sequence[FrameResult], most: int) -> tuple[dict[int, str], tuple[int, int] | None]:
    with needing_extra("client-media"):
        from job_client.report.thumbnails import best_frames, make_thumbnails  # noqa: PLC0415 (a plain client does without)
    with counting_bar("taking pictures", len(found)) as bar:
        return make_thumbnails(video, found, best_frames(rows_of(found), most), lambda: bar.advance(bar.task_ids[0]))
