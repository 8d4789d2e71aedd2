"""What the page's script reads of one video."""

import zlib
from array import array
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from job_client.exports.events import EVENT_COLUMNS, events_of
from job_client.report.best_frames import best_frames
from job_client.report.boxes import boxes_of, packed
from job_client.timeline import Timeline
from job_client.timeline.spans import timed
from shared.results import FrameResult

NAME = EVENT_COLUMNS.index("name")


def page_data(
    results: Sequence[FrameResult],
    timeline: Timeline,
    noise: Timeline,
    thumbnails: Mapping[int, str],
    size: tuple[int, int] | None,
) -> dict[str, str]:
    """Return the data, each part compressed, in base64: `facts` is JSON, `times` and `boxes` are numbers.

    Args:
        results: The result of every frame.
        timeline: What is in the video.
        noise: What was left out of that.
        thumbnails: Small images of some frames, as data URLs, by frame.
        size: Width and height of the frames in pixels; None takes those of the video once
            the page shows it, and before what encloses all boxes.
    """
    kept, dropped = events_of(timeline), events_of(noise)
    boxes = boxes_of(results, best_frames(timeline))
    names: dict[str, int] = {}
    facts = {
        "size": size,
        "start": timeline.start_ms,
        "end": timeline.end_ms,
        "columns": EVENT_COLUMNS,
        "labels": boxes.labels,
        "kept": len(kept),
        "events": [_numbered(event, names) for event in (*kept, *dropped)],
        "names": list(names),
        "thumbnails": {str(frame): url for frame, url in thumbnails.items()},
    }
    return {
        "facts": b64encode(zlib.compress(msgspec.json.encode(facts))).decode(),
        "times": packed(array("d", (time.start_ms for _, time in timed(results)))),
        "boxes": boxes.packed,
    }


def _numbered(event: Sequence[Any], names: dict[str, int]) -> list[Any]:
    """Return the event with the number of its name in place of the name: most names are many events'."""
    return [*event[:NAME], names.setdefault(event[NAME], len(names)), *event[NAME + 1 :]]
