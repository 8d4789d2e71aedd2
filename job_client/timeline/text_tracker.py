"""Lines of text, followed from frame to frame by where they are and what they say."""

from collections.abc import Iterator, Sequence

from job_client.timeline.geometry import enclosing_box
from job_client.timeline.settings import TimelineSettings
from job_client.timeline.spans import FrameTime, TextSpan
from job_client.timeline.text_matching import Matching
from job_client.timeline.text_place import Place
from job_client.timeline.text_run import Reading
from shared.results import TextLine


class TextTracker:
    """The lines of text of one video, from frame to frame.

    Args:
        settings: When two readings are of one line, and which lines are noise.
    """

    def __init__(self, settings: TimelineSettings) -> None:
        self._settings = settings
        self._places: list[Place] = []

    def add(self, time: FrameTime, lines: Sequence[TextLine]) -> Iterator[TextSpan]:
        """Take in the lines of the next frame; yield the lines that are over."""
        yield from self._leave(time)
        frame = Matching(time, self._places, list(map(_reading, lines)), self._settings.gap_ms)
        for place, reading in frame.matches():
            yield from place.add(time, reading)
        for parts, reading in frame.wholes:
            yield from self._join(parts, time, reading)
        for reading in frame.unknown():
            place = Place(time, reading, self._settings)
            yield from place.add(time, reading)
            self._places.append(place)

    def finish(self) -> Iterator[TextSpan]:
        """Yield the lines that are left."""
        for place in self._places:
            yield from place.runs.finish()

    def _join(self, parts: Sequence[Place], time: FrameTime, reading: Reading) -> Iterator[TextSpan]:
        """Make one place of those at which the parts of a line were read until now."""
        place = Place(time, reading, self._settings)
        place.runs.take_lines([part.runs for part in parts])
        yield from place.add(time, reading)
        for part in parts:
            yield from part.runs.finish()
        self._places = [*(one for one in self._places if one not in parts), place]

    def _leave(self, time: FrameTime) -> Iterator[TextSpan]:
        """Forget the places where nothing was read for too long."""
        oldest_ms = time.start_ms - self._settings.gap_ms
        left = [place for place in self._places if place.last.end_ms < oldest_ms]
        if left:
            self._places = [place for place in self._places if place.last.end_ms >= oldest_ms]
        for place in left:
            yield from place.runs.finish()


def _reading(line: TextLine) -> Reading:
    confidence = min(max(line.confidence, 0.0), 1.0)  # a plugin may state any number
    return Reading(line.text, confidence, enclosing_box(line.polygon), line.polygon)
