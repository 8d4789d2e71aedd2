"""What was seen and when, one event a line of text, object or code: JSON or CSV."""

import json
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from job_client.exports.tables import csv_rows
from job_client.timeline import CodeSpan, ObjectSpan, TextSpan, Timeline

EVENT_COLUMNS = (
    "kind", "name", "track_id", "format", "start_ms", "end_ms", "first_frame", "last_frame", "frames", "best_frame",
    "confidence", "x1", "y1", "x2", "y2", "bytes",
)  # fmt: skip
"""The box is that of the best frame; texts and codes have no track, and only codes a format, and bytes where they are
no text."""
_BOX = ("x1", "y1", "x2", "y2")


def events_json(timeline: Timeline) -> Iterator[str]:
    """Yield a JSON list of the events in the order of their starts, one a line."""
    lead = "[\n"
    for event in events_of(timeline):
        yield lead + json.dumps(_object(event), ensure_ascii=False)
        lead = ",\n"
    yield "[]\n" if lead == "[\n" else "\n]\n"


def _object(event: Sequence[Any]) -> dict[str, Any]:
    """Return an event by the names of its columns, with the sides of the box as one value."""
    named = dict(zip(EVENT_COLUMNS, event, strict=True))
    box = [named.pop(side) for side in _BOX]
    return named | {"box": box}


def events_csv(timeline: Timeline) -> Iterator[str]:
    """Yield the header and a row for each event, in the order of their starts."""
    return csv_rows(EVENT_COLUMNS, events_of(timeline))


def events_of(timeline: Timeline) -> list[Sequence[Any]]:
    """Return the events in the order of their starts, each with the values of `EVENT_COLUMNS`."""
    events = [*map(_event, timeline.objects), *map(_event, timeline.texts), *map(_event, timeline.codes)]
    return sorted(events, key=itemgetter(EVENT_COLUMNS.index("start_ms")))


def _event(span: ObjectSpan | TextSpan | CodeSpan) -> Sequence[Any]:
    return (
        *_what(span), span.start_ms, span.end_ms, span.first_frame, span.last_frame, span.frames, span.best_frame,
        span.confidence, *span.box, span.bytes if isinstance(span, CodeSpan) else None,
    )  # fmt: skip


def _what(span: ObjectSpan | TextSpan | CodeSpan) -> tuple[str, str, int | None, str | None]:
    if isinstance(span, ObjectSpan):
        return "object", span.label, span.track_id, None
    if isinstance(span, CodeSpan):
        return "code", span.text, None, span.format
    return "text", span.text, None, None
