"""The subcommand `annotate`: the original video with its results drawn on it."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from job_client.cli.naming import job_named, original_of, submitted_from
from job_client.cli.options import AddressOption, JobIdArgument, TimeoutOption, TlsOption, VideoOption, out_option
from job_client.cli.output import print_message
from job_client.cli.progress import counting_bar
from job_client.cli.signals import ending_on_signals
from job_client.client import JobClient
from job_client.files import written_whole
from job_client.job import Job
from job_client.search import forgetting_gone
from job_client.timeline import labelled
from shared.contract.endpoint import DEFAULT_ADDRESS
from shared.process.extras import import_errors_translated
from shared.results import FrameResult

SUFFIXES = (".mp4", ".mov")

OutOption = Annotated[Path, out_option("The file to write, .mp4 or .mov.")]
FontOption = Annotated[
    list[Path] | None,
    typer.Option(exists=True, dir_okay=False, help="A font for text that the packaged ones lack; may be repeated."),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(metavar="LABEL", help="Draw objects of this label and nothing else; may be repeated."),
]
ConfidenceOption = Annotated[
    float, typer.Option(min=0, max=1, help="Leave out objects and text of less confidence.", show_default=False)
]
NoTextOption = Annotated[bool, typer.Option("--no-text", help="Leave out lines of text.")]
TrackIdsOption = Annotated[bool, typer.Option("--track-ids", help="Number the objects, as the events do.")]
SmoothOption = Annotated[bool, typer.Option("--smooth", help="Smooth the boxes of each object over time.")]


def annotate(
    job_id: JobIdArgument,
    out: OutOption,
    video: VideoOption = None,
    only: OnlyOption = None,
    min_confidence: ConfidenceOption = 0.0,
    no_text: NoTextOption = False,  # noqa: FBT002
    track_ids: TrackIdsOption = False,  # noqa: FBT002
    smooth: SmoothOption = False,  # noqa: FBT002
    font: FontOption = None,
    address: AddressOption = DEFAULT_ADDRESS,
    tls_ca_file: TlsOption = None,
    timeout: TimeoutOption = None,
) -> None:
    """Write a copy of the video with boxes and labels drawn on every frame.

    Text is marked, and labelled where it is smaller than a label; codes are labelled with what they say.

    The server does not return videos: name the file with --video, unless `foregsyte submit` of this host submitted it.
    The copy keeps its size, frame times, rotation and sound. Needs the extra `client-media`.

    For example:

        foregsyte annotate JOB_ID -o annotated.mp4

        foregsyte annotate JOB_ID --video video.mp4 -o annotated.mp4

        foregsyte annotate JOB_ID --min-confidence 0.5 --no-text --track-ids --smooth -o annotated.mp4
    """
    _require_video_file(out)
    with import_errors_translated("client-media"):
        from job_client.media.annotation import annotate_video  # noqa: PLC0415 (a plain client does without)
        from job_client.media.fonts import FontFile  # noqa: PLC0415
        from job_client.media.selection import Selection  # noqa: PLC0415
    with forgetting_gone(address), JobClient(address, tls_ca_file, timeout) as client:
        job = job_named(client, job_id)
        results = job.results()
    if only:
        _require_labels(only, results)
    original = video or _required_original(job, address)
    selection = Selection(frozenset(only or ()), min_confidence, text=not no_text, track_ids=track_ids, smooth=smooth)
    fonts = [FontFile(path) for path in font or ()]
    with ending_on_signals(), written_whole(out, original) as copy, counting_bar("drawing", len(results)) as advance:
        annotate_video(original, results, copy, advance, fonts, selection)
    print_message(f"{len(results)} frames written to {out}")


def _require_video_file(out: Path) -> None:
    if out.suffix.lower() not in SUFFIXES:
        raise typer.BadParameter(f"{out.name} must end in {' or '.join(SUFFIXES)}", param_hint="--out")
    if out.exists() and not out.is_file():
        raise typer.BadParameter(f"{out} is no regular file, as a video must be", param_hint="--out")


def _required_original(job: Job, address: str) -> Path:
    """Return the file that the job was submitted from.

    Raises:
        typer.BadParameter: It was not submitted from this host, or is not there any more.
    """
    if original := original_of(job, address):
        return original
    gone = submitted_from(job, address)
    known = f"{gone} is not there any more" if gone else "this host knows none"
    raise typer.BadParameter(f"say which file was submitted: {known}", param_hint="--video")


def _require_labels(labels: Iterable[str], results: Iterable[FrameResult]) -> None:
    """Refuse labels that no object is drawn with: each has the one label that most of its frames say."""
    found = {detection.label for _, detection, _ in labelled(results)}
    if missing := set(labels) - found:
        known = ", ".join(sorted(found)) or "none"
        raise typer.BadParameter(
            f"no object is labelled {', '.join(sorted(missing))}; labels: {known}", param_hint="--only"
        )
