"""How readings of one line of text differ, and what they say together."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache

CONFIDENCE_POWER = 4
"""A reading weighs its confidence to this power: of two that disagree, 0.98 against 0.85 is nearly two to one."""

CACHED_PAIRS = 1 << 14
"""The same few readings are compared again in every frame."""


class Difference(IntEnum):
    """How two readings differ.

    Attributes:
        none: They say the same.
        flicker: At most every third character differs: two readings of one line, or one line and the next like it.
        number: The same, and a digit is another one: mostly something that counts.
        other: They are of different lines.
    """

    none = 0
    flicker = 1
    number = 2
    other = 3


def weight_of(confidence: float) -> float:
    """Return how much a reading counts, 0 to 1."""
    return float(confidence**CONFIDENCE_POWER)


@lru_cache(CACHED_PAIRS)
def difference(one: str, other: str) -> Difference:
    """Return how two readings differ; blanks, which are often missed, make no difference."""
    one, other = "".join(one.split()), "".join(other.split())
    if one == other:
        return Difference.none
    allowed = max(len(one), len(other)) // 3
    if _least_edits(one, other) > allowed:
        return Difference.other
    edits = [(a, b) for a, b in aligned(one, other) if a != b]
    if len(edits) > allowed:
        return Difference.other
    return Difference.number if any(map(_changes_number, edits)) else Difference.flicker


def _least_edits(one: str, other: str) -> int:
    """Return a number of edits that is never too high, without aligning the two."""
    in_one, in_other = Counter(one), Counter(other)
    return max((in_one - in_other).total(), (in_other - in_one).total())


def _changes_number(edit: tuple[str, str]) -> bool:
    """Return whether a digit comes, goes, or becomes another digit; a digit for a letter (0 and O) is a misreading."""
    return all(not char or char.isdigit() for char in edit)


def aligned(one: str, other: str) -> list[tuple[str, str]]:
    """Return the characters of two texts side by side, with the fewest edits (Levenshtein).

    Returns:
        Pairs of characters; the empty string stands where one text has none.
    """
    edits = _edit_table(one, other)
    pairs = []
    row, column = len(one), len(other)
    while row or column:
        here = edits[row][column]
        if row and column and here == edits[row - 1][column - 1] + (one[row - 1] != other[column - 1]):
            row, column = row - 1, column - 1
            pairs.append((one[row], other[column]))
        elif row and here == edits[row - 1][column] + 1:
            row -= 1
            pairs.append((one[row], ""))
        else:
            column -= 1
            pairs.append(("", other[column]))
    return pairs[::-1]


def _edit_table(one: str, other: str) -> list[list[int]]:
    """Return the fewest edits between every beginning of one text and every beginning of the other."""
    table = [list(range(len(other) + 1))]
    for row, a in enumerate(one, 1):
        above = table[-1]
        current = [row]
        for column, b in enumerate(other, 1):
            current.append(min(above[column - 1] + (a != b), above[column] + 1, current[-1] + 1))
        table.append(current)
    return table


def voted(weights: Mapping[str, float]) -> str:
    """Return the text on which readings agree, character by character.

    Every reading is laid beside the heaviest one; each of its characters, and each place between two of them, goes to
    what most of the weight says. A reading that never came may win: "HELO WORLD" and "HELLO WORD" give "HELLO WORLD".

    Args:
        weights: The weight of each reading; at least one.
    """
    pivot = max(weights, key=lambda text: (weights[text], text))
    if weights[pivot] * 2 >= sum(weights.values()):
        return pivot
    votes = [defaultdict[str, float](float) for _ in range(2 * len(pivot) + 1)]
    for text, weight in weights.items():
        for slot, said in enumerate(_said(pivot, text)):
            votes[slot][said] += weight
    chosen = zip(votes, _said(pivot, pivot), strict=True)
    return "".join(max(vote, key=lambda said: (vote[said], said == own, said)) for vote, own in chosen)


def _said(pivot: str, text: str) -> list[str]:
    """Return what a text has before, at and behind each character of the pivot: `2 * len(pivot) + 1` strings."""
    said = [""] * (2 * len(pivot) + 1)
    slot = 0
    for own, char in aligned(pivot, text):
        if own:
            said[slot + 1] = char
            slot += 2
        else:
            said[slot] += char
    return said
