"""What was read at one place, frame after frame, and which lines of text were shown there.

A line's readings flicker: DOLLARAMA, DOLLARAMA-E, DOLLARAMA. A subtitle's successor may differ as little: "Line 1",
"Line 2". Which of the two it is shows only in what comes after it. So the text that was shown is the hidden state of a
Markov chain whose observations are the readings, and the cheapest sequence of states is found by the Viterbi algorithm:
a reading that differs from what is shown costs something in each frame, and so does a change of what is shown.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, takewhile
from operator import attrgetter, itemgetter
from typing import NamedTuple

from job_client.timeline.geometry import union_of
from job_client.timeline.readings import Difference, difference, voted, weight_of
from job_client.timeline.revealed import RevealedText
from job_client.timeline.settings import TimelineSettings
from job_client.timeline.spans import FrameTime, Sighting, TextSpan
from shared.results import Box

CHANGE_COST = 4.0
"""Of a change of the text that is shown. Twice that is what a flicker may cost, which is a change and a change back."""

CHANGE_COST_AFTER_GAP = 2.0
"""The same where nothing was read for a while: one line goes, the next one comes."""

STEADY_COST = 8.2
"""What a reading costs that is as steady as text that is shown: a change and a change back are cheaper."""

CHANGE_COST_WHILE_ZOOMING = 8.4
"""The same while the line grows or shrinks: it is part of the scene, as on a car that comes nearer, and read the better
the nearer it is. What changes is an overlay, which stays as large as it is."""

ZOOM = 1.25
"""By how much a line must have grown or shrunk, while two readings were read, for that to be so."""


class Cost(NamedTuple):
    """What readings that differ from what is shown cost, by their weight.

    Attributes:
        rate: For each 40 ms, each frame, or each sure frame, up to a limit.
        limit: Of the weight. One kind of misreading may last: images of a still scene are all alike.
        rate_beyond: Beyond it.
        steady: From how many sure frames of 40 ms on an unbroken run of them is no misreading.
    """

    rate: float
    limit: float = math.inf
    rate_beyond: float = 0.0
    steady: float = math.inf


COSTS = {
    Difference.none: Cost(0.0),
    Difference.misreading: Cost(0.18, 25.0),  # a change if it lasts for a second, and the old reading does not return
    Difference.slight: Cost(0.18, 25.0, steady=15.0),  # likewise, or if it was surely read for 0.8 seconds
    Difference.similar: Cost(1.0, 6.0, 0.08, 8.5),  # a change if it lasts for 0.2 seconds, or for 0.5 if it returns
    Difference.number: Cost(10.5, 2 / 3, 0.7),  # by sureness: a change, unless the old number returns in two frames
    Difference.other: Cost(7.0),  # each frame, or 40 ms where frames are shorter: a change, if there are two
}

SURENESS_POWER = 12
"""A reading is sure by its confidence to this power: 0.9 at 0.99, 0.5 at 0.95, and 0.1 at 0.82, which is what edges and
textures are read with that are no text."""

MIN_MOVE = 0.25
"""By how much of its height an end of a line must move to be no jitter: of a slow crawl the same is read for long."""

FLASH_SHARE = 0.25
"""What other text that flashes up at the place of a line counts: a wrong reading is likelier than a sign that changes
for a moment and then says again what it said."""

LONE_CHARACTER = 0.2
"""As how many characters one counts that stands alone, and text that has neither letters nor digits."""

MAX_RUNS = 64
"""How many runs of equal readings are kept before the older ones are settled."""

UNSETTLED_RUNS = 16
"""How many of them are left, since what comes after them may tell what they were."""

AHEAD_MS = 1000.0
"""What begins so soon after a reading may be what was shown with it: first readings are often wrong, as in a fade."""

MAX_AHEAD = 8
MAX_OFTEN = 4
MAX_STATES = 8
"""How many runs ahead are looked at, and how many texts are taken into account at once: those read most there, and
those that explain the readings best so far."""

MAX_READINGS = 64
"""How many readings of one line are counted; more are of no use to a vote."""


class Reading(NamedTuple):
    """What was read in one frame."""

    text: str
    confidence: float
    box: Box


class _Run:
    """Equal readings in a row."""

    __slots__ = ("after_gap", "sighting", "sure_votes", "sureness", "text", "votes", "weight")

    def __init__(self, time: FrameTime, reading: Reading, *, after_gap: bool) -> None:
        self.text = reading.text
        self.after_gap = after_gap
        self.weight = 0.0
        self.votes = 0.0
        self.sureness = 0.0
        self.sure_votes = 0.0
        self.sighting = Sighting.at(time, reading.confidence, reading.box)
        self._count(time, reading)

    def add(self, time: FrameTime, reading: Reading) -> None:
        self.sighting.extend(Sighting.at(time, reading.confidence, reading.box))
        self._count(time, reading)

    def _count(self, time: FrameTime, reading: Reading) -> None:
        weight, sureness = weight_of(reading.confidence), reading.confidence**SURENESS_POWER
        self.weight += weight * min(time.weight, time.votes)
        self.votes += weight * time.votes
        self.sureness += sureness
        self.sure_votes += sureness * time.votes

    @property
    def evidence(self) -> float:
        """How surely there was text at all: the longer, the surer; textures look like lone characters."""
        characters = sum(map(str.isalnum, self.text))
        if characters > 1:
            return self.sureness * (characters - 0.5)
        return LONE_CHARACTER * self.sure_votes if self.text.strip() else 0.0

    @property
    def growth(self) -> float:
        """How many times as high the line was when it was last read so."""
        first, last = (box[3] - box[1] for box in (self.sighting.first_box, self.sighting.last_box))
        return last / first if first > 0 else 1.0

    @property
    def moves(self) -> bool:
        """Whether one of its ends moved while it was read so."""
        first, last = self.sighting.first_box, self.sighting.last_box
        return max(abs(first[0] - last[0]), abs(first[2] - last[2])) > MIN_MOVE * (last[3] - last[1])

    def flash(self, min_evidence: float) -> Iterator[TextSpan]:
        """Yield this as a line of its own, where it is none of those that are shown before and after it."""
        evidence = FLASH_SHARE * self.evidence
        if evidence >= min_evidence:
            yield TextSpan(*self.sighting.span(), text=self.text, evidence=evidence)

    def cost_if_shown(self, text: str) -> float:
        """Return what it costs to take this for readings of another text."""
        kind = difference(self.text, text)
        rate, limit, rate_beyond, steady = COSTS[kind]
        weight = self.votes
        if kind is Difference.number:
            weight = self.sureness
        elif kind is Difference.other:
            weight = self.weight
        within = min(weight, limit)
        cost = rate * within + rate_beyond * (weight - within)
        return max(cost, STEADY_COST) if self.sure_votes >= steady else cost


class _Line:
    """A line of text that was shown: its runs, added up."""

    def __init__(self, state: str) -> None:
        self.state = state
        self._votes: dict[str, float] = {}
        self._evidence = 0.0
        self._sighting: Sighting | None = None
        self._longest: _Run | None = None

    def goes_on(self, state: str, time: FrameTime, gap_ms: float) -> bool:
        """Return whether this text, shown in a later frame, is it: other text may have been read there for long."""
        is_over = self._sighting is not None and self._sighting.last.end_ms < time.start_ms - gap_ms
        return state == self.state and not is_over

    def add(self, run: _Run) -> bool:
        """Take in a run, unless it reads something else altogether; return whether it was taken in."""
        kind = difference(run.text, self.state)
        if kind is Difference.other:
            return False
        if kind is not Difference.number:  # of two numbers no third one can be voted
            self._count(run)
        self._evidence += run.evidence
        if self._sighting:
            self._sighting.extend(run.sighting)
        else:
            self._sighting = run.sighting
        return True

    def _count(self, run: _Run) -> None:
        if self._longest is None or run.votes > self._longest.votes:
            self._longest = run
        self._votes[run.text] = self._votes.get(run.text, 0.0) + run.votes
        if len(self._votes) > MAX_READINGS:
            self._votes = dict(_heaviest(self._votes, MAX_READINGS // 2))

    @property
    def still_share(self) -> float:
        """For how much of its time one and the same was read at one place, 0 to 1."""
        if self._longest is None or self._longest.moves:
            return 0.0
        return max(self._votes.values()) / sum(self._votes.values())

    def span(self) -> TextSpan | None:
        """Return the line, or None where nothing was taken in."""
        if not (self._sighting and self._votes):
            return None
        return TextSpan(*self._sighting.span(), text=voted(self._votes), evidence=self._evidence)


class TextRuns:
    """The readings at one place, in the order of their frames.

    Args:
        settings: What a line needs, and for how long it may be missed.
    """

    def __init__(self, settings: TimelineSettings) -> None:
        self._min_evidence = settings.min_text_evidence
        self._gap_ms = settings.gap_ms
        self._runs: list[_Run] = []
        self._line: _Line | None = None
        self._revealed = RevealedText(settings.min_text_evidence)

    def add(self, time: FrameTime, reading: Reading) -> Iterator[TextSpan]:
        """Take in the reading of a frame; yield the lines that are known to be over."""
        latest = self._runs[-1] if self._runs else None
        if latest and latest.text == reading.text:
            latest.add(time, reading)
            return
        after_gap = latest is not None and time.index - latest.sighting.last.index > 1
        self._runs.append(_Run(time, reading, after_gap=after_gap))
        if len(self._runs) > MAX_RUNS:
            yield from self._settle(len(self._runs) - UNSETTLED_RUNS)

    @property
    def line_began(self) -> FrameTime | None:
        """When the line began that is shown now; None if it began before the readings that are kept."""
        at = self._latest_line()
        return None if at is None else self._runs[at].sighting.first

    def take_lines(self, places: Sequence["TextRuns"]) -> None:
        """Take the lines that are shown now at several places, from left to right, for parts of the first one here."""
        self._runs = _side_by_side([place._without_latest_line() for place in places])

    def finish(self) -> Iterator[TextSpan]:
        """Yield the lines that are left."""
        yield from self._settle(len(self._runs))
        yield from self._end_line()
        yield from self._revealed.finish()

    def _latest_line(self) -> int | None:
        """Return with which run the line begins that is shown now; None if it began before them."""
        before = self._line.state if self._line else None
        shown = _shown(self._runs, before)
        count = len(list(takewhile(shown[-1].__eq__, reversed(shown))))
        return None if count == len(shown) and before == shown[0] else len(shown) - count

    def _without_latest_line(self) -> list[_Run]:
        at = self._latest_line() or 0
        line = self._runs[at:]
        del self._runs[at:]
        return line

    def _settle(self, count: int) -> Iterator[TextSpan]:
        """Decide what the first runs were readings of, and forget them."""
        before = self._line.state if self._line else None
        for run, shown in zip(self._runs[:count], _shown(self._runs, before), strict=False):
            if self._line is None or not self._line.goes_on(shown, run.sighting.first, self._gap_ms):
                yield from self._end_line()
                self._line = _Line(shown)
            if not self._line.add(run):
                yield from run.flash(self._min_evidence)
        del self._runs[:count]

    def _end_line(self) -> Iterator[TextSpan]:
        if self._line and (span := self._line.span()):
            yield from self._revealed.add(span, self._line.still_share * (span.end_ms - span.start_ms))


def _side_by_side(lines: Sequence[Sequence[_Run]]) -> list[_Run]:
    """Return the runs of the line whose parts, from left to right, were read apart: those of the part read most."""
    texts = [max(runs, key=lambda run: run.votes).text for runs in lines]
    leading = max(range(len(lines)), key=lambda number: sum(run.votes for run in lines[number]))
    boxes = [runs[-1].sighting.last_box for runs in lines]
    for run in lines[leading]:
        run.text = " ".join([*texts[:leading], run.text, *texts[leading + 1 :]])
        seen = run.sighting
        seen.box, seen.first_box, seen.last_box = (
            union_of((box, *boxes)) for box in (seen.box, seen.first_box, seen.last_box)
        )
    whole = list(lines[leading])
    whole[0].sighting.first = min((runs[0].sighting.first for runs in lines), key=attrgetter("index"))
    whole[-1].sighting.last = max((runs[-1].sighting.last for runs in lines), key=attrgetter("index"))
    return whole


def _shown(runs: Sequence[_Run], before: str | None) -> list[str]:
    """Return for each run the text that was shown, by the Viterbi algorithm.

    Args:
        runs: Equal readings in a row.
        before: What was shown before them; None where nothing was.
    """
    if not runs:
        return []
    if len(runs) == 1 and before in {None, runs[0].text}:
        return [runs[0].text]
    costs = {before: 0.0} if before is not None else {}
    came_from: list[dict[str, str]] = []
    for number, (earlier, run) in enumerate(pairwise([runs[0], *runs]), 1):
        cheapest = min(costs, key=costs.__getitem__, default=run.text)
        change = _cost_of_change(earlier, run)
        changed = costs[cheapest] + change if costs else 0.0
        often = _often_read_after(run, runs[number : number + MAX_AHEAD])
        stays = {text: costs.get(text, math.inf) for text in dict.fromkeys((run.text, *often, *costs))}
        came_from.append({text: text if cost <= changed else cheapest for text, cost in stays.items()})
        costs = {text: min(cost, changed) + run.cost_if_shown(text) for text, cost in stays.items()}
        costs = dict(sorted(costs.items(), key=itemgetter(1))[:MAX_STATES])
    return _traced_back(min(costs, key=costs.__getitem__), came_from)


def _cost_of_change(before: _Run, run: _Run) -> float:
    """Return what it costs to take the second of two runs for another line than the first."""
    growth = before.growth * run.growth
    if growth >= ZOOM or growth <= 1 / ZOOM:
        return CHANGE_COST_WHILE_ZOOMING
    return CHANGE_COST_AFTER_GAP if run.after_gap else CHANGE_COST


def _often_read_after(run: _Run, following: Sequence[_Run]) -> list[str]:
    """Return what is read most soon after a run, and more than it: what may have been shown with it."""
    end_ms = run.sighting.last.end_ms + AHEAD_MS
    weights: dict[str, float] = {}
    for later in following:
        if later.sighting.first.start_ms > end_ms:
            break
        weights[later.text] = weights.get(later.text, 0.0) + later.votes
    more = {text: weight for text, weight in weights.items() if weight > run.votes}
    return [text for text, _ in _heaviest(more, MAX_OFTEN)]


def _heaviest(weights: Mapping[str, float], most: int) -> list[tuple[str, float]]:
    return sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:most]


def _traced_back(last: str, came_from: Sequence[Mapping[str, str]]) -> list[str]:
    path = [last]
    for sources in reversed(came_from[1:]):
        path.append(sources[path[-1]])
    return path[::-1]
