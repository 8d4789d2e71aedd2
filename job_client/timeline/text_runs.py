"""What was read at one place, frame after frame, and which lines of text were shown there."""

from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise, takewhile
from operator import attrgetter

from job_client.timeline.cursor import Cursor
from job_client.timeline.cut_off import CutOff
from job_client.timeline.geometry import union_of
from job_client.timeline.growth import grows, join_grown
from job_client.timeline.path import Path
from job_client.timeline.readings import Difference, difference, voted
from job_client.timeline.revealed import RevealedText
from job_client.timeline.settings import TimelineSettings
from job_client.timeline.spans import FrameTime, Sighting, TextSpan
from job_client.timeline.text_run import Reading, TextRun, heaviest
from job_client.timeline.viterbi import shown_texts

MAX_RUNS = 64
"""How many runs of equal readings are kept before the older ones are settled."""

UNSETTLED_RUNS = 16
"""How many of them are left, since what comes after them may tell what they were."""

MIN_UNLIKE = 3
"""In how many frames a line must be read, and in no two alike, for the image to be a blend of two."""

MAX_READINGS = 64
"""How many readings of one line are counted; more are of no use to a vote."""


class _Line:
    """A line of text that was shown: its runs, added up."""

    def __init__(self, state: str) -> None:
        self.state = state
        self._votes: dict[str, float] = {}
        self._evidence = 0.0
        self._sighting: Sighting | None = None
        self._longest: TextRun | None = None
        self._path = Path()
        self._came_again = False

    def goes_on(self, state: str, time: FrameTime, gap_ms: float) -> bool:
        """Return whether this text, shown in a later frame, is it: other text may have been read there for long."""
        is_over = self._sighting is not None and self._sighting.last.end_ms < time.start_ms - gap_ms
        return state == self.state and not is_over

    def add(self, run: TextRun) -> bool:
        """Take in a run, unless it reads something else altogether; return whether it was taken in."""
        kind = difference(run.text, self.state)
        if kind is Difference.other:
            return False
        self._came_again = self._came_again or run.sighting.frames > 1 or run.text in self._votes
        if kind is not Difference.number:  # of two numbers no third one can be voted
            self._count(run)
        self._evidence += run.evidence
        for point in run.path.points:
            self._path.add(point, run.sighting.last_box[3] - run.sighting.last_box[1])
        if self._sighting:
            self._sighting.extend(run.sighting)
        else:
            self._sighting = run.sighting
        return True

    def _count(self, run: TextRun) -> None:
        if self._longest is None or run.votes > self._longest.votes:
            self._longest = run
        self._votes[run.text] = self._votes.get(run.text, 0.0) + run.votes
        if len(self._votes) > MAX_READINGS:
            self._votes = dict(heaviest(self._votes, MAX_READINGS // 2))

    @property
    def still_share(self) -> float:
        """For how much of its time one and the same was read at one place, 0 to 1."""
        if self._longest is None or self._longest.moves:
            return 0.0
        return max(self._votes.values()) / sum(self._votes.values())

    @property
    def _is_steady(self) -> bool:
        """Whether two of its readings say the same, or nearly so."""
        if self._came_again or self._sighting is None or self._sighting.frames < MIN_UNLIKE:
            return True
        return any(difference(*pair) < Difference.slight for pair in combinations(self._votes, 2))

    def span(self) -> TextSpan | None:
        """Return the line, or None where nothing was taken in."""
        if not (self._sighting and self._votes):
            return None
        seen = self._sighting
        return TextSpan(
            *seen.span(), text=voted(self._votes), evidence=self._evidence,
            polygon=seen.polygon, path=self._path.points, steady=self._is_steady,
        )  # fmt: skip


class TextRuns:
    """The readings at one place, in the order of their frames.

    Args:
        settings: What a line needs, and for how long it may be missed.
    """

    def __init__(self, settings: TimelineSettings) -> None:
        self._min_evidence = settings.min_text_evidence
        self._gap_ms = settings.gap_ms
        self._runs: list[TextRun] = []
        self._line: _Line | None = None
        self._parts = 0
        self._cursor = Cursor()
        self._is_amid_growth = False
        self._revealed = RevealedText()
        self._cut_off = CutOff(settings.min_text_evidence)

    def add(self, time: FrameTime, reading: Reading, *, is_part: bool = False) -> Iterator[TextSpan]:
        """Take in the reading of a frame; yield the lines that are known to be over.

        Args:
            time: The frame.
            reading: What was read in it.
            is_part: Whether that may be what is left of the line while something covers the rest.
        """
        latest = self._runs[-1] if self._runs else None
        is_new = latest is None or latest.text != reading.text
        self._parts = self._parts + is_new if is_part else 0
        if latest and not is_new:
            latest.add(time, reading)
            return
        after_gap = latest is not None and time.index - latest.sighting.last.index > 1
        self._runs.append(TextRun(time, reading, after_gap=after_gap))
        self._cursor.add(self._runs[-1])
        if len(self._runs) > MAX_RUNS:
            self._join_grown(goes_on=True)
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
        covered = self._covered()
        if covered and difference(covered.text, self._runs[-1].text) < Difference.number:  # it is nearly all read again
            self.take_parts()
        self._cursor.finish()
        self._join_grown(goes_on=False)
        yield from self._settle(len(self._runs))
        yield from self._end_line()
        for whole in self._revealed.finish():
            yield from self._cut_off.add(whole)
        yield from self._cut_off.finish()

    def stands(self, time: FrameTime, text: str) -> bool:
        """Return whether a text has been read until now, for longer than a line may be missed."""
        run = self._runs[-1]
        since = run.sighting.first if run.text == text else time
        return time.end_ms - since.start_ms > self._gap_ms

    def take_parts(self) -> None:
        """Count the latest runs, which were of parts of the line before them, for it: it is read again."""
        whole = self._covered()
        if whole:
            for part in self._runs[-self._parts :]:
                whole.sighting.extend_by_part(part.sighting)
            del self._runs[-self._parts :]
        self._parts = 0

    def _covered(self) -> TextRun | None:
        """Return the run of which only parts are read now; None if there is none, or no more."""
        return self._runs[-self._parts - 1] if 0 < self._parts < len(self._runs) else None

    def _latest_line(self) -> int | None:
        """Return with which run the line begins that is shown now; None if it began before them."""
        before = self._line.state if self._line else None
        shown = shown_texts(self._runs, before)
        count = len(list(takewhile(shown[-1].__eq__, reversed(shown))))
        return None if count == len(shown) and before == shown[0] else len(shown) - count

    def _without_latest_line(self) -> list[TextRun]:
        at = self._latest_line() or 0
        line = self._runs[at:]
        del self._runs[at:]
        self._parts = 0
        return line

    def _join_grown(self, *, goes_on: bool) -> None:
        """Join what grows, but for a text that is settled in part: what is left of it would be another line."""
        first = 0
        if self._is_amid_growth:
            first = next((at for at, pair in enumerate(pairwise(self._runs), 1) if not grows(*pair)), len(self._runs))
        join_grown(self._runs[first:], self._cursor.seen, goes_on=goes_on)

    def _settle(self, count: int) -> Iterator[TextSpan]:
        """Decide what the first runs were readings of, and forget them."""
        before = self._line.state if self._line else None
        for run, shown in zip(self._runs[:count], shown_texts(self._runs, before), strict=False):
            if self._line is None or not self._line.goes_on(shown, run.sighting.first, self._gap_ms):
                yield from self._end_line()
                self._line = _Line(shown)
            if not self._line.add(run):
                yield from run.flash(self._min_evidence)
        self._is_amid_growth = 0 < count < len(self._runs) and grows(*self._runs[count - 1 : count + 1])
        del self._runs[:count]

    def _end_line(self) -> Iterator[TextSpan]:
        if self._line and (span := self._line.span()):
            for whole in self._revealed.add(span, self._line.still_share * (span.end_ms - span.start_ms)):
                yield from self._cut_off.add(whole)


def _side_by_side(lines: Sequence[Sequence[TextRun]]) -> list[TextRun]:
    """Return the runs of the line whose parts, from left to right, were read apart: those of the part read most."""
    texts = [max(runs, key=lambda run: run.votes).text for runs in lines]
    leading = max(range(len(lines)), key=lambda number: sum(run.votes for run in lines[number]))
    boxes = [runs[-1].sighting.last_box for runs in lines]
    for run in lines[leading]:
        run.text = " ".join([*texts[:leading], run.text, *texts[leading + 1 :]])
        seen, run.path = run.sighting, Path()
        seen.polygon = None
        seen.box, seen.first_box, seen.last_box = (
            union_of((box, *boxes)) for box in (seen.box, seen.first_box, seen.last_box)
        )
    whole = list(lines[leading])
    whole[0].sighting.first = min((runs[0].sighting.first for runs in lines), key=attrgetter("index"))
    whole[-1].sighting.last = max((runs[-1].sighting.last for runs in lines), key=attrgetter("index"))
    return whole
