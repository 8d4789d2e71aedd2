"""How readings of one line of text differ, and what they say together."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from enum import IntEnum
from functools import lru_cache
from itertools import zip_longest

from rapidfuzz.distance import Levenshtein

CONFIDENCE_POWER = 4
"""A reading weighs its confidence to this power: of two that disagree, 0.98 against 0.85 is nearly two to one."""

MAX_COMPARED_CHARS = 500
"""Longer readings, which no video has, are the same or others: a comparison takes time and memory by the square."""

LONG_CHARS = 12
"""From which length on one edit is sooner a misreading than the next line, which hardly ever is so alike."""

MIN_OF_WHOLE = 0.8
"""Which share of the characters of a part must be in its whole, in their order; the others are misread."""

MIN_PART_CHARS = 2
"""How long a part must be: lone characters are read in textures."""

MIN_CHARS_AMID = 3
"""How long a fragment must be that is neither the beginning nor the end of its whole: any two letters are in many."""

CACHED_PAIRS = 1 << 14
"""The same few readings are compared again in every frame."""


class Difference(IntEnum):
    """How two readings differ, from what is surely one line to what are surely two.

    Attributes:
        none: They say the same.
        misreading: In characters that are taken for each other, such as O and 0, or in a first or last one that a box
            may have cut off.
        slight: In one of a dozen and more.
        similar: In at most every third character, or in a Roman numeral at the end: two readings of one line, or one
            line and the next like it.
        number: Likewise, and a digit is another one, or only the number differs: mostly something that counts.
        other: In more.
    """

    none = 0
    misreading = 1
    slight = 2
    similar = 3
    number = 4
    other = 5


_ALIKE = ("0ODQ", "1IL|!JT", "8B", "5S", "2Z", "6GC", "EF")
"""Capitals and digits that look alike; a letter counts as its capital."""

_LOOKS = str.maketrans({char: group[0] for group in _ALIKE for char in group})


_NUMERAL_AT_END = re.compile(r"\b([IVX]+)\W*$")
"""A Roman numeral up to 39, which is what chapters and parts are counted with."""

_UNLIKE_CAPITALS = frozenset("abdefghmnqr")
"""Small letters that do not look like their capitals: "He" is no part of "She"."""


def look_of(text: str) -> str:
    """Return the text with one character for all that look like it, and capitals for letters."""
    return text.upper().translate(_LOOKS)


def weight_of(confidence: float) -> float:
    """Return how much a reading counts, 0 to 1."""
    return float(confidence**CONFIDENCE_POWER)


@lru_cache(CACHED_PAIRS)
def difference(one: str, other: str) -> Difference:
    """Return how two readings differ; blanks, which are often missed, make no difference."""
    lines, (one, other) = (one, other), ("".join(text.split()) for text in (one, other))
    if one == other:
        return Difference.none
    if only_number_differs(one, other):
        return Difference.number
    longest = max(len(one), len(other))
    if abs(len(one) - len(other)) * 3 > longest or longest > MAX_COMPARED_CHARS:
        return Difference.other
    if Levenshtein.distance(one, other, score_cutoff=longest // 3) * 3 > longest:
        return Difference.other
    kind = _difference_of_alike(one, other)
    return max(kind, Difference.similar) if other_numeral(*lines) else kind


def other_numeral(one: str, other: str) -> bool:
    """Return whether two texts end in Roman numerals, and not in the same: "Chapter I" and "Chapter II"."""
    numerals = _NUMERAL_AT_END.search(one), _NUMERAL_AT_END.search(other)
    return bool(numerals[0] and numerals[1] and numerals[0][1] != numerals[1][1])


@lru_cache(CACHED_PAIRS)
def is_part(text: str, whole: str) -> bool:
    """Return whether a text is what is left of a longer one while something covers the rest; numbers are never.

    It may be several fragments, each of which is in the whole as it is.
    """
    is_shorter = MIN_PART_CHARS <= len(text) < len(whole) <= MAX_COMPARED_CHARS
    if not is_shorter or difference(text, whole) is Difference.number:
        return False
    part, all_of_it = ("".join(map(_look_of_char, each)) for each in (text, whole))
    return sum(_fragments(part, all_of_it)) >= max(MIN_OF_WHOLE * len(part), MIN_PART_CHARS)


def _fragments(part: str, whole: str) -> Iterator[int]:
    """Yield how many characters each fragment has that is in the whole behind the one before it."""
    begin = behind = 0
    while begin < len(part):
        at, end = behind, begin
        while end < len(part) and (found := whole.find(part[begin : end + 1], behind)) >= 0:
            at, end = found, end + 1
        size = end - begin
        is_at_end = at == 0 or at + size == len(whole)
        if size >= (MIN_PART_CHARS if is_at_end else MIN_CHARS_AMID):
            yield size
            begin, behind = end, at + size
        else:
            begin += 1


def _difference_of_alike(one: str, other: str) -> Difference:
    pairs = aligned(one, other)
    edits = [number for number, (a, b) in enumerate(pairs) if a != b]
    if any(_changes_number(*pairs[number]) for number in edits):
        return Difference.number
    ends = (0, len(pairs) - 1)
    whole = (pairs[number] for number in edits if number not in ends or all(pairs[number]))
    if all(_look_of_char(a) == _look_of_char(b) for a, b in whole):
        return Difference.misreading
    return Difference.slight if len(edits) == 1 and max(len(one), len(other)) >= LONG_CHARS else Difference.similar


def only_number_differs(one: str, other: str) -> bool:
    """Return whether two texts have the same letters and not the same number."""
    digits = _digits(one), _digits(other)
    return all(digits) and digits[0] != digits[1] and _letters(one) == _letters(other)


def _changes_number(one: str, other: str) -> bool:
    """Return whether a digit comes, goes, or becomes another digit; a digit for a letter (0 and O) is a misreading."""
    return all(not char or char.isdigit() for char in (one, other))


def _letters(text: str) -> str:
    return "".join(filter(str.isalpha, text))


def _digits(text: str) -> str:
    return "".join(filter(str.isdigit, text))


def _look_of_char(char: str) -> str:
    """Return what stands for all characters that look like it; punctuation looks like nothing at all."""
    if char in _UNLIKE_CAPITALS:
        return char
    return look_of(char) if char.isalnum() else ""


def aligned(one: str, other: str) -> list[tuple[str, str]]:
    """Return the characters of two texts side by side, with the fewest edits (Levenshtein).

    Returns:
        Pairs of characters; the empty string stands where one text has none.
    """
    pairs: list[tuple[str, str]] = []
    for block in Levenshtein.opcodes(one, other):
        of_one, of_other = one[block.src_start : block.src_end], other[block.dest_start : block.dest_end]
        pairs += zip_longest(of_one, of_other, fillvalue="")
    return pairs


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
