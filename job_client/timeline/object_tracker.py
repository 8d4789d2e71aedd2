"""Objects, followed from frame to frame: one track a thing.

As in ByteTrack (Zhang et al., 2022), detections of high confidence are matched with the tracks first, and those of low
confidence with the tracks that are left: they go on with a track, and never begin one. Where all is to be kept, a
second tracker follows what is left then, so that the tracks of the first are the same with and without it. As in C-BIoU
(Yang et al., 2023), boxes are grown before their overlap is measured, so that small and fast things overlap from frame
to frame. Detections that are left may be parts of things that were covered, see `ObjectMotion`. Matches are made
greedily, the largest overlap first, which is deterministic.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import replace
from itertools import product

from job_client.timeline.geometry import BoxIndex, grown, middle, overlap
from job_client.timeline.object_motion import ObjectMotion
from job_client.timeline.settings import TimelineSettings
from job_client.timeline.spans import FrameTime, ObjectSpan, Sighting
from shared.results import Box, Detection

HIGH_CONFIDENCE = 0.4
"""From which confidence a detection may begin a track; how far it is above that is its evidence."""

MIN_OVERLAP = 0.2
"""What grown boxes must share, as intersection over union, to be of one thing."""

MIN_OVERLAP_OF_LOW = 0.4
"""The same for a detection of low confidence, which may be of something else."""

MIN_OVERLAP_OF_PART = 0.1
"""The same for a detection, and a thing as it was before others covered it: what comes into view again is a part."""

OVERLAP_OF_LABEL = 0.3
"""What the same label counts as, against overlap: a car is sooner the car beside it than the person in front."""

GROWTH = 0.3
"""Which share of its width and height a box is grown by, on each side."""

OTHER_LABEL_OVERLAP = 0.3
"""The same for another label, and for boxes that are not grown: after a cut a person may be where a dog was, but a ball
that bounces is off its expected place, and may be taken for an orange there."""

DUPLICATE_OVERLAP = 0.55
"""From which overlap two detections of one label in a frame are of one thing: detectors give some things two boxes."""

TWO_LABELS_OVERLAP = 0.8
"""The same for two labels, which may be a person and the motorcycle that they sit on."""


class _Track:
    def __init__(self, time: FrameTime, found: Detection, track_id: int) -> None:
        self.track_id = track_id
        self.motion = ObjectMotion(found.box, time.clocks_ms[0])
        self.label = found.label
        self.evidence = 0.0
        self._sighting = Sighting.at(time, found.confidence, found.box)
        self._votes: dict[str, float] = {}
        self._best: dict[str, tuple[float, int, Box]] = {}
        self._count(time, found)

    def add(self, time: FrameTime, found: Detection) -> None:
        self.motion.moved_to(found.box, time.clocks_ms)
        self._sighting.extend(Sighting.at(time, found.confidence, found.box))
        self._count(time, found)
        if len(self._votes) > 1:
            self.label = max(self._votes, key=lambda label: (self._votes[label], label))

    def may_be(self, found: Detection, clock_ms: float) -> bool:
        """Return whether it is known by this label, or so much of the place is shared that the label may be wrong."""
        return found.label == self.label or overlap(found.box, self.motion.expected(clock_ms)) >= OTHER_LABEL_OVERLAP

    def _count(self, time: FrameTime, found: Detection) -> None:
        label, confidence = found.label, found.confidence
        self.evidence += max(0.0, confidence - HIGH_CONFIDENCE) * time.weight
        self._votes[label] = self._votes.get(label, 0.0) + confidence * time.votes
        if label not in self._best or confidence > self._best[label][0]:
            self._best[label] = confidence, time.index, found.box

    @property
    def last(self) -> FrameTime:
        """The latest frame in which it was found."""
        return self._sighting.last

    def span(self) -> ObjectSpan:
        """Return what was seen; the best frame is that of the label that was voted."""
        self._sighting.confidence, self._sighting.best_frame, self._sighting.box = self._best[self.label]
        return ObjectSpan(*self._sighting.span(), label=self.label, track_id=self.track_id, evidence=self.evidence)


class ObjectTracker:
    """The objects of one video, from frame to frame.

    Attributes:
        ended: The tracks that are over and no noise, in the order of their ends.

    Args:
        settings: For how long an object may be missed, and which tracks are noise.
        begin_confidence: From which confidence a detection may begin a track.
    """

    def __init__(self, settings: TimelineSettings, begin_confidence: float = HIGH_CONFIDENCE) -> None:
        self.ended: list[ObjectSpan] = []
        self._settings = settings
        self._tracks: list[_Track] = []
        self._begun = 0
        self._begin_confidence = begin_confidence
        keeps_all = begin_confidence > 0 and settings.min_object_evidence <= 0
        self._weak = ObjectTracker(settings, begin_confidence=0.0) if keeps_all else None

    def add(self, time: FrameTime, detections: Sequence[Detection]) -> list[int | None]:
        """Take in the detections of the next frame.

        Returns:
            For each detection the number of its track, counted from 1; None where it is of no track.
        """
        self._leave(time)
        matched = self._matched(time, detections)
        for number, track in matched.items():
            track.add(time, detections[number])
        weak = []
        new = [(number, found) for number, found in enumerate(detections) if number not in matched]
        known = _Known(detections[number] for number in (matched if new else ()))
        for number, found in new:
            if found.confidence < self._begin_confidence:
                weak.append(found)
            elif known.lacks(found):
                matched[number] = self._begin(time, found)
                known.add(found)
        if self._weak:
            self._weak.add(time, list(filter(known.lacks, weak)))
        return [matched[number].track_id if number in matched else None for number in range(len(detections))]

    def finish(self) -> None:
        """End the tracks that are left."""
        self._end(self._tracks)
        self._tracks = []
        if self._weak:
            self._weak.finish()
            self.ended += [replace(span, track_id=self._begun + span.track_id) for span in self._weak.ended]

    def _matched(self, time: FrameTime, detections: Sequence[Detection]) -> dict[int, _Track]:
        """Return the track that each detection goes on with, by the detection's place in the list."""
        matched: dict[int, _Track] = {}
        if not (detections and self._tracks):
            return matched
        high = [number for number, found in enumerate(detections) if found.confidence >= HIGH_CONFIDENCE]
        low = [number for number, found in enumerate(detections) if found.confidence < HIGH_CONFIDENCE]
        left = {track.track_id: track for track in self._tracks}
        for (numbers, least), clock_ms in product(((high, MIN_OVERLAP), (low, MIN_OVERLAP_OF_LOW)), time.clocks_ms):
            sought = [(number, detections[number]) for number in numbers if number not in matched]
            _take(_pairs(left.values(), sought, clock_ms, least), left, matched)
        if covered := [track for track in left.values() if track.motion.is_covered]:
            known = _Known(detections[number] for number in matched)
            unknown = [(number, detections[number]) for number in high if number not in matched]
            sought = [(number, found) for number, found in unknown if known.lacks(found)]
            pairs = _pairs(covered, sought, time.clocks_ms[0], MIN_OVERLAP_OF_PART, ObjectMotion.expected_whole)
            for track in _take(pairs, left, matched):
                track.motion.uncover()
        return matched

    def _begin(self, time: FrameTime, found: Detection) -> _Track:
        self._begun += 1
        track = _Track(time, found, self._begun)
        self._tracks.append(track)
        return track

    def _leave(self, time: FrameTime) -> None:
        """End the tracks that were not found for too long."""
        oldest_ms = time.start_ms - self._settings.object_gap_ms
        left = [track for track in self._tracks if track.last.end_ms < oldest_ms]
        if left:
            self._tracks = [track for track in self._tracks if track.last.end_ms >= oldest_ms]
            self._end(left)

    def _end(self, tracks: Sequence[_Track]) -> None:
        self.ended += [track.span() for track in tracks if track.evidence >= self._settings.min_object_evidence]


