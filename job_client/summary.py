"""Which labels, lines of text and codes are in a video, and when."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from job_client.spans import Span, SpanKind, spans_of
from shared.results import FrameResult


@dataclass(slots=True)
class SummaryRow:
    """One label, line of text or code over a whole video.

    Attributes:
        kind: Which of them.
        name: The label or the text.
        spans: When it is visible, in order; at least one.
    """

    kind: SpanKind
    name: str
    spans: list[Span] = field(default_factory=list)

    @property
    def frames(self) -> int:
        """In how many frames it is; several in one frame count once."""
        return sum(span.last_frame - span.first_frame + 1 for span in self.spans)

    @property
    def best(self) -> Span:
        """The span with the highest confidence."""
        return max(self.spans, key=lambda span: span.best_confidence)


def summary_of(results: Sequence[FrameResult], kind: SpanKind) -> list[SummaryRow]:
    """Return the labels, the lines of text or the codes, the most frequent first, then the first seen."""
    rows: dict[str, SummaryRow] = {}
    for span in spans_of(results, kind):
        rows.setdefault(span.name, SummaryRow(kind, span.name)).spans.append(span)
    return sorted(rows.values(), key=lambda row: (-row.frames, row.spans[0].first_frame))
