"""Text as subtitles: SubRip (SRT), WebVTT, and Advanced SubStation Alpha (ASS), which states places too."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from pysubs2 import SSAEvent, SSAFile
from pysubs2.formats.subrip import MAX_REPRESENTABLE_TIME
from pysubs2.time import TIMESTAMP, make_time

from job_client.timeline import TextSpan, Timeline
from job_client.timeline.path import TOLERANCE, PathPoint, middle_of
from shared.process.escaping import terminal_text
from shared.results import Box, one_line

ASS_STEP_MS = 10
"""ASS has hundredths of a second."""
MAX_ASS_TIME = make_time(h=10) - ASS_STEP_MS
"""The largest time of ASS in milliseconds, 9:59:59.99."""

MAX_COORDINATE = 1 << 16
"""Beyond it there is no image; plugins may state any number."""

VERTICAL = 1.5
"""How many times as high as wide the box of an upright line is not: its letters are one below the other, or turned."""
LEAST_TILT = 3
"""In degrees; less is how exactly corners are found."""

_ARROW = re.compile(r"-[ -] *>")
"""What readers take for the arrow between the two times of a cue."""
WORD_JOINER = "\u2060"
"""Shows as nothing; behind a character that would begin markup or times of a cue it makes this plain text."""
_BACKSLASH = "\0"
"""Stands for a backslash while pysubs2 writes, which reads `\\N` as a line end; text of one line has no NUL."""
_VTT_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_WIDE_BRACES = str.maketrans({"{": "\uff5b", "}": "\uff5d"})
"""Neither ASS nor SRT has an escape that every player knows for what it hides between braces."""
_ASS_ESCAPES = _WIDE_BRACES | {ord("\\"): f"\\{WORD_JOINER}"}
"""A backslash must not be before a letter."""
_NUMBER = re.compile(r"-?[0-9]+\.?[0-9]*\s*")
_TIME = re.compile(r"[0-9]+(?=[,.:\uff0c\uff0e\u3002\uff1a][0-9]+[,.:\uff0c\uff0e\u3002\uff1a][0-9])")
"""A number above a time is where readers of SRT see the next cue begin."""
_SRT_MARKUP = re.compile(r"<(?=[ /]*[a-zA-Z])|\\(?=[Nnh])")
"""Where players see a tag of HTML, or a line end or space of ASS, as which they draw SRT."""


class Cue(NamedTuple):
    """Lines of text that are shown together, one below the other.

    Attributes:
        start_ms: When they come, in milliseconds.
        end_ms: When they go.
        spans: The lines, from top to bottom.
    """

    start_ms: float
    end_ms: float
    spans: tuple[TextSpan, ...]

    @property
    def lines(self) -> list[str]:
        """The text, without line ends in it."""
        return [_line(span) for span in self.spans]


def cues_of(texts: Iterable[TextSpan]) -> Iterator[Cue]:
    """Yield the cues in the order of their starts; a text without visible characters has none."""
    visible = (span for span in texts if _line(span))
    ordered = sorted(visible, key=lambda one: (one.first_frame, one.last_frame, one.first_box[1], one.first_box[0]))
    for _, together in groupby(ordered, key=lambda span: (span.first_frame, span.last_frame)):
        cue: list[TextSpan] = []
        for span in together:
            if cue and not _is_below(span.first_box, cue[-1].first_box):
                yield _cue(cue)
                cue = []
            cue.append(span)
        yield _cue(cue)


def _line(span: TextSpan) -> str:
    return terminal_text(one_line(span.text))


def _cue(spans: Sequence[TextSpan]) -> Cue:
    return Cue(spans[0].start_ms, spans[0].end_ms, tuple(spans))


def _is_below(box: Box, upper: Box) -> bool:
    """Return whether a line is the next one of a paragraph: less than its height below, and not beside."""
    height = box[3] - box[1]
    across = min(box[2], upper[2]) - max(box[0], upper[0])
    return across > 0 and -height / 2 < box[1] - upper[3] < height


def srt(timeline: Timeline) -> str:
    """Return the text in SubRip, one subtitle a cue."""
    events = [_event(cue, map(_plain_in_srt, cue.lines, ["", *cue.lines])) for cue in cues_of(timeline.texts)]
    return _file(events).to_string("srt", keep_ssa_tags=True)


def _plain_in_srt(line: str, above: str) -> str:
    if _NUMBER.fullmatch(above) and (time := _TIME.match(line)):
        line = time[0] + WORD_JOINER + line[time.end() :]
    return _SRT_MARKUP.sub(rf"\g<0>{WORD_JOINER}", _unlike_times(line)).translate(_WIDE_BRACES)


def vtt(timeline: Timeline) -> str:
    """Return the text in WebVTT (w3.org/TR/webvtt1)."""
    events = [
        _event(cue, [_unlike_times(line).translate(_VTT_ESCAPES).replace("\\", _BACKSLASH) for line in cue.lines])
        for cue in cues_of(timeline.texts)
    ]
    return _file(events).to_string("vtt", keep_ssa_tags=True).replace(_BACKSLASH, "\\")


def ass(timeline: Timeline, size: tuple[int, int] | None = None) -> str:
    """Return the text in ASS: each line where it is in the video, as high and as tilted as there, moving as it moves.

    Args:
        timeline: What is in the video.
        size: Width and height of the frames in pixels; None takes what encloses all lines.
    """
    file = _file([event for cue in cues_of(timeline.texts) for span in cue.spans for event in _placed(span)])
    width, height = size or _extent(timeline.texts)
    file.info |= {"PlayResX": str(width), "PlayResY": str(height), "WrapStyle": "2"}
    return file.to_string("ass")


def _placed(span: TextSpan) -> Iterator[SSAEvent]:
    """Yield a line as often as it begins to move otherwise: ASS has one straight move for each event."""
    path = span.path if len(span.path) > 1 else _straight(span)
    height, tilt = _letters(span)
    look = rf"\fs{max(1, _pixels(height))}" + (rf"\frz{tilt}" if tilt else "")
    text = _line(span).translate(_ASS_ESCAPES)
    for number, (begin, end) in enumerate(pairwise(path), 1):
        start_ms = begin.ms if number > 1 else span.start_ms
        end_ms = end.ms if number < len(path) - 1 else span.end_ms
        (x1, y1), (x2, y2) = ((_pixels(point.x), _pixels(point.y)) for point in (begin, end))
        stands = math.dist((x1, y1), (x2, y2)) <= TOLERANCE * height
        place = rf"\pos({x1},{y1})" if stands else rf"\move({x1},{y1},{x2},{y2})"
        yield SSAEvent(*_times(start_ms, end_ms, MAX_ASS_TIME, ASS_STEP_MS), rf"{{\an5{place}{look}}}{text}")


def _straight(span: TextSpan) -> tuple[PathPoint, PathPoint]:
    """Return where a line begins and ends; one of which an end stays in place comes little by little, from there."""
    first, last = span.first_box, span.last_box
    stays = min(abs(first[0] - last[0]), abs(first[2] - last[2])) <= (span.box[3] - span.box[1]) / 2
    if stays and first[1] < last[3] and last[1] < first[3]:
        first = last = max(first, span.box, last, key=lambda box: box[2] - box[0])
    return middle_of(span.start_ms, first), middle_of(span.end_ms, last)


def _letters(span: TextSpan) -> tuple[float, int]:
    """Return how high the letters of a line are, in pixels, and by how many degrees it is turned to the left."""
    if span.polygon is None:
        return span.box[3] - span.box[1], 0
    one, two, three, _ = span.polygon
    width, height = math.dist(one, two), math.dist(two, three)
    tilt = -round(math.degrees(math.atan2(two[1] - one[1], two[0] - one[0])))
    is_vertical = height > VERTICAL * width and len(_line(span)) > 1
    return width if is_vertical else height, 0 if abs(tilt) < LEAST_TILT else tilt


def _extent(texts: Sequence[TextSpan]) -> tuple[int, int]:
    corners = [box[2:] for span in texts for box in (span.first_box, span.box, span.last_box)] or [(1.0, 1.0)]
    return max(1, *(_pixels(x) for x, _ in corners)), max(1, *(_pixels(y) for _, y in corners))


def _pixels(length: float) -> int:
    return round(min(max(length, -MAX_COORDINATE), MAX_COORDINATE))


def _file(events: list[SSAEvent]) -> SSAFile:
    file = SSAFile()
    file.events = events
    return file


def _event(cue: Cue, lines: Iterable[str]) -> SSAEvent:
    return SSAEvent(*_times(cue.start_ms, cue.end_ms, MAX_REPRESENTABLE_TIME), r"\N".join(lines))


def _unlike_times(line: str) -> str:
    """Return a line so that no reader takes it for the times of a cue."""
    if _ARROW.search(line) or len(TIMESTAMP.findall(line)) > 1:
        line = re.sub("[-:]", rf"\g<0>{WORD_JOINER}", line)
    return line


def _times(start_ms: float, end_ms: float, most_ms: int, step_ms: int = 1) -> tuple[int, int]:
    """Return start and end in milliseconds as the format states them, at least a step apart, else no cue is seen.

    Both are rounded down: rounded up, a cue would miss its first frame or be seen on the frame behind its last one.
    """
    start, end = (int(min(max(time, 0), most_ms) // step_ms) * step_ms for time in (start_ms, end_ms))
    start = min(start, most_ms - step_ms)
    return start, max(end, start + step_ms)
