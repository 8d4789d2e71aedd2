"""The formats, and the one place that knows them all."""

import json
from collections.abc import Iterator, Sequence
from enum import StrEnum

from job_client.job import FrameResult

__all__ = ["ExportFormat", "export"]


class ExportFormat(StrEnum):
    """How results are written.

    Attributes:
        json: The list as the server stores it.
        jsonl: One frame a line.
    """

    json = "json"
    jsonl = "jsonl"


def export(results: Sequence[FrameResult], export_format: ExportFormat) -> Iterator[str]:
    """Yields the results in the format, piece by piece."""
    if export_format is ExportFormat.json:
        yield json.dumps(results, ensure_ascii=False) + "\n"
    else:
        for frame in results:
            yield json.dumps(frame, ensure_ascii=False) + "\n"
