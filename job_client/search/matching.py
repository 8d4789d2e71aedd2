"""Which lines of text and codes say nearly what is searched for."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rapidfuzz import fuzz, process

from job_client.search.text_index import IndexedLine
from job_client.timeline.readings import look_of

ALIKE_SHARE = 0.98
"""What a score counts that needs characters which are misread for each other."""


class Match(NamedTuple):
    """A line of text or a code that was found.

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
    ends, the case of letters, accents and forms of the same character make no difference, and characters that are
    misread for each other, such as O and 0, a little.

    Args:
        text: What is searched for.
        lines_of: The lines of each job.
        min_score: The least score, 0 to 100; 100 finds only lines that hold the text.
    """
    places = [(job_id, line) for job_id, lines in lines_of.items() for line in lines]
    # What holds the text holds what looks like it too, so the rest need not be looked at again.
    looks = {number: _folded_look(line.text) for number, (_, line) in enumerate(places)}
    alike = _scores(_folded_look(text), looks, min_score)
    exact = _scores(_folded(text), {number: _folded(places[number][1].text) for number in alike}, min_score)
    scores = {number: max(exact.get(number, 0.0), ALIKE_SHARE * score) for number, score in alike.items()}
    ordered = sorted((-score, number) for number, score in scores.items() if score >= min_score)
    return [Match(-score, *places[number]) for score, number in ordered]


def _scores(wanted: str, lines: Mapping[int, str], min_score: float) -> dict[int, float]:
    """Return the scores of the lines that have one, by their numbers."""
    longer: dict[int, str] = {}
    shorter: dict[int, str] = {}
    for number, said in lines.items():
        (longer if len(said) >= len(wanted) else shorter)[number] = said
    found: dict[int, float] = {}
    for scorer, choices in ((fuzz.partial_ratio, longer), (fuzz.ratio, shorter)):
        scored = process.extract(wanted, choices, scorer=scorer, score_cutoff=min_score, limit=None)
        found.update((number, score) for _, score, number in scored)
    return found


def _folded_look(text: str) -> str:
    return look_of(_folded(text))


def _folded(text: str) -> str:
    """Return the text without what makes no difference; compatible forms, such as wide letters, are one (NFKC)."""
    if text.isascii():
        return " ".join(text.casefold().split())
    letters = (char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return " ".join(unicodedata.normalize("NFKC", "".join(letters)).casefold().split())
