"""Text that is shown little by little: a crawl, of which a part is in view, and a text that is typed.

What is read at its place is one line after another: "BREAKING NE", "AKING NEWS: the", "NEWS: the president". Each goes
on where the one before it ends, or is a part of it, and together they say what is shown.
"""

from collections.abc import Iterator
from dataclasses import replace

from rapidfuzz.distance import Levenshtein

from job_client.timeline.readings import MAX_COMPARED_CHARS, Difference, difference, only_number_differs
from job_client.timeline.spans import TextSpan

MIN_PARTS = 3
"""Of how many lines a text consists that is shown little by little: two may follow each other by chance."""

MIN_SHARED_CHARS = 6
"""How many characters two lines must share for one to go on where the other ends; a beginning or an end may be
shorter."""

MIN_SHARED = 0.6
"""The same as a share of the shorter one."""

STILL_MS = 500.0
"""For how long a line stands that is one of its own, such as a subtitle that the next one begins with: a text that is
typed, or comes word by word, grows faster."""

MAX_STEP_CHARS = 4
"""How many characters may come and go at a time in a crawl that is so slow that each reading of it stands."""

MAX_MISREAD = 0.2
"""How many of the shared characters may differ."""


class RevealedText:
    """The lines of one place, of which those that are parts of one text are joined."""

    def __init__(self) -> None:
        self._parts: list[TextSpan] = []
        self._whole: TextSpan | None = None
        self._still_ms = 0.0
        self._latest_chars = 0
        self._begins_in_word = False

    def add(self, line: TextSpan, still_ms: float) -> Iterator[TextSpan]:
        """Take in the next line; yield those that are known to be over.

        Args:
            line: What is read next at the place.
            still_ms: For how long it was read without a change; 0 if it moved meanwhile.
        """
        text = self._text_with(line, still_ms)
        if self._whole is None or text is None:
            is_cut = self._goes_on_too_long(line)
            yield from self.finish(is_cut=is_cut)
            self._whole, self._begins_in_word = line, is_cut
        else:
            self._whole = _extended(self._whole, line, text)
        self._parts = [*self._parts, line][:MIN_PARTS]
        self._still_ms, self._latest_chars = still_ms, len(line.text)

    def finish(self, *, is_cut: bool = False) -> Iterator[TextSpan]:
        """Yield what is left.

        Args:
            is_cut: Whether the text goes on, and would get too long.
        """
        ended = self._parts
        if self._whole and len(self._parts) == MIN_PARTS:
            text = _whole_words(self._whole.text, begins_in_word=self._begins_in_word, ends_in_word=is_cut)
            ended = [replace(self._whole, text=text)]
        self._parts, self._whole = [], None
        yield from ended

    def _goes_on_too_long(self, line: TextSpan) -> bool:
        if self._whole is None or len(self._whole.text) + len(line.text) <= MAX_COMPARED_CHARS:
            return False
        return joined(self._whole.text[-2 * len(line.text) :], line.text) is not None

    def _text_with(self, line: TextSpan, still_ms: float) -> str | None:
        """Return the text together with the next line; None if that is none of its parts."""
        text = joined(self._whole.text, line.text) if self._whole else None
        if self._whole is None or text is None:
            return None
        stood = max(self._still_ms, still_ms) >= STILL_MS
        step_chars = len(text) - max(len(self._whole.text), len(line.text))
        gone_chars = self._latest_chars + step_chars - len(line.text)
        runs_through = step_chars > 0 and not (stood and max(step_chars, gone_chars) > MAX_STEP_CHARS)
        is_fast = self._still_ms + line.start_ms - self._whole.end_ms < STILL_MS
        if len(self._parts) == MIN_PARTS:  # it may have been typed with pauses
            goes_on = text != self._whole.text and still_ms < STILL_MS
            return text if is_fast or goes_on or runs_through else None
        is_counting = len(self._parts) == 1 and only_number_differs(self._whole.text, line.text)
        return text if runs_through or (is_fast and not is_counting) else None


def _whole_words(text: str, *, begins_in_word: bool, ends_in_word: bool) -> str:
    """Return a text without the beginning and the end of the words that a cut goes through."""
    words = text.split(" ")
    kept = words[begins_in_word : len(words) - ends_in_word]
    return " ".join(kept) or text


def joined(text: str, line: str) -> str | None:
    """Return the text together with a line that goes on where it ends, or is its end; None if the line does neither.

    Of what both say, the first half is taken from the text and the second from the line: characters at the edge of
    what is in view are cut.
    """
    shared = _shared_chars(text, line) if len(text) + len(line) <= MAX_COMPARED_CHARS else 0
    if not shared:
        return None
    blocks = Levenshtein.opcodes(text[-shared:], line[:shared])
    kept, taken = min(
        ((at, at - block.src_start + block.dest_start) for block in blocks if block.tag == "equal"
         for at in range(block.src_start, block.src_end + 1)),
        key=lambda place: abs(2 * place[0] - shared),
    )  # fmt: skip
    if shared == len(text) == len(line) and kept <= taken:
        return None  # one reading of the other, not shifted
    return text[: len(text) - shared + kept] + line[taken:]


def _shared_chars(text: str, line: str) -> int:
    """Return how many characters of the text's end are the beginning of the line; 0 for none to speak of."""
    shortest = min(len(text), len(line))
    for shared in range(shortest, 1, -1):
        end, beginning = text[-shared:], line[:shared]
        if shared < max(MIN_SHARED_CHARS, MIN_SHARED * shortest):
            break
        misread = int(MAX_MISREAD * shared)
        if (
            Levenshtein.distance(end, beginning, score_cutoff=misread) <= misread
            and difference(end, beginning) < Difference.number
        ):
            return shared
    is_beginning_or_end = text[-shortest:] == line[:shortest]
    return shortest if is_beginning_or_end else 0


def _extended(whole: TextSpan, line: TextSpan, text: str) -> TextSpan:
    best = line if line.confidence > whole.confidence else whole
    return replace(
        whole,
        last_frame=line.last_frame,
        end_ms=line.end_ms,
        frames=whole.frames + line.frames,
        confidence=best.confidence,
        best_frame=best.best_frame,
        box=best.box,
        last_box=line.last_box,
        evidence=whole.evidence + line.evidence,
        text=text,
        polygon=best.polygon,
        path=(),
        steady=True,
    )
