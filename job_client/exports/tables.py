"""Findings as a table: CSV (RFC 4180), one row an object or line of text."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from job_client.findings import detections_of, text_lines_of, timestamp_of
from job_client.job import FrameResult

__all__ = ["COLUMNS", "table"]

COLUMNS = (
    "frame_index", "timestamp_ms", "kind", "name", "class_id", "confidence",
    "x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4",
)  # fmt: skip
"""An object has its box in the first two corners, a line of text its polygon in all four."""


def table(results: Sequence[FrameResult]) -> Iterator[str]:
    """Yields the header and the rows."""
    line = io.StringIO()
    writer = csv.writer(line)
    for row in _rows(results):
        writer.writerow(row)
        yield line.getvalue()
        line.seek(0)
        line.truncate()


def _rows(results: Sequence[FrameResult]) -> Iterator[Sequence[Any]]:
    yield COLUMNS
    for frame in results:
        result = frame["result"]
        begin = (frame["frame_index"], _time_of(result))
        for found in detections_of(result):
            yield (
                *begin,
                "object",
                found["label"],
                found.get("class_id", ""),
                found["confidence"],
                *found["box"],
                *[""] * 4,
            )
        for line in text_lines_of(result):
            corners = [value for point in line["polygon"] for value in point]
            yield *begin, "text", line["text"], "", line["confidence"], *corners


def _time_of(result: Mapping[str, Any]) -> float | str:
    time = timestamp_of(result)
    return "" if time is None else time
