"""Objects, lines of text and codes of every frame as a table: CSV (RFC 4180), one row each."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from shared.process.escaping import spreadsheet_text
from shared.results import FrameResult

FRAME_COLUMNS = (
    "frame_index", "timestamp_ms", "kind", "name", "class_id", "confidence",
    "x1", "y1", "x2", "y2", "x3", "y3", "x4", "y4", "format", "bytes",
)  # fmt: skip
"""An object has its box in the first two corners, a line of text or a code its polygon in all four; only a code has a
format, and bytes where its content is no text."""


class _Echo:
    """A file that keeps nothing: `csv.writer` returns what `write` does."""

    def write(self, line: str) -> str:
        return line


def csv_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield a header and rows; None is an empty field, and no text is run by a spreadsheet."""
    harmless = ([spreadsheet_text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows)
    return map(csv.writer(_Echo()).writerow, chain([columns], harmless))


def table(results: Iterable[FrameResult]) -> Iterator[str]:
    """Yield the header and the rows."""
    return csv_rows(FRAME_COLUMNS, _rows(results))


def _rows(results: Iterable[FrameResult]) -> Iterator[Sequence[Any]]:
    for frame in results:
        begin = (frame.frame_index, frame.timestamp_ms)
        for found in frame.detections:
            yield *begin, "object", found.label, found.class_id, found.confidence, *found.box, *[None] * 6
        for line in frame.text_lines:
            yield *begin, "text", line.text, None, line.confidence, *chain.from_iterable(line.polygon), None, None
        for code in frame.codes:
            corners = chain.from_iterable(code.polygon)
            yield *begin, "code", code.text, None, None, *corners, code.format, code.bytes
