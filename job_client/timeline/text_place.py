"""A place in the image where text is read."""

from collections.abc import Iterator

from job_client.timeline.geometry import Motion
from job_client.timeline.readings import Difference, difference
from job_client.timeline.settings import TimelineSettings
from job_client.timeline.spans import FrameTime, TextSpan
from job_client.timeline.text_run import Reading
from job_client.timeline.text_runs import TextRuns


class Place:
    """Where text is read: a line that stays or moves, and those that follow it there.

    Args:
        time: The frame in which it is read first.
        reading: What is read.
        settings: When two readings are of one line, and which lines are noise.

    Attributes:
        motion: Where it is expected.
        last: The latest frame in which it was read.
        text: What was read there.
        runs: The readings until now.
    """

    def __init__(self, time: FrameTime, reading: Reading, settings: TimelineSettings) -> None:
        self.motion = Motion(reading.box, time.clocks_ms[0])
        self.last = time
        self.text = reading.text
        self.runs = TextRuns(settings)

    def add(self, time: FrameTime, reading: Reading) -> Iterator[TextSpan]:
        """Take in the next reading at the place; yield the lines that are over."""
        if difference(self.text, reading.text) is Difference.other:
            self.motion = Motion(reading.box, time.clocks_ms[0])  # another line: its place says nothing about motion
        elif self.last is not time:
            self.motion.moved_to(reading.box, time.clocks_ms)
        self.last, self.text = time, reading.text
        return self.runs.add(time, reading)
