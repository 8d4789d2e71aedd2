"""What the page shows, in the small form in which it carries it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from job_client.findings import detections_of, text_lines_of
from job_client.job import FrameResult
from job_client.spans import FindingKind, Span, frame_times, spans_of

__all__ = ["Row", "page_data", "rows_of"]


@dataclass(slots=True)
class Row:
    """One label or line of text over the whole video.

    Attributes:
        kind: Which of the two.
        name: The label or the text.
        spans: When it is in the picture, in order.
    """

    kind: FindingKind
    name: str
    spans: list[Span] = field(default_factory=list)

    @property
    def frames(self) -> int:
        """In how many frames it is."""
        return sum(span.last_frame - span.first_frame + 1 for span in self.spans)

    @property
    def best(self) -> Span:
        """The span with the highest confidence."""
        return max(self.spans, key=lambda span: span.best_confidence)


def rows_of(results: Sequence[FrameResult]) -> list[Row]:
    """Returns the labels and then the lines of text, of each kind the most frequent first."""
    rows: list[Row] = []
    for kind in FindingKind:
        by_name: dict[str, Row] = {}
        for span in spans_of(results, kind):
            by_name.setdefault(span.name, Row(kind, span.name)).spans.append(span)
        rows += sorted(by_name.values(), key=lambda row: (-row.frames, row.spans[0].first_frame))
    return rows


def page_data(
    results: Sequence[FrameResult],
    rows: Sequence[Row],
    thumbnails: Mapping[int, str],
    size: tuple[int, int] | None,
) -> dict[str, Any]:
    """Returns what the page's script reads; lists instead of objects wherever there are many of them.

    Args:
        results: What was found.
        rows: The same by label and line of text.
        thumbnails: Pictures of some frames, as data URLs, by frame.
        size: Width and height of the frames in pixels; None takes what encloses all that was found.
    """
    numbers = {(row.kind, row.name): number for number, row in enumerate(rows)}
    times = frame_times(results)
    found = [_findings(frame["result"], numbers) for frame in results]
    most = _most_at_once(found)
    return {
        "size": list(size or _extent(results)),
        "end": times[-1][1] if times else 0,
        "frames": [[frame["frame_index"], start] for frame, (start, _) in zip(results, times, strict=True)],
        "rows": [
            [row.kind.value, row.name, row.frames, most[number], [_span(span) for span in row.spans]]
            for number, row in enumerate(rows)
        ],
        "found": found,
        "thumbnails": {str(frame): url for frame, url in thumbnails.items()},
    }


def _span(span: Span) -> list[float]:
    return [span.first_frame, span.last_frame, span.start_ms, span.end_ms, span.best_confidence, span.best_frame]


def _findings(result: Mapping[str, Any], numbers: Mapping[tuple[FindingKind, str], int]) -> list[list[float]]:
    """Returns the row, the confidence and the corners of everything found in a frame."""
    objects = (
        [numbers[FindingKind.label, found["label"]], found["confidence"], *found["box"]]
        for found in detections_of(result)
    )
    lines = (
        [numbers[FindingKind.text, line["text"]], line["confidence"], *_flat(line["polygon"])]
        for line in text_lines_of(result)
    )
    return [*objects, *lines]


def _most_at_once(found: Iterable[Sequence[Sequence[float]]]) -> Counter[float]:
    """Returns of each row how many of it are in one frame at most."""
    most: Counter[float] = Counter()
    for findings in found:
        most |= Counter(finding[0] for finding in findings)
    return most


def _flat(polygon: Iterable[Iterable[float]]) -> list[float]:
    return [value for point in polygon for value in point]


def _extent(results: Sequence[FrameResult]) -> tuple[int, int]:
    width = height = 1.0
    for frame in results:
        found = frame["result"]
        corners = [box["box"] for box in detections_of(found)]
        corners += [_flat(line["polygon"]) for line in text_lines_of(found)]
        for values in corners:
            width, height = max(width, *values[::2]), max(height, *values[1::2])
    return round(width), round(height)
