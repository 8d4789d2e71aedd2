"""Lines of which only a part is in view as they come or go: they slide in or out, or something wipes over them.

"er", "ischer", "Elena Fischer" and then "Dr. Elena Fischer" for two seconds is one line, and so is the way back.
"""

import math
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from itertools import takewhile
from typing import Any

from rapidfuzz.distance import Levenshtein

from job_client.timeline.readings import MIN_PART_CHARS, Difference, difference, other_numeral
from job_client.timeline.revealed import MAX_MISREAD, STILL_MS
from job_client.timeline.spans import TextSpan
from job_client.timeline.text_run import MIN_MOVE
from shared.results import Box

MAX_CUT_MS = 1000.0
"""For how long a line may come; it may go for longer, if each of its parts is read for less than `STILL_MS`."""

MAX_MISSED_MS = 100.0
"""For how long nothing may be read between a part and what it is a part of."""


class CutOff:
    """Takes what is read for a moment right before and behind a line, and is a part of it, for the line.

    Args:
        min_evidence: What a line needs to be no noise.
    """

    def __init__(self, min_evidence: float) -> None:
        self._min_evidence = min_evidence
        self._whole: TextSpan | None = None
        self._parts: list[TextSpan] = []
        self._end_ms = -math.inf
        self._may_be_blend = False

    def add(self, line: TextSpan) -> Iterator[TextSpan]:
        """Take in the next line at the place; yield those that are known to be over."""
        follows = line.start_ms - self._end_ms <= MAX_MISSED_MS
        if not follows:
            yield from self.finish()
        elif self._parts and self._may_be_blend:
            self._parts[-1] = replace(self._parts[-1], evidence=0.0)
        self._may_be_blend = follows and not line.steady
        self._end_ms = line.end_ms
        if line.end_ms - line.start_ms >= STILL_MS and not self._is_leaving(line):
            line = self._with_parts_before(line)
            yield from self.finish()
            self._whole = line
            return
        self._parts.append(line)
        while self._parts and line.end_ms - self._parts[0].start_ms > MAX_CUT_MS:
            if not self._take_parts_behind():
                over, self._whole = self._whole or self._parts.pop(0), None
                yield from self._sure([over])

    def finish(self) -> Iterator[TextSpan]:
        """Yield what is left."""
        yield from self._end_whole()
        yield from self._sure(self._parts)
        self._parts = []

    def _is_leaving(self, line: TextSpan) -> bool:
        """Return whether a line is a part, though it is there for longer: an end of it moves."""
        first, last = line.first_box, line.last_box
        moves = max(abs(first[0] - last[0]), abs(first[2] - last[2])) > MIN_MOVE * (last[3] - last[1])
        is_brief = line.end_ms - line.start_ms < MAX_CUT_MS
        return self._whole is not None and is_brief and moves and _is_part(self._whole, line)

    def _with_parts_before(self, whole: TextSpan) -> TextSpan:
        parts = list(takewhile(partial(_is_part, whole), reversed(self._parts)))
        del self._parts[len(self._parts) - len(parts) :]
        if not parts:
            return whole
        first = parts[-1]
        return _with(parts, whole, first_frame=first.first_frame, start_ms=first.start_ms, first_box=first.first_box)

    def _end_whole(self) -> Iterator[TextSpan]:
        self._take_parts_behind()
        whole, self._whole = self._whole, None
        yield from self._sure([whole] if whole else [])

    def _take_parts_behind(self) -> bool:
        """Take the parts that follow a line for it; return whether there are any."""
        if self._whole is None:
            return False
        parts = list(takewhile(partial(_is_part, self._whole), self._parts))
        if parts:
            whole, last = self._whole, parts[-1]
            self._whole = _with(parts, whole, last_frame=last.last_frame, end_ms=last.end_ms, last_box=last.last_box)
            del self._parts[: len(parts)]
        return bool(parts)

    def _sure(self, lines: list[TextSpan]) -> Iterator[TextSpan]:
        yield from (line for line in lines if line.evidence >= self._min_evidence)


def _with(parts: list[TextSpan], whole: TextSpan, **ends: Any) -> TextSpan:
    frames, evidence = sum(part.frames for part in parts), sum(part.evidence for part in parts)
    return replace(whole, frames=whole.frames + frames, evidence=whole.evidence + evidence, **ends)


def _is_part(whole: TextSpan, part: TextSpan) -> bool:
    """Return whether a line is the beginning or the end of a longer one, and neither another number nor amid it."""
    text, all_of_it, chars = part.text, whole.text, len(part.text)
    is_another_number = difference(text, all_of_it) is Difference.number or other_numeral(text, all_of_it)
    is_amid = all(_is_amid(part.box, box) for box in (whole.first_box, whole.box, whole.last_box))
    if not MIN_PART_CHARS <= chars < len(all_of_it) or is_another_number or is_amid:
        return False
    misread = int(MAX_MISREAD * chars)
    ends = all_of_it[:chars], all_of_it[-chars:]
    return any(Levenshtein.distance(text, end, score_cutoff=misread) <= misread for end in ends)


def _is_amid(part: Box, whole: Box) -> bool:
    """Return whether a box leaves much of the other one free on both sides, as one word does that follows several."""
    margin = (whole[3] - whole[1]) / 2
    return part[0] > whole[0] + margin and part[2] < whole[2] - margin
