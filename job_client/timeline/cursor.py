"""The cursor behind a text that is typed, which is read as one more character: "def|", "def a|", "def arl"."""

from collections import deque

from job_client.timeline.growth import is_brief
from job_client.timeline.readings import Difference, difference
from job_client.timeline.text_run import TextRun

CURSORS = frozenset("|¦_Il!▏▎▍▌▋▊▉█▮■")
"""What a cursor is read as."""

MIN_OVERTAKEN = 2
"""How many times in a row other characters must come where one of these stood for it to be a cursor: a last letter may
be misread once, and Part I may be followed by Part 2."""

MAX_UNPROVEN = 16
"""How many readings are kept until it is known whether they end in a cursor."""


class Cursor:
    """Takes the cursor off the readings of one place.

    Attributes:
        seen: What it was surely read as.
    """

    def __init__(self) -> None:
        self._latest: tuple[TextRun, str] | None = None
        self._unproven = deque[tuple[TextRun, str]](maxlen=MAX_UNPROVEN)
        self._overtaken = 0
        self.seen: set[str] = set()

    def add(self, run: TextRun) -> None:
        """Take in the next run at the place; the one before it loses its cursor."""
        latest, self._latest = self._latest, (run, run.text)
        if latest is None:
            return
        before, text = latest
        stem = _without_cursor(text)
        if run.text.startswith(text) or not run.text.startswith(stem):
            self._stay(text, run.text)
        elif stem != text:
            self._unproven.append((before, stem))
            self._overtaken += is_brief([before]) and _without_cursor(run.text) != stem
            self._prove(text[-1])

    def finish(self) -> None:
        """Take the cursor off the latest run, where it surely is one."""
        if self._latest and self._latest[1][-1:] in self.seen and not self._latest[1][-1].isalpha():
            run, text = self._latest
            run.text = _without_cursor(text)
        self._latest = None

    def _stay(self, text: str, following: str) -> None:
        """Go on where what follows is the same with more, or is nearly the same; else begin anew."""
        if following.startswith(text):
            return
        self._unproven.clear()
        self._overtaken = 0
        if difference(text, following) is Difference.other:
            self.seen.clear()

    def _prove(self, char: str) -> None:
        if self.seen or self._overtaken >= MIN_OVERTAKEN:
            self.seen.add(char)
            for run, stem in self._unproven:
                run.text = stem
            self._unproven.clear()


def _without_cursor(text: str) -> str:
    """Return the text without a cursor at its end; a cursor alone is left as it is."""
    return (text[-1:] in CURSORS and text[:-1].rstrip()) or text
