"""How a timeline is made of results."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import msgspec

from job_client.timeline.code_tracker import CodeTracker
from job_client.timeline.object_tracker import ObjectTracker
from job_client.timeline.settings import DEFAULT_SETTINGS, TimelineSettings
from job_client.timeline.spans import CodeSpan, Following, ObjectSpan, TextSpan, timed
from job_client.timeline.text_tracker import TextTracker
from shared.results import Detection, FrameResult


@dataclass(frozen=True, slots=True)
class Timeline:
    """What is in a video, and when.

    Attributes:
        texts: The lines of text in the order of their starts, then from top to bottom.
        objects: The objects in the order of their starts, then of their numbers.
        codes: The codes in the order of their starts, then by what they say.
        frames: How many frames there are.
        start_ms: When the first of them is shown, in milliseconds.
        end_ms: When the last one ends.
    """

    texts: tuple[TextSpan, ...]
    objects: tuple[ObjectSpan, ...]
    codes: tuple[CodeSpan, ...]
    frames: int
    start_ms: float
    end_ms: float


def timeline_of(
    frames: Iterable[FrameResult], settings: TimelineSettings = DEFAULT_SETTINGS, following: Following | None = None
) -> Timeline:
    """Return the timeline of results, holding no more of them than the things now in view.

    Args:
        frames: The results of a video's frames, in display order.
        settings: When two sightings are of one thing, and what is noise.
        following: Returns the frame behind them, which says when the last of them ends.
    """
    texts, objects, codes = TextTracker(settings), ObjectTracker(settings), CodeTracker(settings)
    read: list[TextSpan] = []
    scanned: list[CodeSpan] = []
    count, start_ms, end_ms = 0, 0.0, 0.0
    for frame, time in timed(frames, following):
        read.extend(texts.add(time, frame.text_lines))
        objects.add(time, frame.detections)
        scanned.extend(codes.add(time, frame.codes))
        start_ms = start_ms if count else time.start_ms
        count, end_ms = count + 1, time.end_ms
    read.extend(texts.finish())
    scanned.extend(codes.finish())
    objects.finish()
    read.sort(key=lambda span: (span.first_frame, span.first_box[1], span.first_box[0], span.text))
    followed = sorted(objects.ended, key=lambda span: (span.first_frame, span.track_id))
    scanned.sort(key=lambda span: (span.first_frame, span.text, span.format))
    return Timeline(tuple(read), tuple(followed), tuple(scanned), count, start_ms, end_ms)


def timeline_and_noise(
    frames: Iterable[FrameResult], settings: TimelineSettings = DEFAULT_SETTINGS, following: Following | None = None
) -> tuple[Timeline, Timeline]:
    """Return the timeline, and that of the noise alone, after one pass over the results.

    Args:
        frames: The results of a video's frames, in display order.
        settings: When two sightings are of one thing, and what is noise.
        following: Returns the frame behind them, which says when the last of them ends.
    """
    both = timeline_of(frames, replace(settings, min_text_evidence=0.0, min_object_evidence=0.0), following)

    def part(*, noise: bool) -> Timeline:
        texts = (span for span in both.texts if (span.evidence < settings.min_text_evidence) is noise)
        objects = (span for span in both.objects if (span.evidence < settings.min_object_evidence) is noise)
        return replace(both, texts=tuple(texts), objects=tuple(objects), codes=() if noise else both.codes)

    return part(noise=False), part(noise=True)


def tracked(
    frames: Iterable[FrameResult], settings: TimelineSettings = DEFAULT_SETTINGS
) -> Iterator[tuple[FrameResult, Detection, int | None]]:
    """Yield each detection of each frame with the `track_id` of its object in the timeline.

    An object that is noise has one as well; a detection that is of no object has None.
    """
    objects = ObjectTracker(settings)
    for frame, time in timed(frames):
        ids = objects.add(time, frame.detections)
        yield from ((frame, found, track_id) for found, track_id in zip(frame.detections, ids, strict=True))


def labelled(frames: Iterable[FrameResult]) -> Iterator[tuple[FrameResult, Detection, int | None]]:
    """Yield the same as `tracked`, each detection with the label that its object has in the timeline."""
    objects = ObjectTracker(replace(DEFAULT_SETTINGS, min_object_evidence=0.0))
    seen = [(frame, objects.add(time, frame.detections)) for frame, time in timed(frames)]
    objects.finish()
    labels = {span.track_id: span.label for span in objects.ended}
    for frame, ids in seen:
        for found, track_id in zip(frame.detections, ids, strict=True):
            label = found.label if track_id is None else labels[track_id]
            yield frame, found if label == found.label else msgspec.structs.replace(found, label=label), track_id
