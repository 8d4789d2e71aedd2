"""What of the results is drawn, and how."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import msgspec

from job_client.timeline import labelled
from shared.results import Box, Detection, FrameResult

SMOOTHED_FRAMES = 3
"""A smoothed box is the mean of those in so many frames before and after it: detectors are off by some pixels."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What is drawn.

    Attributes:
        only: Draw objects of these labels and nothing else; empty draws everything.
        min_confidence: Leave out objects and lines of text of less confidence, 0 to 1.
        text: Whether lines of text are drawn.
        track_ids: Whether labels have the number of the object in the video.
        smooth: Whether the boxes of an object are smoothed over time.
    """

    only: frozenset[str] = frozenset()
    min_confidence: float = 0.0
    text: bool = True
    track_ids: bool = False
    smooth: bool = False


EVERYTHING = Selection()


class DrawnFrame(NamedTuple):
    """What is drawn on a frame.

    Attributes:
        result: The frame's result, without what is not drawn.
        track_ids: The number of each of its objects; None where it has none, or none is drawn.
    """

    result: FrameResult
    track_ids: tuple[int | None, ...]


def drawn_frames(results: Sequence[FrameResult], selection: Selection = EVERYTHING) -> list[DrawnFrame]:
    """Return what is drawn on each frame: each object with the label that the timeline gives it."""
    objects = _tracked(results)
    if selection.smooth:
        objects = _smoothed(objects)
    return [
        _drawn(frame, objects.get(frame.frame_index) or [(found, None) for found in frame.detections], selection)
        for frame in results
    ]


def _drawn(frame: FrameResult, objects: Sequence[tuple[Detection, int | None]], selection: Selection) -> DrawnFrame:
    least, only = selection.min_confidence, selection.only
    kept = [
        (found, number)
        for found, number in objects
        if found.confidence >= least and found.label in (only or {found.label})
    ]
    lines = [line for line in frame.text_lines if selection.text and not only and line.confidence >= least]
    result = msgspec.structs.replace(
        frame,
        detections=tuple(found for found, _ in kept),
        text_lines=tuple(lines),
        codes=() if only else frame.codes,
    )
    return DrawnFrame(result, tuple(number if selection.track_ids else None for _, number in kept))


_Objects = dict[int, list[tuple[Detection, int | None]]]
"""The objects of each frame, by its index, each with the number of its track."""


def _tracked(results: Sequence[FrameResult]) -> _Objects:
    of_frames = groupby(labelled(results), key=lambda entry: entry[0].frame_index)
    return {index: [(found, track_id) for _, found, track_id in entries] for index, entries in of_frames}


def _smoothed(objects: _Objects) -> _Objects:
    """Return the objects with boxes that are means over neighbouring frames.

    A frame counts only if the object is in the one as far away on the other side too; else motion would shift the mean.
    """
    boxes: dict[int, dict[int, Box]] = defaultdict(dict)
    for index, entries in objects.items():
        for found, number in entries:
            if number is not None:
                boxes[number][index] = found.box

    def smooth(index: int, found: Detection, number: int | None) -> Detection:
        if number is None:
            return found
        steps = range(-SMOOTHED_FRAMES, SMOOTHED_FRAMES + 1)
        seen = boxes[number]
        near = [seen[index + step] for step in steps if {index - step, index + step} <= seen.keys()]
        x1, y1, x2, y2 = (sum(sides) / len(near) for sides in zip(*near, strict=True))
        return msgspec.structs.replace(found, box=(x1, y1, x2, y2))

    return {index: [(smooth(index, *entry), entry[1]) for entry in entries] for index, entries in objects.items()}
