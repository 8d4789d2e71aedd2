"""Text as subtitles: SubRip (SRT), one cue a span."""

import re
from collections.abc import Sequence

from pysubs2 import SSAEvent, SSAFile
from pysubs2.formats.subrip import MAX_REPRESENTABLE_TIME
from pysubs2.time import TIMESTAMP

from job_client.spans import SpanKind, spans_of
from shared.results import FrameResult, one_line

_ARROW = re.compile(r"-[ -] *>")
"""What readers take for the arrow between the two times of a cue."""
WORD_JOINER = "\u2060"
"""Shows as nothing; behind a hyphen or colon it makes a line that looks like the times of a cue plain text."""
_BACKSLASH = "\0"
"""Stands for a backslash while pysubs2 writes, which reads `\\N` as a line end; text of one line has no NUL."""


def subtitles(results: Sequence[FrameResult]) -> str:
    """Return the subtitles in the order of their starts; a text without visible characters has none."""
    spans = spans_of(results, SpanKind.text)
    file = SSAFile()
    file.events = [
        SSAEvent(_milliseconds(span.start_ms), _milliseconds(span.end_ms), text.replace("\\", _BACKSLASH))
        for span in spans
        if (text := _cue_text(span.name))
    ]
    return file.to_string("srt", keep_ssa_tags=True).replace(_BACKSLASH, "\\")


def _cue_text(text: str) -> str:
    """Return the text on one line that no reader takes for the times of a cue."""
    line = one_line(text)
    if _ARROW.search(line) or len(TIMESTAMP.findall(line)) > 1:
        line = re.sub("[-:]", rf"\g<0>{WORD_JOINER}", line)
    return line


def _milliseconds(time: float) -> int:
    return round(min(max(time, 0), MAX_REPRESENTABLE_TIME))
