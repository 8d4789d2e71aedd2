"""The subcommand `results`: results as a summary, a file or on standard output."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Annotated

import typer

from job_client.cli.naming import job_named, original_of
from job_client.cli.options import (
    STANDARD_OUTPUT,
    AddressOption,
    FramesOption,
    JobIdArgument,
    TimeoutOption,
    TlsOption,
    frames_slice,
    out_option,
)
from job_client.cli.output import console, print_message, wants_tables
from job_client.cli.signals import ending_on_signals
from job_client.cli.summary import FieldCounts, summary_of
from job_client.cli.videos import reading_video
from job_client.client import JobClient
from job_client.exports import ExportFormat, export, write
from job_client.files import written_whole
from job_client.job import Job
from job_client.search import forgetting_gone
from job_client.timeline import Following, timeline_and_noise
from shared.contract.endpoint import DEFAULT_ADDRESS
from shared.process.escaping import terminal_lines
from shared.results import FrameResult

SIZED_FORMATS = {ExportFormat.ass, ExportFormat.coco}
"""Those that state how large the frames are, which is not in the results."""

OutOption = Annotated[Path | None, out_option("Write to this file, by its suffix; - prints.")]
FormatOption = Annotated[
    ExportFormat | None, typer.Option("--format", help="The format; default: that of --out, else jsonl.")
]
SizeFromOption = Annotated[
    Path | None,
    typer.Option(
        "--video",
        exists=True,
        dir_okay=False,
        help="The file that was submitted, if not from this host: gives coco and ass its size.",
    ),
]
RawOption = Annotated[
    bool, typer.Option("--raw", "--json", help="Print what was found in each frame, as if the output were piped.")
]


def results(
    job_id: JobIdArgument,
    out: OutOption = None,
    frames: FramesOption = "",
    export_format: FormatOption = None,
    video: SizeFromOption = None,
    raw: RawOption = False,  # noqa: FBT002
    address: AddressOption = DEFAULT_ADDRESS,
    tls_ca_file: TlsOption = None,
    timeout: TimeoutOption = None,
) -> None:
    """Print results: a summary on a terminal, one JSON line a frame when piped.

    The summary, the events and the subtitles say what is in the video and when, each thing once; json, jsonl, csv,
    parquet and coco hold what was found in each frame.

    For example:

        foregsyte results JOB_ID

        foregsyte results JOB_ID --frames 100:200 | jq -r .result.text

        foregsyte results JOB_ID --out subtitles.srt

        foregsyte results JOB_ID --format events --out events.csv

        foregsyte results JOB_ID --out frames.parquet

        foregsyte results JOB_ID --format coco --video video.mp4 --out coco.json
    """
    wanted = frames_slice(frames)
    file = out if out != STANDARD_OUTPUT else None
    chosen = _format_of(file, export_format) if file else export_format or ExportFormat.jsonl
    with forgetting_gone(address), JobClient(address, tls_ca_file, timeout) as client:
        job = job_named(client, job_id)
        original = video or original_of(job, address)
        selected, size = _selected(job, wanted, chosen, original, must_fit=bool(video))
    if file:
        _write(selected, chosen, size, file, original)
    elif out or export_format or not wants_tables(as_json=raw):
        _print(selected, chosen, size)
    else:
        print_summary(selected, selected.following)


def print_summary(frames: Iterable[FrameResult], following: Following | None = None) -> None:
    """Print which objects and which lines of text there are, and when."""
    fields = FieldCounts()
    timelines = timeline_and_noise(fields.counted(frames), following=following)
    for part in (*summary_of(*timelines), *fields.tables()):
        console.print(part, highlight=False)


class _WantedFrames:
    """The wanted frames of results, to be read once; the first is read at once, and the others as they are needed.

    Attributes:
        count: How many of them have been read.

    Raises:
        typer.BadParameter: The video has frames, and none of the wanted ones.
        ServiceError: As by `Job.results`.
    """

    def __init__(self, found: Iterable[FrameResult], wanted: slice) -> None:
        self.count = 0
        self._passed = 0
        self._wanted = wanted
        self._all = self._passing(found)
        self._left = islice(self._all, wanted.start, wanted.stop)
        self._first = list(islice(self._left, 1))
        if self._passed and not self._first:
            raise typer.BadParameter(self._length, param_hint="--frames")

    def __iter__(self) -> Iterator[FrameResult]:
        for self.count, frame in enumerate(chain(self._first, self._left), 1):  # noqa: B020 (counted as they are read)
            yield frame
        if self._wanted.stop and self._wanted.stop > self._passed:
            print_message(f"Not all of the frames requested are there: {self._length}")

    def following(self) -> FrameResult | None:
        """Return the frame behind the wanted ones, after they were read; None where there is none."""
        return next(self._all, None)

    def _passing(self, found: Iterable[FrameResult]) -> Iterator[FrameResult]:
        for frame in found:
            self._passed += 1
            yield frame

    @property
    def _length(self) -> str:
        return f"the video has {self._passed} frames, counted from 0"


def _format_of(out: Path, chosen: ExportFormat | None) -> ExportFormat:
    suffix = out.suffix.removeprefix(".").lower()
    if chosen is ExportFormat.events and suffix in {ExportFormat.csv, ExportFormat.parquet}:
        return ExportFormat(f"{chosen}-{suffix}")
    if chosen or suffix in [*ExportFormat]:
        return chosen or ExportFormat(suffix)
    known = ", ".join(f".{name}" for name in ExportFormat)
    raise typer.BadParameter(f"{out.name} ends in none of {known}; say --format", param_hint="--out")


def _size_of(video: Path | None, results: Sequence[FrameResult], *, must_fit: bool) -> tuple[int, int] | None:
    """Return the size of the job's frames; None, and a message why, where no video is known that is the job's.

    Raises:
        UnsuitableVideo: The file is not the job's video, and it must be.
    """
    if video:
        with reading_video(video, must_fit=must_fit):
            from job_client.media.matched_frames import size_of  # noqa: PLC0415 (a plain client does without)

            return size_of(video, results)
    print_message("The size of the frames is not known: --video FILE gives it")
    return None


def _selected(
    job: Job, wanted: slice, chosen: ExportFormat, original: Path | None, *, must_fit: bool
) -> tuple[_WantedFrames, tuple[int, int] | None]:
    """Return the wanted frames of a job, and their size where the format states it and it is known."""
    if not must_fit and chosen not in SIZED_FORMATS:
        return _WantedFrames(job.iter_results(), wanted), None
    found = job.results()
    return _WantedFrames(found, wanted), _size_of(original, found, must_fit=must_fit)


def _print(selected: _WantedFrames, export_format: ExportFormat, size: tuple[int, int] | None) -> None:
    """Print the frames in a format.

    Raises:
        typer.BadParameter: It is no text, and the output is a terminal.
    """
    if not export_format.is_binary:
        chunks = export(selected, export_format, size, selected.following)
        sys.stdout.writelines(map(terminal_lines, chunks) if sys.stdout.isatty() else chunks)
    elif sys.stdout.isatty():
        raise typer.BadParameter(f"{export_format} is no text: name a file", param_hint="--out")
    else:
        write(selected, export_format, sys.stdout.buffer, following=selected.following)


def _write(
    selected: _WantedFrames,
    export_format: ExportFormat,
    size: tuple[int, int] | None,
    out: Path,
    original: Path | None,
) -> None:
    sources = filter(None, [original])
    with ending_on_signals(), written_whole(out, *sources) as temporary, temporary.open("wb") as file:
        write(selected, export_format, file, size, selected.following)
    print_message(f"Results of {selected.count} frames written to {out}")
