"""Frames and events as Apache Parquet, for pandas, DuckDB and the like (extra `client-data`).

Frames are one row each, with lists of what was found in them; events are the rows of `events_csv`. The columns are
documented in docs/clients/command-line.md.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from job_client.exports.arrow_types import ArrowStruct
from job_client.exports.events import EVENT_COLUMNS, events_of
from job_client.timeline import Timeline
from shared.results import Code, Detection, FrameResult, TextLine

ROWS_IN_GROUP = 1000
"""A row group is held in memory; readers skip those that a query does not need."""

COMPRESSION = "zstd"

_DETECTION, _TEXT_LINE, _CODE = ArrowStruct(Detection), ArrowStruct(TextLine), ArrowStruct(Code)

FRAMES = pa.schema(
    [
        pa.field("frame_index", pa.int64(), nullable=False),
        ("timestamp_ms", pa.float64()),
        ("text", pa.string()),
        ("detections", pa.list_(_DETECTION.type)),
        ("text_lines", pa.list_(_TEXT_LINE.type)),
        ("codes", pa.list_(_CODE.type)),
        ("custom_fields", pa.string()),
    ]
)

_EVENT_TYPES = {name: pa.string() for name in ("kind", "name", "format", "bytes")} | {
    name: pa.int64() for name in ("track_id", "first_frame", "last_frame", "frames", "best_frame")
}
EVENTS = pa.schema([(name, _EVENT_TYPES.get(name, pa.float64())) for name in EVENT_COLUMNS])


def write_frames(results: Iterable[FrameResult], file: BinaryIO) -> None:
    """Write a row for each frame, holding no more than one row group of them."""
    _write(map(_frame, results), FRAMES, file)


def write_events(timeline: Timeline, file: BinaryIO) -> None:
    """Write a row for each event, in the order of their starts."""
    _write((dict(zip(EVENT_COLUMNS, event, strict=True)) for event in events_of(timeline)), EVENTS, file)


def _write(rows: Iterable[Mapping[str, Any]], schema: pa.Schema, file: BinaryIO) -> None:
    with ParquetWriter(file, schema, compression=COMPRESSION) as writer:
        left = iter(rows)
        while group := list(islice(left, ROWS_IN_GROUP)):
            writer.write_batch(pa.RecordBatch.from_pylist(group, schema))


def _frame(frame: FrameResult) -> dict[str, Any]:
    custom = frame.custom_fields
    return {
        "frame_index": frame.frame_index,
        "timestamp_ms": frame.timestamp_ms,
        "text": frame.text,
        "detections": list(map(_DETECTION.value, frame.detections)),
        "text_lines": list(map(_TEXT_LINE.value, frame.text_lines)),
        "codes": list(map(_CODE.value, frame.codes)),
        "custom_fields": msgspec.json.encode(custom).decode() if custom else None,
    }
