"""The formats, and the one place that knows them all."""

from collections.abc import Iterator, Sequence
from enum import StrEnum

from job_client.exports.coco import coco
from job_client.exports.events import events_csv, events_json
from job_client.exports.subtitles import ass, srt, vtt
from job_client.exports.tables import table
from job_client.timeline import Timeline, timeline_of
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
        coco: Detections for labelling tools.
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


def export(
    results: Sequence[FrameResult], export_format: ExportFormat, size: tuple[int, int] | None = None
) -> Iterator[str]:
    """Yield the results in the format, chunk by chunk; line ends are part of it.

    Args:
        results: The results of the frames to write.
        export_format: How to write it.
        size: Width and height of the frames in pixels, which only `coco` and `ass` state.
    """
    match export_format:
        case ExportFormat.json:
            yield "[" + ",".join(frame.to_json() for frame in results) + "]\n"
        case ExportFormat.jsonl:
            yield from (frame.to_json() + "\n" for frame in results)
        case ExportFormat.csv:
            yield from table(results)
        case ExportFormat.coco:
            yield coco(results, size)
        case _:
            yield from _of_timeline(timeline_of(results), export_format, size)


def _of_timeline(timeline: Timeline, export_format: ExportFormat, size: tuple[int, int] | None) -> Iterator[str]:
    match export_format:
        case ExportFormat.events:
            yield from events_json(timeline)
        case ExportFormat.events_csv:
            yield from events_csv(timeline)
        case ExportFormat.vtt:
            yield vtt(timeline)
        case ExportFormat.ass:
            yield ass(timeline, size)
        case _:
            yield srt(timeline)
