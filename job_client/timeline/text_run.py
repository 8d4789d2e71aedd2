"""Equal readings in a row at one place, and what it costs to take them for readings of another text."""

import math
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from job_client.timeline.path import Path, middle_of
from job_client.timeline.readings import Difference, difference, weight_of
from job_client.timeline.spans import FrameTime, Sighting, TextSpan
from shared.results import Box, Polygon

STEADY_COST = 8.2
"""What a reading costs that is as steady as text that is shown: a change and a change back are cheaper."""


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


class Reading(NamedTuple):
    """What was read in one frame."""

    text: str
    confidence: float
    box: Box
    polygon: Polygon | None = None


class TextRun:
    """Equal readings in a row."""

    __slots__ = ("after_gap", "path", "sighting", "sure_votes", "sureness", "text", "votes", "weight")

    def __init__(self, time: FrameTime, reading: Reading, *, after_gap: bool) -> None:
        self.text = reading.text
        self.after_gap = after_gap
        self.weight = 0.0
        self.votes = 0.0
        self.sureness = 0.0
        self.sure_votes = 0.0
        self.sighting = Sighting.at(time, reading.confidence, reading.box, reading.polygon)
        self.path = Path()
        self._count(time, reading)

    def add(self, time: FrameTime, reading: Reading) -> None:
        """Take in the same reading of a later frame."""
        self.sighting.extend(Sighting.at(time, reading.confidence, reading.box, reading.polygon))
        self._count(time, reading)

    def _count(self, time: FrameTime, reading: Reading) -> None:
        weight, sureness = weight_of(reading.confidence), reading.confidence**SURENESS_POWER
        self.weight += weight * min(time.weight, time.votes)
        self.votes += weight * time.votes
        self.sureness += sureness
        self.sure_votes += sureness * time.votes
        self.path.add(middle_of(time.start_ms, reading.box), reading.box[3] - reading.box[1])

    @property
    def evidence(self) -> float:
        """The confidence that there was text at all: the longer, the higher; textures look like lone characters."""
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
            seen = self.sighting
            yield TextSpan(
                *seen.span(), text=self.text, evidence=evidence, polygon=seen.polygon, path=self.path.points
            )  # fmt: skip

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


def heaviest(weights: Mapping[str, float], most: int) -> list[tuple[str, float]]:
    """Return the texts that weigh most, so many at most, in a fixed order."""
    return sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:most]
