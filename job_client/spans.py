"""When each label, line of text and code is visible: its occurrences in consecutive frames, merged into spans."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain
from typing import NamedTuple

from shared.results import FrameResult, one_line

DEFAULT_FRAME_MS = 40.0
"""How long a frame is shown where the results state no times: 25 frames a second."""


class SpanKind(StrEnum):
    """What a span is of.

    Attributes:
        label: An object, by its label.
        text: A line of text.
        code: What a code says.
    """

    label = "label"
    text = "text"
    code = "code"


class Occurrence(NamedTuple):
    """One object, line of text or code in one frame.

    Attributes:
        kind: Which of them.
        name: The label or the text.
        confidence: The model's confidence, 0 to 1; 1 for a code, whose check digits are right.
        coordinates: The box `(x1, y1, x2, y2)` or the corners `(x1, y1, ..., x4, y4)`, in pixels of the frame.
    """

    kind: SpanKind
    name: str
    confidence: float
    coordinates: tuple[float, ...]


@dataclass(slots=True)
class Span:
    """One label, line of text or code over consecutive frames.

    Attributes:
        name: The label or the text.
        first_frame: The first frame it is in.
        last_frame: The last one.
        start_ms: When the first frame is shown.
        end_ms: When the frame after the last one is shown.
        best_confidence: The highest confidence.
        best_frame: The frame of that.
    """

    name: str
    first_frame: int
    last_frame: int
    start_ms: float
    end_ms: float
    best_confidence: float
    best_frame: int


def occurrences_of(frame: FrameResult) -> Iterator[Occurrence]:
    """Yield the frame's objects, its lines of text and its codes, each in their order."""
    for found in frame.detections:
        yield Occurrence(SpanKind.label, found.label, found.confidence, found.box)
    for line in frame.text_lines:
        yield Occurrence(SpanKind.text, line.text, line.confidence, tuple(chain.from_iterable(line.polygon)))
    for code in frame.codes:
        yield Occurrence(SpanKind.code, one_line(code.text), 1.0, tuple(chain.from_iterable(code.polygon)))


def frame_times(results: Sequence[FrameResult]) -> list[tuple[float, float]]:
    """Return from when to when each frame is shown, in milliseconds.

    A frame ends when the next one begins; the last one is as long as the one before.
    """
    starts = [
        frame.frame_index * DEFAULT_FRAME_MS if frame.timestamp_ms is None else frame.timestamp_ms for frame in results
    ]
    last = starts[-1] - starts[-2] if len(starts) > 1 else DEFAULT_FRAME_MS
    return list(zip(starts, [*starts[1:], *(start + last for start in starts[-1:])], strict=True))


def spans_of(results: Sequence[FrameResult], kind: SpanKind) -> list[Span]:
    """Return the spans of every label, line of text or code, in the order of their starts."""
    spans: list[Span] = []
    latest: dict[str, Span] = {}
    for frame, (start_ms, end_ms) in zip(results, frame_times(results), strict=True):
        index = frame.frame_index
        for _, name, confidence, _ in (found for found in occurrences_of(frame) if found.kind is kind):
            span = latest.get(name)
            if span is None or span.last_frame < index - 1:
                span = latest[name] = Span(name, index, index, start_ms, end_ms, confidence, index)
                spans.append(span)
            span.last_frame, span.end_ms = index, end_ms
            if confidence > span.best_confidence:
                span.best_confidence, span.best_frame = confidence, index
    return spans
