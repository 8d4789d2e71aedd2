"""When each label and each line of text is in the picture: sightings in consecutive frames, merged into spans."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from job_client.findings import detections_of, text_lines_of, timestamp_of
from job_client.job import FrameResult

__all__ = ["FindingKind", "Span", "frame_times", "spans_of"]

DEFAULT_FRAME_MS = 40.0
"""How long a frame is shown where the results do not tell: 25 a second."""


class FindingKind(StrEnum):
    """What was found.

    Attributes:
        label: An object, by its label.
        text: A line of text.
    """

    label = "label"
    text = "text"


_FINDINGS: dict[FindingKind, tuple[Callable[[Mapping[str, Any]], list[dict[str, Any]]], str]] = {
    FindingKind.label: (detections_of, "label"),
    FindingKind.text: (text_lines_of, "text"),
}


@dataclass(slots=True)
class Span:
    """One label or line of text while it is in every frame.

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


def frame_times(results: Sequence[FrameResult]) -> list[tuple[float, float]]:
    """Returns from when to when each frame is shown, in milliseconds.

    A frame ends when the next one begins; the last one is as long as the one before.
    """
    starts = [_start_of(frame) for frame in results]
    last = starts[-1] - starts[-2] if len(starts) > 1 else DEFAULT_FRAME_MS
    return list(zip(starts, [*starts[1:], *(start + last for start in starts[-1:])], strict=True))


def spans_of(results: Sequence[FrameResult], kind: FindingKind) -> list[Span]:
    """Returns the spans of every label or line of text, in the order of their starts."""
    spans: list[Span] = []
    latest: dict[str, Span] = {}
    for frame, (start_ms, end_ms) in zip(results, frame_times(results), strict=True):
        index = frame["frame_index"]
        for name, confidence in _sightings(frame, kind):
            span = latest.get(name)
            if span is None or span.last_frame < index - 1:
                span = latest[name] = Span(name, index, index, start_ms, end_ms, confidence, index)
                spans.append(span)
            span.last_frame, span.end_ms = index, end_ms
            if confidence > span.best_confidence:
                span.best_confidence, span.best_frame = confidence, index
    return spans


def _start_of(frame: FrameResult) -> float:
    stated = timestamp_of(frame["result"])
    return frame["frame_index"] * DEFAULT_FRAME_MS if stated is None else stated


def _sightings(frame: FrameResult, kind: FindingKind) -> Iterator[tuple[str, float]]:
    findings_of, name = _FINDINGS[kind]
    for finding in findings_of(frame["result"]):
        yield finding[name], finding["confidence"]
