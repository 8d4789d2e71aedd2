"""The subcommand `report`: one page that shows the results of videos."""

import contextlib
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import typer

from job_client.cli.naming import job_named, original_of
from job_client.cli.options import (
    STANDARD_OUTPUT,
    AddressOption,
    JobIdsArgument,
    TimeoutOption,
    TlsOption,
    VideoOption,
    out_option,
)
from job_client.cli.output import print_message
from job_client.cli.progress import counting_bar
from job_client.cli.signals import ending_on_signals
from job_client.cli.videos import reading_video
from job_client.client import JobClient
from job_client.files import written_whole
from job_client.job import Job
from job_client.report.best_frames import best_frames
from job_client.report.page import ReportedVideo, render_report
from job_client.search import forgetting_gone
from job_client.timeline import Timeline, timeline_and_noise
from shared.contract.endpoint import DEFAULT_ADDRESS
from shared.results import FrameResult

OutOption = Annotated[Path, out_option("The page to write; - is the standard output.")]
ThumbnailsOption = Annotated[int, typer.Option(min=0, help="At most so many thumbnails of each video.")]
JobsOption = Annotated[bool, typer.Option("--jobs", help="May stand before several ids; one page shows them all.")]
MAX_THUMBNAILS = 200


def report(
    job_ids: JobIdsArgument,
    out: OutOption,
    jobs: JobsOption = False,  # noqa: ARG001, FBT002 (for the eye: the ids follow it)
    video: VideoOption = None,
    thumbnails: ThumbnailsOption = MAX_THUMBNAILS,
    address: AddressOption = DEFAULT_ADDRESS,
    tls_ca_file: TlsOption = None,
    timeout: TimeoutOption = None,
) -> None:
    """Write one page that shows what is in videos and when, and that needs no network.

    The page shows the video where it finds the file, else thumbnails of the frames in which each thing has its highest
    confidence. The server does not return videos: name the file with --video, unless `foregsyte submit` of this host
    submitted it. Thumbnails need the extra `client-media`.

    For example:

        foregsyte report JOB_ID -o report.html

        foregsyte report JOB_ID --video video.mp4 -o report.html

        foregsyte report --jobs JOB_ID JOB_ID -o report.html
    """
    if video and len(job_ids) > 1:
        raise typer.BadParameter("stands for the video of one job, and several are given", param_hint="--video")
    with forgetting_gone(address), JobClient(address, tls_ca_file, timeout) as client:
        wanted = [job_named(client, job_id) for job_id in job_ids]
        files = [video or original_of(job, address) for job in wanted]
        shown = (
            reported(job, file, out, thumbnails, must_fit=bool(video)) for job, file in zip(wanted, files, strict=True)
        )
        if out == STANDARD_OUTPUT:
            sys.stdout.write(render_report(shown))
            return
        with ending_on_signals(), written_whole(out, *filter(None, files)) as temporary:
            temporary.write_text(render_report(shown), encoding="utf-8")
    print_message(f"Report written to {out}")


def reported(
    job: Job, file: Path | None, page: Path, most: int = MAX_THUMBNAILS, *, must_fit: bool = False
) -> ReportedVideo:
    """Return what the page shows of a job.

    Args:
        job: A completed job.
        file: Its video, if that is known.
        page: Where the page will be.
        most: At most so many thumbnails.
        must_fit: Whether a file that is not the job's video is an error; else it is not shown.

    Raises:
        UnsuitableVideo: The file is not the job's video, and it must be.
        LibraryMissing: Thumbnails cannot be made, and the file must be shown.
    """
    info, results = job.status(), job.results()
    timeline, noise = timeline_and_noise(results)
    name = os.fsencode(file.name).decode(errors="replace") if file else f"Job {job}"
    shown = ReportedVideo(info, name, results, timeline, noise)
    if file:
        with reading_video(file, must_fit=must_fit):
            images, size = _thumbnails(file, results, timeline, most)
            return replace(shown, thumbnails=images, size=size, url=_url(file, page))
    return shown


def _url(file: Path, page: Path) -> str:
    """Return where the file is as seen from the page, if that can be said: not on two drives.

    A browser takes `..` for the folder above as its name says, so behind a link to a folder that is the link's.
    """
    original, typed, real = file.resolve(), page.absolute().parent, page.parent.resolve()
    folder = real if original.is_relative_to(real) or ".." in typed.parts else typed
    with contextlib.suppress(ValueError):
        return quote(os.fsencode(Path(os.path.relpath(original, folder)).as_posix()))
    return ""


def _thumbnails(
    video: Path, results: Sequence[FrameResult], timeline: Timeline, most: int
) -> tuple[dict[int, str], tuple[int, int] | None]:
    from job_client.report.thumbnails import make_thumbnails  # noqa: PLC0415 (a plain client does without)

    wanted = best_frames(timeline)[:most]
    with counting_bar("making thumbnails", len(wanted)) as advance:
        return make_thumbnails(video, results, wanted, advance)
