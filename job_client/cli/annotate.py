"""The subcommand `annotate`: the original video with its results drawn on it."""

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
from shared.process.extras import needing_extra

SUFFIXES = (".mp4", ".mov")

VideoOption = Annotated[
    Path | None,
    typer.Option("--video", exists=True, dir_okay=False, help="The file that was submitted, if not from this host."),
]
OutOption = Annotated[
    Path, typer.Option("--out", "-o", dir_okay=False, help="The file to write, .mp4 or .mov.", show_default=False)
]
FontOption = Annotated[
    list[Path] | None,
    typer.Option(exists=True, dir_okay=False, help="A font for text that the packaged ones lack; may be repeated."),
]


def annotate(
    job_id: JobIdArgument,
    out: OutOption,
    video: VideoOption = None,
    font: FontOption = None,
    address: AddressOption = DEFAULT_ADDRESS,
    tls_ca_file: TlsOption = None,
    timeout: TimeoutOption = None,
) -> None:
    """Write a copy of the video with boxes, labels and text drawn on every frame.

    The server does not return videos: name the file with --video, unless `foregsyte submit` of this host submitted it.
    The copy keeps its size, frame times, rotation and sound. Needs the extra `client-media`.

    For example:

        foregsyte annotate JOB_ID -o annotated.mp4

        foregsyte annotate JOB_ID --video video.mp4 -o annotated.mp4
    """
    if out.suffix.lower() not in SUFFIXES:
        raise typer.BadParameter(f"{out.name} must end in {' or '.join(SUFFIXES)}", param_hint="--out")
    with JobClient(address, tls_ca_file, timeout) as client:
        job = job_named(client, job_id)
        results = job.results()
    original = video or original_of(job, address)
    if not original:
        raise typer.BadParameter("say which file was submitted: this host knows none", param_hint="--video")
    with needing_extra("client-media"):
        from job_client.media.annotation import annotate_video  # noqa: PLC0415 (a plain client does without)
        from job_client.media.fonts import FontFile  # noqa: PLC0415
    fonts = [FontFile(path) for path in font or ()]
    with ending_on_signals(), written_whole(out) as temporary, counting_bar("drawing", len(results)) as advance:
        annotate_video(original, results, temporary, advance, fonts)
    print_message(f"{len(results)} frames written to {out}")
