"""What a video's results come to: which labels and which lines of text, where and how sure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from job_client.findings import detections_of, text_lines_of
from job_client.job import FrameResult

__all__ = ["Sighting", "labels_of", "texts_of"]


@dataclass(slots=True)
class Sighting:
    """One label or one line of text over a whole video.

    Attributes:
        name: The label or the text.
        frames: In how many frames it is.
        first_frame: The first of them.
        last_frame: The last of them.
        best_confidence: The highest confidence.
    """

    name: str
    frames: int
    first_frame: int
    last_frame: int
    best_confidence: float


def labels_of(results: Sequence[FrameResult]) -> list[Sighting]:
    """Returns the labels of the detections, most frequent first."""
    return _count((frame["frame_index"], _pairs(detections_of(frame["result"]), "label")) for frame in results)


def texts_of(results: Sequence[FrameResult]) -> list[Sighting]:
    """Returns the lines of text, most frequent first."""
    return _count((frame["frame_index"], _pairs(text_lines_of(frame["result"]), "text")) for frame in results)


def _pairs(findings: Iterable[Mapping[str, Any]], name: str) -> Iterator[tuple[str, float]]:
    for finding in findings:
        yield finding[name], finding["confidence"]


def _count(frames: Iterable[tuple[int, Iterable[tuple[str, float]]]]) -> list[Sighting]:
    sightings: dict[str, Sighting] = {}
    for index, pairs in frames:
        for name, confidence in pairs:
            sighting = sightings.setdefault(name, Sighting(name, 0, index, -1, 0.0))
            sighting.frames += sighting.last_frame != index  # several in one frame count once
            sighting.last_frame = index
            sighting.best_confidence = max(sighting.best_confidence, confidence)
    return sorted(sightings.values(), key=lambda sighting: (-sighting.frames, sighting.first_frame, sighting.name))
