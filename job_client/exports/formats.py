"""The formats, and the one place that knows them all."""

from collections.abc import Iterator, Sequence
from enum import StrEnum

from job_client.exports.coco import coco
from job_client.exports.subtitles import subtitles
from job_client.exports.tables import table
from shared.results import FrameResult


class ExportFormat(StrEnum):
    """How results are written.

    Attributes:
        json: The list as the server stores it.
        jsonl: One frame a line.
        csv: One object or line of text a row.
        srt: Text as subtitles.
        coco: Detections for labelling tools.
    """

    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    srt = "srt"
    coco = "coco"


def export(
    results: Sequence[FrameResult], export_format: ExportFormat, size: tuple[int, int] | None = None
) -> Iterator[str]:
    """Yield the results in the format, chunk by chunk; line ends are part of it.

    Args:
        results: The results of the frames to write.
        export_format: How to write it.
        size: Width and height of the frames in pixels, which only `coco` states.
    """
    match export_format:
        case ExportFormat.json:
            yield "[" + ",".join(frame.to_json() for frame in results) + "]\n"
        case ExportFormat.jsonl:
            yield from (frame.to_json() + "\n" for frame in results)
        case ExportFormat.csv:
            yield from table(results)
        case ExportFormat.srt:
            yield subtitles(results)
        case ExportFormat.coco:
            yield coco(results, size)
