"""The frames in which objects, lines of text and codes have their highest confidence."""

from itertools import chain
from typing import Any

from job_client.exports.events import EVENT_COLUMNS, events_of
from job_client.timeline import Timeline

BEST_FRAME, CONFIDENCE = EVENT_COLUMNS.index("best_frame"), EVENT_COLUMNS.index("confidence")


def best_frames(timeline: Timeline) -> list[int]:
    """Return the best frame of each name, then that of each event, those of the highest confidence first."""
    events = sorted(events_of(timeline), key=lambda event: -event[CONFIDENCE])
    of_names: dict[Any, Any] = {}
    for event in events:
        of_names.setdefault(event[:2], event)  # kind and name
    return list(dict.fromkeys(event[BEST_FRAME] for event in chain(of_names.values(), events)))
