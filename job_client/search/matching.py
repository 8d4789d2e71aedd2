"""Which lines of text say nearly what is searched for."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rapidfuzz import fuzz, process

from job_client.search.text_index import IndexedLine


class Match(NamedTuple):
    """A line of text that was found.

    Attributes:
        score: How much it is like what was searched for, 0 to 100.
        job_id: The job.
        line: The line.
    """

    score: float
    job_id: str
    line: IndexedLine


def matches(text: str, lines_of: Mapping[str, Sequence[IndexedLine]], min_score: float) -> list[Match]:
    """Return the lines that hold a text or nearly do, the best first, then in the order of the jobs and of time.

    A line counts by the part of it that is most like the text, a line shorter than the text as a whole. Blanks at both
    ends and the case of letters make no difference.

    Args:
        text: What is searched for.
        lines_of: The lines of each job.
        min_score: The least score, 0 to 100; 100 finds only lines that hold the text as it is.
    """
    wanted = _folded(text)
    places = [(job_id, line) for job_id, lines in lines_of.items() for line in lines]
    folded = [_folded(line.text) for _, line in places]
    found: list[tuple[float, int]] = []
    for scorer, numbers in (
        (fuzz.partial_ratio, [number for number, said in enumerate(folded) if len(said) >= len(wanted)]),
        (fuzz.ratio, [number for number, said in enumerate(folded) if len(said) < len(wanted)]),
    ):
        choices = {number: folded[number] for number in numbers}
        scored = process.extract(wanted, choices, scorer=scorer, score_cutoff=min_score, limit=None)
        found.extend((-score, number) for _, score, number in scored)
    return [Match(-score, *places[number]) for score, number in sorted(found)]


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
