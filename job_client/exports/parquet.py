"""Frames and events as Apache Parquet, for pandas, DuckDB and the like (extra `client-data`).

Frames are one row each, with lists of what was found in them; events are the rows of `events_csv`. The columns are
documented in docs/clients/command-line.md.
"""

from collections.abc import Iterable, Mapping
from itertools import islice
from types import NoneType
from typing import Any, BinaryIO, get_args

import msgspec
import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from job_client.exports.events import COLUMNS, events_of
from job_client.timeline import Timeline
from shared.results import Box, Code, Detection, FrameResult, Polygon, TextLine

ROWS_IN_GROUP = 1000
"""A row group is held in memory; readers skip those that a query does not need."""

COMPRESSION = "zstd"

MAX_INTEGER = (1 << 63) - 1
"""A plugin may state larger class numbers than a column can hold: they are null."""

_BOX = pa.struct([(side, pa.float64()) for side in ("x1", "y1", "x2", "y2")])
_POLYGON = pa.list_(pa.struct([("x", pa.float64()), ("y", pa.float64())]))
_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), Box: _BOX, Polygon: _POLYGON}


def _struct_of(kind: type[msgspec.Struct]) -> pa.StructType:
    """Return the Arrow type of what is found, with a field for each of its own."""
    return pa.struct([(field.name, _type_of(field.type)) for field in msgspec.structs.fields(kind)])


def _type_of(annotation: Any) -> pa.DataType:
    """Return the Arrow type of a field; where it may be None, that of the rest, for every column may be null."""
    stated = set(get_args(annotation)) - {NoneType}
    return _TYPES[annotation if annotation in _TYPES else stated.pop()]


FRAMES = pa.schema(
    [
        pa.field("frame_index", pa.int64(), nullable=False),
        ("timestamp_ms", pa.float64()),
        ("text", pa.string()),
        ("detections", pa.list_(_struct_of(Detection))),
        ("text_lines", pa.list_(_struct_of(TextLine))),
        ("codes", pa.list_(_struct_of(Code))),
        ("custom_fields", pa.string()),
    ]
)

_EVENT_TYPES = {name: pa.string() for name in ("kind", "name", "format", "bytes")} | {
    name: pa.int64() for name in ("track_id", "first_frame", "last_frame", "frames", "best_frame")
}
EVENTS = pa.schema([(name, _EVENT_TYPES.get(name, pa.float64())) for name in COLUMNS])


def write_frames(results: Iterable[FrameResult], file: BinaryIO) -> None:
    """Write a row for each frame, holding no more than one row group of them."""
    _write(map(_frame, results), FRAMES, file)


def write_events(timeline: Timeline, file: BinaryIO) -> None:
    """Write a row for each event, in the order of their starts."""
    _write((dict(zip(COLUMNS, event, strict=True)) for event in events_of(timeline)), EVENTS, file)


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
        "detections": [_detection(found) for found in frame.detections],
        "text_lines": [_with_corners(line) for line in frame.text_lines],
        "codes": [_with_corners(code) for code in frame.codes],
        "custom_fields": msgspec.json.encode(custom).decode() if custom else None,
    }


def _detection(found: Detection) -> dict[str, Any]:
    class_id = found.class_id if abs(found.class_id or 0) <= MAX_INTEGER else None
    return msgspec.structs.asdict(found) | {"class_id": class_id, "box": dict(zip(_BOX.names, found.box, strict=True))}


def _with_corners(found: TextLine | Code) -> dict[str, Any]:
    return msgspec.structs.asdict(found) | {"polygon": _corners(found.polygon)}


def _corners(polygon: Polygon) -> list[dict[str, float]]:
    return [{"x": x, "y": y} for x, y in polygon]
