"""A place in the image where text is read."""

from collections.abc import Iterator

from job_client.timeline.geometry import Motion, grown, is_within, middle, shifted
from job_client.timeline.readings import Difference, difference, is_part
from job_client.timeline.settings import TimelineSettings
from job_client.timeline.spans import FrameTime, TextSpan
from job_client.timeline.text_run import MIN_MOVE, Reading
from job_client.timeline.text_runs import TextRuns
from shared.results import Box

MAX_COVERED_MS = 3000.0
"""For how long only parts of a line may be read."""


class Place:
    """Where text is read: a line that stays or moves, and those that follow it there.

    Args:
        time: The frame in which it is read first.
        reading: What is read.
        settings: When two readings are of one line, and which lines are noise.

    Attributes:
        motion: Where it is expected; the whole line, while something covers a part of it.
        last: The latest frame in which it was read.
        text: What was read there; likewise.
        runs: The readings until now.
    """

    def __init__(self, time: FrameTime, reading: Reading, settings: TimelineSettings) -> None:
        self.motion = Motion(reading.box, time.clocks_ms[0])
        self.last = time
        self.text = reading.text
        self.runs = TextRuns(settings)
        self._whole_ms = time.end_ms

    def add(self, time: FrameTime, reading: Reading) -> Iterator[TextSpan]:
        """Take in the next reading at the place; yield the lines that are over."""
        whole = self._whole_of(time, reading)
        if whole is None and difference(self.text, reading.text) < Difference.similar:
            self.runs.take_parts()
        if whole:  # a part says nothing about motion
            self.motion = Motion(whole, time.clocks_ms[0])
        else:
            self._move(time, reading)
        self.last = time
        return self.runs.add(time, reading, is_part=whole is not None)

    def _whole_of(self, time: FrameTime, reading: Reading) -> Box | None:
        """Return where the line is if a reading is what is left of it while something covers the rest."""
        is_shorter = len(reading.text) < len(self.text)
        if not is_shorter or time.start_ms - self._whole_ms > MAX_COVERED_MS or self.runs.stands(time, reading.text):
            return None
        for expected in map(self.motion.expected, time.clocks_ms):
            if _leaves_free(reading, expected) and is_part(reading.text, self.text):
                return _whole_box(expected, reading.box)
        return None

    def _move(self, time: FrameTime, reading: Reading) -> None:
        """Take in where the line is now, and what it says."""
        if difference(self.text, reading.text) is Difference.other:
            self.motion = Motion(reading.box, time.clocks_ms[0])  # another line: its place says nothing about motion
        elif self.last is not time:
            self.motion.moved_to(reading.box, time.clocks_ms)
        self.text, self._whole_ms = reading.text, time.end_ms


def _leaves_free(reading: Reading, whole: Box) -> bool:
    """Return whether a reading is at the place of a line, and fills only a part of it."""
    box, is_joined = reading.box, reading.polygon is None
    is_narrower = box[2] - box[0] < whole[2] - whole[0] - MIN_MOVE * (box[3] - box[1])
    return (is_joined or is_narrower) and is_within(box, grown(whole, 0.1))


def _whole_box(expected: Box, part: Box) -> Box:
    """Return where a line is of which a part is seen: where it is expected, or so far away that the part is in it."""
    left, right = part[0] - expected[0], part[2] - expected[2]
    return shifted(expected, min(left, 0.0) or max(right, 0.0), middle(part) - middle(expected))
