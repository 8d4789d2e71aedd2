"""What was seen and when, one event a line of text or object: JSON or CSV."""

import json
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from job_client.exports.tables import csv_rows
from job_client.timeline import ObjectSpan, TextSpan, Timeline

COLUMNS = (
    "kind", "name", "track_id", "start_ms", "end_ms", "first_frame", "last_frame", "frames", "best_frame", "confidence",
    "x1", "y1", "x2", "y2",
)  # fmt: skip
"""The box is that of the best frame; a text has no track."""


def events_json(timeline: Timeline) -> Iterator[str]:
    """Yield a JSON list of the events in the order of their starts, one a line."""
    lead = "[\n"
    for event in _events(timeline):
        yield lead + json.dumps(
            dict(zip((*COLUMNS[:10], "box"), (*event[:10], event[10:]), strict=True)), ensure_ascii=False
        )
        lead = ",\n"
    yield "[]\n" if lead == "[\n" else "\n]\n"


def events_csv(timeline: Timeline) -> Iterator[str]:
    """Yield the header and a row for each event, in the order of their starts."""
    return csv_rows(COLUMNS, _events(timeline))


def _events(timeline: Timeline) -> list[Sequence[Any]]:
    events = [*map(_event, timeline.objects), *map(_event, timeline.texts)]
    return sorted(events, key=itemgetter(COLUMNS.index("start_ms")))


def _event(span: ObjectSpan | TextSpan) -> Sequence[Any]:
    what = ("object", span.label, span.track_id) if isinstance(span, ObjectSpan) else ("text", span.text, None)
    return (
        *what, span.start_ms, span.end_ms, span.first_frame, span.last_frame, span.frames, span.best_frame,
        span.confidence, *span.box,
    )  # fmt: skip
