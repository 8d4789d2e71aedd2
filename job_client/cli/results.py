"""The subcommand `results`: what was found, as a table, a file or on standard output."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from job_client.cli.options import AddressOption, FramesOption, JobIdArgument, TlsOption, connected, frames_range
from job_client.cli.output import console, for_people, messages, sightings_table
from job_client.cli.signals import ending_on_signals
from job_client.client import DEFAULT_ADDRESS
from job_client.exports import ExportFormat, export
from job_client.files import written_whole
from job_client.job import FrameResult
from job_client.summary import labels_of, texts_of
from shared.process.extras import needing_extra

__all__ = ["results", "show_summary"]

OutOption = Annotated[
    Path | None, typer.Option("--out", "-o", dir_okay=False, help="Write to this file; its suffix says the format.")
]
FormatOption = Annotated[
    ExportFormat | None, typer.Option("--format", help="The format; default: that of --out, else jsonl.")
]
VideoOption = Annotated[
    Path | None,
    typer.Option("--video", exists=True, dir_okay=False, help="The file that was submitted: gives coco its size."),
]


def results(
    job_id: JobIdArgument,
    out: OutOption = None,
    frames: FramesOption = "",
    export_format: FormatOption = None,
    video: VideoOption = None,
    address: AddressOption = DEFAULT_ADDRESS,
    tls_ca_file: TlsOption = None,
) -> None:
    """Print what was found: a summary on a terminal, one JSON line a frame when piped.

    For example:

        foregsyte results JOB_ID

        foregsyte results JOB_ID --frames 100:200 | jq -r .result.text

        foregsyte results JOB_ID --out subtitles.srt

        foregsyte results JOB_ID --format coco --video video.mp4 --out coco.json
    """
    wanted = frames_range(frames)
    with connected(address, tls_ca_file) as client:
        found = [frame for frame in client.job(job_id).results() if frame["frame_index"] in wanted]
    size = _size_of(video) if video else None
    if out:
        _write(export(found, export_format or _format_of(out), size), out)
        messages.print(f"{len(found)} frames written to {out}", markup=False, highlight=False)
    elif export_format or not for_people(as_json=False):
        sys.stdout.writelines(export(found, export_format or ExportFormat.jsonl, size))
    else:
        show_summary(found)


def show_summary(found: Sequence[FrameResult]) -> None:
    """Shows the labels and the lines of text, the most frequent first."""
    console.print(f"{len(found)} frames")
    for title, sightings in (("Objects", labels_of(found)), ("Text", texts_of(found))):
        if sightings:
            console.print(sightings_table(title, sightings))


def _format_of(out: Path) -> ExportFormat:
    suffix = out.suffix.removeprefix(".").lower()
    if suffix not in ExportFormat.__members__:
        known = ", ".join(f".{name}" for name in ExportFormat)
        raise typer.BadParameter(f"{out.name} ends in none of {known}; say --format", param_hint="--out")
    return ExportFormat(suffix)


def _size_of(video: Path) -> tuple[int, int]:
    with needing_extra("client-media"):
        from job_client.media.original import OriginalVideo  # noqa: PLC0415 (a plain client does without)
    return OriginalVideo(video).size()


def _write(pieces: Iterable[str], out: Path) -> None:
    with (
        ending_on_signals(),
        written_whole(out) as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        file.writelines(pieces)
