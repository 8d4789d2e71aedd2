"""What a person reads first: what is in a video, in things and seconds."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from rich.table import Column, Table

from job_client.cli.output import console, folded, markup_of, whole
from job_client.timeline import CodeSpan, ObjectSpan, TextSpan, Timeline
from shared.results import FrameResult

T = TypeVar("T")

ROWS_SHOWN = 15

ROOMY = 72
"""From so many characters on a terminal has room for more than what there is and when."""

CODE_CHARS = 100
"""How much is shown of what a code says, which may be thousands of characters."""

VALUE_BYTES = 60
"""How much is shown of a value of a plugin, which may be large."""

MAX_SHOWN_MS = 1e12
"""What a plugin states beyond is no time of a video."""


def summary_of(timeline: Timeline, noise: Timeline) -> Iterator[str | Table]:
    """Yield a sentence, and a table of the objects, of the lines of text and of the codes, where there are any.

    Args:
        timeline: What is in the video.
        noise: What was found for a moment or not surely, of which only the number is shown.
    """
    yield _sentence(timeline, len(noise.objects) + len(noise.texts))
    if timeline.objects:
        yield objects_table(timeline.objects)
    if timeline.texts:
        yield texts_table(timeline.texts)
    if timeline.codes:
        yield codes_table(timeline.codes)


def _sentence(timeline: Timeline, noise: int) -> str:
    """Return such as `12.0 s (144 frames): 3 license_plate, 9 lines of text; seen for a moment or unsurely: 2`."""
    found = [f"{len(spans)} {markup_of(label)}" for label, spans in _by_label(timeline.objects)]
    if lines := len(timeline.texts):
        found.append("1 line of text" if lines == 1 else f"{lines} lines of text")
    if codes := len(timeline.codes):
        found.append("1 code" if codes == 1 else f"{codes} codes")
    length = f"{(timeline.end_ms - timeline.start_ms) / 1000:.1f} s ({timeline.frames} frames)"
    parts = [", ".join(found), f"seen for a moment or unsurely: {noise}" if noise else ""]
    return f"{length}: {'; '.join(filter(None, parts)) or 'nothing was found'}"


def objects_table(objects: tuple[ObjectSpan, ...]) -> Table:
    """Return how many objects of each label there are and when, the most first."""
    table = Table(folded("what"), "how many", *_times(), *_more("best confidence"), title="Objects")
    for label, spans in _shown(table, _by_label(objects)):
        first, last = min(span.start_ms for span in spans), max(span.end_ms for span in spans)
        best = max(span.confidence for span in spans)
        cells = (markup_of(label), str(len(spans)), clock(first), clock(last), f"{best:.2f}")
        table.add_row(*cells[: len(table.columns)])
    return table


def texts_table(texts: tuple[TextSpan, ...]) -> Table:
    """Return the lines of text in the order of their starts."""
    table = Table(folded("text"), *_times(), *_more("seconds", "best confidence"), title="Text")
    for span in _shown(table, texts):
        times = (clock(span.start_ms), clock(span.end_ms), f"{span.seconds:.2f}")
        cells = (markup_of(span.text), *times, f"{span.confidence:.2f}")
        table.add_row(*cells[: len(table.columns)])
    return table


def codes_table(codes: tuple[CodeSpan, ...]) -> Table:
    """Return what the codes say, in the order of their starts."""
    table = Table(folded("code"), folded("format"), *_times(), title="Codes")
    for span in _shown(table, codes):
        table.add_row(
            code_cell(span.text or (f"base64 {span.bytes}" if span.bytes else "")),
            markup_of(span.format),
            clock(span.start_ms),
            clock(span.end_ms),
        )
    return table


def code_cell(text: str) -> str:
    """Return what a code says as Rich's markup; of long contents the beginning and the number of characters."""
    return markup_of(text if len(text) <= CODE_CHARS else f"{text[:CODE_CHARS]}… ({len(text)} characters)")


class FieldCounts:
    """The fields that plugins added: in how many frames, and one value."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._values: dict[str, str] = {}

    def counted(self, frames: Iterable[FrameResult]) -> Iterator[FrameResult]:
        """Yield the frames, with their fields counted."""
        for frame in frames:
            for name, value in frame.custom_fields.items():
                self._counts[name] += 1
                if name not in self._values:
                    self._values[name] = bytes(value)[:VALUE_BYTES].decode(errors="ignore")
            yield frame

    def tables(self) -> Iterator[Table]:
        """Yield a table of them, where there are any."""
        if self._counts:
            table = Table(folded("field"), whole("frames"), folded("first value"), title="Fields of the pipeline")
            for name, count in _shown(table, self._counts.most_common(), "--raw"):
                table.add_row(markup_of(name), str(count), markup_of(self._values[name]))
            yield table


def clock(time_ms: float) -> str:
    """Return a time of a video as people write it, such as 0:07.5 or 1:02:07.5."""
    tenths = round(min(max(time_ms, 0.0), MAX_SHOWN_MS) / 100)
    minutes, seconds = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    lead = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{lead}:{seconds / 10:04.1f}"


def _times() -> list[Column]:
    return [whole("from"), whole("to")]


def _more(*names: str) -> tuple[str, ...]:
    """Return the last columns, which a small terminal has no room for."""
    return names if console.width >= ROOMY else ()


def _by_label(objects: tuple[ObjectSpan, ...]) -> list[tuple[str, list[ObjectSpan]]]:
    spans: dict[str, list[ObjectSpan]] = defaultdict(list)
    for span in objects:
        spans[span.label].append(span)
    return sorted(spans.items(), key=lambda item: (-len(item[1]), item[0]))


def _shown(table: Table, rows: Sequence[T], option: str = "--format events") -> Sequence[T]:
    """Return the first rows; the table says how many more there are, and which option shows all."""
    if len(rows) > ROWS_SHOWN:
        table.caption = f"and {len(rows) - ROWS_SHOWN} more; {option} shows all"
    return rows[:ROWS_SHOWN]
