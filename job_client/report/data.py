"""The results in the compact form in which the page holds them."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple
from typing import Any

from job_client.spans import Occurrence, frame_times, occurrences_of
from job_client.summary import SummaryRow
from shared.results import FrameResult


def page_data(
    results: Sequence[FrameResult],
    rows: Sequence[SummaryRow],
    thumbnails: Mapping[int, str],
    size: tuple[int, int] | None,
) -> dict[str, Any]:
    """Return what the page's script reads; lists instead of objects wherever there are many of them.

    Args:
        results: The result of every frame.
        rows: Their labels and lines of text.
        thumbnails: Small images of some frames, as data URLs, by frame.
        size: Width and height of the frames in pixels; None takes what encloses all boxes and polygons.
    """
    numbers = {(row.kind, row.name): number for number, row in enumerate(rows)}
    times = frame_times(results)
    frames = [list(occurrences_of(frame)) for frame in results]
    found = [[[numbers[one.kind, one.name], one.confidence, *one.coordinates] for one in frame] for frame in frames]
    most = _most_at_once(found)
    return {
        "size": list(size or _extent(frames)),
        "end": times[-1][1] if times else 0,
        "frames": [[frame.frame_index, start] for frame, (start, _) in zip(results, times, strict=True)],
        "rows": [
            # Of a span all but its name, which is the row's.
            [row.kind.value, row.name, row.frames, most[number], [astuple(span)[1:] for span in row.spans]]
            for number, row in enumerate(rows)
        ],
        "found": found,
        "thumbnails": {str(frame): url for frame, url in thumbnails.items()},
    }


def _most_at_once(found: Iterable[Sequence[Sequence[float]]]) -> Counter[float]:
    """Return for each row how many of it are in one frame at most."""
    most: Counter[float] = Counter()
    for frame in found:
        most |= Counter(row for row, *_ in frame)
    return most


def _extent(frames: Iterable[Iterable[Occurrence]]) -> tuple[int, int]:
    width = height = 1.0
    for frame in frames:
        for one in frame:
            width, height = max(width, *one.coordinates[::2]), max(height, *one.coordinates[1::2])
    return round(width), round(height)
