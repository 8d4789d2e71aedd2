"""The subcommand `report`: one page that shows the results of a video."""

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from job_client.cli.naming import job_named, original_of
from job_client.cli.options import AddressOption, JobIdArgument, TimeoutOption, TlsOption
from job_client.cli.output import print_message
from job_client.cli.progress import counting_bar
from job_client.cli.signals import ending_on_signals
from job_client.client import DEFAULT_ADDRESS, JobClient
from job_client.files import written_whole
from job_client.media.errors import UnsuitableFile
from job_client.report.page import render_report
from job_client.spans import SpanKind
from job_client.summary import summary_of
from shared.process.extras import ExtraMissing, needing_extra
from shared.results import FrameResult

VideoOption = Annotated[
    Path | None,
    typer.Option("--video", exists=True, dir_okay=False, help="The file that was submitted, if not from this host."),
]
OutOption = Annotated[Path, typer.Option("--out", "-o", dir_okay=False, help="The page to write.", show_default=False)]
ThumbnailsOption = Annotated[int, typer.Option(min=0, help="At most so many thumbnails in the page.")]


def report(
    job_id: JobIdArgument,
    out: OutOption,
    video: VideoOption = None,
    thumbnails: ThumbnailsOption = 200,
    address: AddressOption = DEFAULT_ADDRESS,
    tls_ca_file: TlsOption = None,
    timeout: TimeoutOption = None,
) -> None:
    """Write one page that shows what is in the video and when, and that needs no network.

    The page holds thumbnails of the frames in which each label and line of text has its highest confidence. The server
    does not return videos: name the file with --video, unless `foregsyte submit` of this host submitted it. Thumbnails
    need the extra `client-media`.

    For example:

        foregsyte report JOB_ID -o report.html

        foregsyte report JOB_ID --video video.mp4 -o report.html
    """
    with JobClient(address, tls_ca_file, timeout) as client:
        job = job_named(client, job_id)
        info, results = job.status(), job.results()
    known = original_of(job, address)
    with ending_on_signals(), written_whole(out) as temporary:
        images, size = _thumbnails(video, results, thumbnails) if video else _if_possible(known, results, thumbnails)
        original = video or known
        name = original.name if original else f"Job {job}"
        temporary.write_text(render_report(info, results, name, images, size), encoding="utf-8")
    print_message(f"{len(results)} frames reported in {out}")


def _if_possible(
    video: Path | None, results: Sequence[FrameResult], most: int
) -> tuple[dict[int, str], tuple[int, int] | None]:
    """Return the thumbnails of a file that nobody named: none without the extra, or if the file is another now."""
    with contextlib.suppress(ExtraMissing, UnsuitableFile, OSError):
        if video:
            return _thumbnails(video, results, most)
    return {}, None


def _thumbnails(
    video: Path, results: Sequence[FrameResult], most: int
) -> tuple[dict[int, str], tuple[int, int] | None]:
    with needing_extra("client-media"):
        from job_client.report.thumbnails import best_frames, make_thumbnails  # noqa: PLC0415 (a plain client does without)
    rows = [row for kind in SpanKind for row in summary_of(results, kind)]
    with counting_bar("making thumbnails", len(results)) as advance:
        return make_thumbnails(video, results, best_frames(rows, most), advance)
