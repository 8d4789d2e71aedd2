"""Text as subtitles: SubRip (SRT), one subtitle a span."""

from collections.abc import Iterator, Sequence

from job_client.job import FrameResult
from job_client.spans import FindingKind, spans_of

__all__ = ["subtitles"]


def subtitles(results: Sequence[FrameResult]) -> Iterator[str]:
    """Yields the subtitles in the order of their starts."""
    for number, span in enumerate(spans_of(results, FindingKind.text), 1):
        yield f"{number}\n{_time(span.start_ms)} --> {_time(span.end_ms)}\n{span.name}\n\n"


def _time(milliseconds: float) -> str:
    seconds, thousandths = divmod(max(0, round(milliseconds)), 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02},{thousandths:03}"
