"""The formats, and the one place that knows them all."""

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import BinaryIO

from job_client.exports.coco import coco
from job_client.exports.events import events_csv, events_json
from job_client.exports.tables import table
from job_client.timeline import Following, Timeline, timeline_of
from shared.process.extras import import_errors_translated
from shared.results import FrameResult


class ExportFormat(StrEnum):
    """How results are written.

    Attributes:
        json: The list as the server stores it.
        jsonl: One frame a line.
        csv: One object, line of text or code of a frame a row.
        events: One object, line of text or code of the video an entry, as JSON.
        events_csv: The same as CSV.
        srt: Text as subtitles, for every player.
        vtt: Text as subtitles, for the web.
        ass: Text as subtitles, at its place in the image.
        coco: Detections for labelling tools, with the `track_id` of the events.
        parquet: One frame a row, for data tools.
        events_parquet: One object, line of text or code of the video a row, for data tools.
    """

    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    events = "events"
    events_csv = "events-csv"
    srt = "srt"
    vtt = "vtt"
    ass = "ass"
    coco = "coco"
    parquet = "parquet"
    events_parquet = "events-parquet"

    @property
    def is_binary(self) -> bool:
        """Whether it is no text."""
        return self in {ExportFormat.parquet, ExportFormat.events_parquet}


def write(
    results: Iterable[FrameResult],
    export_format: ExportFormat,
    file: BinaryIO,
    size: tuple[int, int] | None = None,
    following: Following | None = None,
) -> None:
    """Write the results to a file in any format; text is in UTF-8.

    Args:
        results: The results of the frames to write.
        export_format: How to write it.
        file: Where to.
        size: Width and height of the frames in pixels, which only `coco` and `ass` state.
        following: Returns the frame behind them, which says when the last of them ends.

    Raises:
        LibraryMissing: The format needs a library that is not installed.
    """
    if not export_format.is_binary:
        file.writelines(chunk.encode() for chunk in export(results, export_format, size, following))
        return
    with import_errors_translated("client-data"):
        from job_client.exports.parquet import write_events, write_frames  # noqa: PLC0415 (a plain client does without)
    if export_format is ExportFormat.parquet:
        write_frames(results, file)
    else:
        write_events(timeline_of(results, following=following), file)


def export(
    results: Iterable[FrameResult],
    export_format: ExportFormat,
    size: tuple[int, int] | None = None,
    following: Following | None = None,
) -> Iterator[str]:
    """Yield the results in a format of text, chunk by chunk; line ends are part of it.

    All formats but `coco` hold no more of the results than the things now in view.

    Args:
        results: The results of the frames to write.
        export_format: How to write it.
        size: Width and height of the frames in pixels, which only `coco` and `ass` state.
        following: Returns the frame behind them, which says when the last of them ends.

    Raises:
        ValueError: The format is no text; `write` knows it.
    """
    match export_format:
        case ExportFormat.json:
            yield from _json(results)
        case ExportFormat.jsonl:
            yield from (frame.to_json() + "\n" for frame in results)
        case ExportFormat.csv:
            yield from table(results)
        case ExportFormat.coco:
            yield coco(list(results), size)
        case ExportFormat.parquet | ExportFormat.events_parquet:
            raise ValueError(f"{export_format} is no text")
        case _:
            yield from _of_timeline(timeline_of(results, following=following), export_format, size)


def _json(results: Iterable[FrameResult]) -> Iterator[str]:
    lead = "["
    for frame in results:
        yield lead + frame.to_json()
        lead = ","
    yield "[]\n" if lead == "[" else "]\n"


def _of_timeline(timeline: Timeline, export_format: ExportFormat, size: tuple[int, int] | None) -> Iterator[str]:
    match export_format:
        case ExportFormat.events:
            yield from events_json(timeline)
        case ExportFormat.events_csv:
            yield from events_csv(timeline)
        case _:
            yield _subtitles(timeline, export_format, size)


def _subtitles(timeline: Timeline, export_format: ExportFormat, size: tuple[int, int] | None) -> str:
    from job_client.exports.subtitles import ass, srt, vtt  # noqa: PLC0415 (other formats do without their library)

    match export_format:
        case ExportFormat.vtt:
            return vtt(timeline)
        case ExportFormat.ass:
            return ass(timeline, size)
        case _:
            return srt(timeline)
