"""Which of a frame's readings belongs to which line of the frames before."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import chain, product
from typing import TypeAlias

from job_client.timeline.geometry import BoxIndex, Motion, cover, grown, is_within, middle, shifted, union_of
from job_client.timeline.readings import Difference, difference, is_part
from job_client.timeline.spans import FrameTime
from job_client.timeline.text_place import Place
from job_client.timeline.text_run import Reading
from shared.results import Box

MIN_COVER = 0.5
"""How much of the smaller of two boxes both must share to be at one place."""

MAX_HEIGHT_RATIO = 2.0
"""By how much the heights of lines at one place may differ, unless they say the same: a line may zoom."""

MAX_JUMP = 2.0
"""How far a line that is known by its text may be from where it is expected, in its own heights."""

MAX_PUSH = 4.0
"""The same where it is pushed up or down by another that takes its place, as in a chat. Lines that jump together by the
same distance may jump by any."""

SAME_SHIFT = 0.5
"""By how much, in their heights, the jumps of lines that jump together may differ."""

MIN_KNOWN_CHARS = 4
"""How many characters a line must have to be known by what it says: the short numbers of a table come and go."""

MIN_KNOWN_LETTERS = 2
"""How many letters are enough where it is shorter."""

MIN_MOVING_CHARS = 2
"""How long it must be where nothing else in view says the same: lone characters are read in textures, now here now
there."""

_SAME_TEXT = {
    Difference.none: 3.0, Difference.misreading: 2.5, Difference.slight: 2.5, Difference.similar: 2.0,
    Difference.number: 1.0, Difference.other: 0.0,
}  # fmt: skip
"""How much saying the same counts against being at the same place, which counts 0 to 1."""

_PlaceIndex: TypeAlias = BoxIndex[tuple[int, Place]]


class Matching:
    """Which reading of a frame belongs to which place.

    Attributes:
        wholes: The readings of lines whose parts were read at several places until now, with these, from left to right.
    """

    def __init__(self, time: FrameTime, places: Sequence[Place], readings: Sequence[Reading], gap_ms: float) -> None:
        self._gap_ms = gap_ms
        self._clocks_ms, self._clock_ms = time.clocks_ms, time.clocks_ms[0]
        self._places = {place: place.motion.expected(self._clock_ms) for place in places} if readings else {}
        self._readings = dict.fromkeys(readings)
        self._matched: list[tuple[Place, Reading]] = []
        self.wholes: list[tuple[list[Place], Reading]] = []

    def matches(self) -> list[tuple[Place, Reading]]:
        """Return the places that were read again, each with its reading."""
        for match, clock_ms in product((self._match_equal, self._match_rest), self._clocks_ms):
            if self._places and self._readings:
                self._expect(clock_ms)
                match()
        return self._matched

    def unknown(self) -> list[Reading]:
        """Return the readings of no known place, without the fragments of lines that were read whole."""
        return [
            reading
            for reading in self._readings
            if not any(is_within(reading.box, whole.box) and reading.text in whole.text for whole in self._known())
        ]

    def _known(self) -> Iterator[Reading]:
        return (reading for _, reading in chain(self._matched, self.wholes))

    def _expect(self, clock_ms: float) -> None:
        """Expect the places that are left where they are at this time."""
        if clock_ms != self._clock_ms:
            self._places = {place: place.motion.expected(clock_ms) for place in self._places}
            self._clock_ms = clock_ms

    def _take(self, place: Place, *readings: Reading) -> None:
        self._matched.append((place, readings[0] if len(readings) == 1 else _joined(readings)))
        del self._places[place]
        for reading in readings:
            del self._readings[reading]

    def _places_by_text(self, texts: Set[str]) -> dict[str, list[Place]]:
        by_text: dict[str, list[Place]] = defaultdict(list)
        for place in self._places:
            if place.text in texts:
                by_text[place.text].append(place)
        return by_text

    def _match_equal(self) -> None:
        """Match what says the same at the same place, which is nearly everything."""
        by_text = self._places_by_text({reading.text for reading in self._readings})
        for reading in list(self._readings):
            for place in by_text[reading.text]:
                if cover(self._places[place], reading.box) >= MIN_COVER:
                    self._take(place, reading)
                    by_text[reading.text].remove(place)
                    break

    def _match_rest(self) -> None:
        rows = BoxIndex(((number, place), box) for number, (place, box) in enumerate(self._places.items()))
        near = self._near_places(rows)
        self._match_joined(near)
        self._match_wholes(near)
        self._match_jumped()
        self._match_nearest(rows)
        self._match_moved()

    def _match_joined(self, near: Mapping[Reading, Sequence[Place]]) -> None:
        """Match lines that are read in fragments side by side."""
        within = self._within_places(near)
        for place in [place for place in self._places if len(within.get(place, ())) > 1]:
            fragments = [reading for reading in within[place] if reading in self._readings]
            fragments.sort(key=lambda reading: reading.box)
            text = " ".join(reading.text for reading in fragments)
            if len(fragments) > 1 and (difference(text, place.text) < Difference.other or is_part(text, place.text)):
                self._take(place, *fragments)

    def _match_wholes(self, near: Mapping[Reading, Sequence[Place]]) -> None:
        """Match what says together what was read side by side until now, and began at one time."""
        for reading in [one for one in self._readings if len(near[one]) > 1]:
            box = grown(reading.box, 0.1)
            parts = [place for place in near[reading] if place in self._places and is_within(self._places[place], box)]
            parts.sort(key=self._places.__getitem__)
            text = " ".join(place.text for place in parts)
            if len(parts) > 1 and difference(text, reading.text) < Difference.other and self._began_together(parts):
                self.wholes.append((parts, reading))
                del self._readings[reading]
                for place in parts:
                    del self._places[place]

    def _began_together(self, parts: Sequence[Place]) -> bool:
        starts = [began.start_ms for place in parts if (began := place.runs.line_began)]
        return len(starts) == len(parts) and max(starts) - min(starts) <= self._gap_ms

    def _near_places(self, rows: _PlaceIndex) -> dict[Reading, list[Place]]:
        """Return the places that each reading may be a part of, or the whole of."""
        highest = max(box[3] - box[1] for box in self._places.values())
        widest = max(box[2] - box[0] for box in self._places.values())
        return {
            reading: [place for _, place in rows.near(reading.box, 0.6 * highest, 0.1 * widest)]
            for reading in self._readings
        }

    def _within_places(self, near: Mapping[Reading, Sequence[Place]]) -> dict[Place, list[Reading]]:
        """Return the readings that are within each place, which is grown by a tenth."""
        within: dict[Place, list[Reading]] = defaultdict(list)
        for reading, places in near.items():
            for place in places:
                if is_within(reading.box, grown(self._places[place], 0.1)):
                    within[place].append(reading)
        return within

    def _match_jumped(self) -> None:
        """Match lines that jump together, as where a page is scrolled, and one that jumps not far or is pushed away."""
        known = [pair for pair in self._known_by_text() if _is_known(pair[1].text)]
        jumps = [_shift(self._places[place], reading.box) for place, reading in known]
        index = BoxIndex((pair, (*jump, *jump)) for pair, jump in zip(known, jumps, strict=True))
        for (place, reading), jump in zip(known, jumps, strict=True):
            is_left = place in self._places and reading in self._readings
            if not is_left or not _is_as_high(self._places[place], reading.box):
                continue
            most = SAME_SHIFT * (reading.box[3] - reading.box[1])
            together = [one for one, _ in index.near((*jump, *jump), most, most) if one in self._places]
            if len(together) > 1:
                self._match_shifted(jump)
            elif not _is_far(self._places[place], reading.box) or self._is_pushed(place, reading):
                self._jump(place, reading)

    def _match_shifted(self, jump: tuple[float, float]) -> None:
        """Match the lines that jump so far; those that say the same elsewhere too are known by where they are."""
        index = BoxIndex((reading, reading.box) for reading in self._readings)
        for place, before in list(self._places.items()):
            box = shifted(before, *jump)
            near = [one for one in index.near(box, box[3] - box[1]) if one in self._readings]
            alike = [
                one
                for one in near
                if cover(box, one.box) >= MIN_COVER and difference(place.text, one.text) < Difference.number
            ]
            if alike:
                self._jump(place, min(alike, key=lambda one: difference(place.text, one.text)))

    def _jump(self, place: Place, reading: Reading) -> None:
        if _is_far(self._places[place], reading.box):
            place.motion = Motion(reading.box, self._clock_ms)  # a jump says nothing about motion
        self._take(place, reading)

    def _is_pushed(self, place: Place, reading: Reading) -> bool:
        """Return whether a line is in its column, not far away, where none stayed, and another one is in its place."""
        box = self._places[place]
        height = reading.box[3] - reading.box[1]
        across, down = _shift(box, reading.box)
        if abs(across) > SAME_SHIFT * height or abs(down) > MAX_PUSH * height:
            return False
        read = {one.text for one in self._readings}
        gone = (of for other, of in self._places.items() if other.text not in read)
        return not _is_any_at(reading.box, gone) and _is_any_at(box, (one.box for one in self._readings))

    def _match_nearest(self, rows: _PlaceIndex) -> None:
        """Match the rest, those first that say the same or share most."""
        scores = []
        for count, reading in enumerate(self._readings):
            reach = MAX_JUMP * MAX_HEIGHT_RATIO * (reading.box[3] - reading.box[1])
            for number, place in rows.near(reading.box, reach, reach):
                if place in self._places and (score := self._score(place, reading)) > 0:
                    scores.append((score, -number, -count, place, reading))
        for _, _, _, place, reading in sorted(scores, key=lambda entry: entry[:3], reverse=True):
            if place in self._places and reading in self._readings:
                self._take(place, reading)

    def _match_moved(self) -> None:
        """Match what says the same elsewhere, where no other place and no other reading says so."""
        for place, reading in self._known_by_text():
            if _is_near(self._places[place], reading.box):
                self._take(place, reading)

    def _known_by_text(self) -> list[tuple[Place, Reading]]:
        """Return the places and readings of the texts that one place and one reading have."""
        times_read = Counter(reading.text for reading in self._readings)
        once = {text for text, times in times_read.items() if times == 1 and len(text) >= MIN_MOVING_CHARS}
        alone = {text: places[0] for text, places in self._places_by_text(once).items() if len(places) == 1}
        return [(alone[reading.text], reading) for reading in self._readings if reading.text in alone]

    def _score(self, place: Place, reading: Reading) -> float:
        expected, box = self._places[place], reading.box
        is_other_size = not _is_as_high(expected, box)
        shared = cover(expected, box)
        if shared >= MIN_COVER:
            kind = difference(place.text, reading.text)
            return 0.0 if is_other_size and kind >= Difference.number else shared + _SAME_TEXT[kind]
        if is_other_size or len(reading.text) < MIN_KNOWN_CHARS or _is_far(expected, box):
            return 0.0
        kind = difference(place.text, reading.text)  # costs most, so it comes last
        return _SAME_TEXT[kind] if kind < Difference.number else 0.0


def _joined(readings: Sequence[Reading]) -> Reading:
    """Return fragments, from left to right, as one reading."""
    text = " ".join(reading.text for reading in readings)
    return Reading(text, min(reading.confidence for reading in readings), union_of(reading.box for reading in readings))


def _is_known(text: str) -> bool:
    return len(text) >= MIN_KNOWN_CHARS or sum(map(str.isalpha, text)) >= MIN_KNOWN_LETTERS


def _is_as_high(one: Box, other: Box) -> bool:
    """Return whether both may be the same line by their heights."""
    heights = one[3] - one[1], other[3] - other[1]
    return max(heights) <= MAX_HEIGHT_RATIO * min(heights)


def _is_near(expected: Box, box: Box) -> bool:
    """Return whether a line of this size can have moved so far since the frame before."""
    across, down = abs(box[0] - expected[0]), abs(middle(box) - middle(expected))
    reach = _reach(expected, box)
    return _is_as_high(expected, box) and across <= max(reach, box[2] - box[0]) and down <= reach


def _is_any_at(box: Box, others: Iterable[Box]) -> bool:
    return any(cover(box, other) >= MIN_COVER for other in others)


def _is_far(expected: Box, box: Box) -> bool:
    """Return whether a line is farther away than it can have moved."""
    return _distance(expected, box) > _reach(expected, box)


def _reach(expected: Box, box: Box) -> float:
    """Return how far from where it is expected a line may be that is known by its text."""
    return MAX_JUMP * max(expected[3] - expected[1], box[3] - box[1])


def _shift(one: Box, other: Box) -> tuple[float, float]:
    """Return how far a line has moved: its nearer end, as the other may be cut off or misread, and its middle."""
    across = min(other[0] - one[0], other[2] - one[2], key=abs)
    return across, middle(other) - middle(one)


def _distance(one: Box, other: Box) -> float:
    """Return how far two lines are apart: the nearer of their left and right ends, or their middles if that is more."""
    return max(map(abs, _shift(one, other)))
