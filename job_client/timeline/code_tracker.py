"""Codes, followed from frame to frame: what one says is certain, so that equal ones are one."""

from collections.abc import Iterator, Sequence

from job_client.timeline.geometry import enclosing_box
from job_client.timeline.settings import TimelineSettings
from job_client.timeline.spans import CodeSpan, FrameTime, Sighting
from shared.results import Code

CERTAIN = 1.0
"""The confidence of a code: its check digits are right."""

_Content = tuple[str, str, str | None]
"""The format of a code, its text and its bytes."""


class CodeTracker:
    """The codes of one video, from frame to frame.

    Args:
        settings: For how long a code may be missed.
    """

    def __init__(self, settings: TimelineSettings) -> None:
        self._gap_ms = settings.gap_ms
        self._seen: dict[_Content, Sighting] = {}

    def add(self, time: FrameTime, codes: Sequence[Code]) -> Iterator[CodeSpan]:
        """Take in the codes of the next frame, and yield those that are seen no more."""
        ended = [key for key, seen in self._seen.items() if seen.last.end_ms < time.start_ms - self._gap_ms]
        yield from map(self._end, ended)
        for key, code in {(code.format, code.text, code.bytes): code for code in codes}.items():
            sighting = Sighting.at(time, CERTAIN, enclosing_box(code.polygon))
            if key in self._seen:
                self._seen[key].extend(sighting)
            else:
                self._seen[key] = sighting

    def finish(self) -> Iterator[CodeSpan]:
        """Yield the codes that are left."""
        yield from map(self._end, list(self._seen))

    def _end(self, content: _Content) -> CodeSpan:
        kind, text, binary = content
        return CodeSpan(*self._seen.pop(content).span(), format=kind, text=text, bytes=binary)