def _take(pairs: Iterable[tuple[int, int]], left: dict[int, _Track], matched: dict[int, _Track]) -> list[_Track]:
    """Match the pairs of which neither is matched yet; return the tracks of these."""
    taken = []
    for track_id, number in pairs:
        if track_id in left and number not in matched:
            matched[number] = left.pop(track_id)
            taken.append(matched[number])
    return taken


def _pairs(
    tracks: Collection[_Track],
    detections: Sequence[tuple[int, Detection]],
    clock_ms: float,
    least: float,
    expected_at: Callable[[ObjectMotion, float], Box] = ObjectMotion.expected,
) -> list[tuple[int, int]]:
    """Return the numbers of tracks, and of detections that may go on with them, the best pair first.

    Args:
        tracks: Tracks that have no detection in this frame.
        detections: Numbers of detections that have no track, and these themselves.
        clock_ms: The time for which the tracks are expected.
        least: What a track and a detection must share.
        expected_at: Returns where a track is expected then.
    """
    if not (tracks and detections):
        return []
    places = [grown(expected_at(track.motion, clock_ms), GROWTH) for track in tracks]
    highest = max(expected[3] - expected[1] for expected in places)
    rows = BoxIndex((place, place[1]) for place in zip(tracks, places, strict=True))
    scores = []
    for number, found in detections:
        box = grown(found.box, GROWTH)
        for track, expected in rows.near(box, (highest + box[3] - box[1]) / 2):
            if (shared := overlap(expected, box)) >= least and track.may_be(found, clock_ms):
                score = shared + OVERLAP_OF_LABEL * (found.label == track.label)
                scores.append((-score, track.track_id, number))
    return [(track_id, number) for _, track_id, number in sorted(scores)]


class _Known:
    """The detections of a frame that are of a track, in the order of their middles."""

    def __init__(self, detections: Iterable[Detection]) -> None:
        self._detections = sorted(detections, key=_row)

    def add(self, found: Detection) -> None:
        insort(self._detections, found, key=_row)

    def lacks(self, found: Detection) -> bool:
        """Return whether none of them is of the same thing; boxes that share half have each other's middle in them."""
        first = bisect_left(self._detections, found.box[1], key=_row)
        last = bisect_right(self._detections, found.box[3], key=_row)
        return all(
            overlap(found.box, other.box) < (DUPLICATE_OVERLAP if other.label == found.label else TWO_LABELS_OVERLAP)
            for other in self._detections[first:last]
        )


def _row(found: Detection) -> float:
    return middle(found.box)
