"""How readings of text differ, and what they say together."""

from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job_client.timeline.readings import Difference, aligned, difference, is_part, voted

pytestmark = pytest.mark.unit

TEXTS = st.text("ab1 é中", max_size=12)


@cache
def fewest_edits(one: str, other: str) -> int:
    """Levenshtein's distance as it is defined."""
    if not one or not other:
        return len(one) + len(other)
    changed = fewest_edits(one[1:], other[1:]) + (one[0] != other[0])
    return min(changed, fewest_edits(one[1:], other) + 1, fewest_edits(one, other[1:]) + 1)


@given(TEXTS, TEXTS)
def test_an_alignment_has_both_texts_and_the_fewest_edits(one: str, other: str) -> None:
    pairs = aligned(one, other)
    assert ("".join(a for a, _ in pairs), "".join(b for _, b in pairs)) == (one, other)
    assert sum(a != b for a, b in pairs) == fewest_edits(one, other)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Hello world", "Helloworld", Difference.none),
        ("CFBD-353", "CF8O-353", Difference.misreading),
        ("THE QUIET STATE", "THE QUET STATE", Difference.slight),
        ("DOLLARAMA", "DOLLARAME", Difference.similar),
        ("DOLLARAMA", "DOLLARAM", Difference.misreading),
        ("It's late.", "Its late", Difference.misreading),
        ("Let it be", "Let it go", Difference.similar),
        ("He left.", "We left.", Difference.similar),
        ("He left.", "She left.", Difference.similar),
        ("a" * 501, "a" * 502, Difference.other),
        ("Chapter I", "Chapter II", Difference.similar),
        ("The Lord of the Manor I", "The Lord of the Manor II.", Difference.similar),
        ("Chapter I", "Chapter l", Difference.misreading),
        ("Chapter II", "Chapter Il", Difference.misreading),
        ("Chapter I", "Chapter I.", Difference.misreading),
        ("Thc chapter was VI", "The chapter was VI", Difference.slight),
        ("the harbour", "the hanbour", Difference.similar),
        ("12:00:01", "12:00:02", Difference.number),
        ("Frame = 9", "Frame = 10", Difference.number),
        ("9", "10", Difference.number),
        ("84°", "84.1°", Difference.number),
        ("I have 3 dogs.", "I have 3 dogs", Difference.misreading),
        ("It was 1984.", "It was 1984,", Difference.misreading),
        ("That's 5 dollars", "Thats 5 dollars", Difference.misreading),
        ("12:30", "1230", Difference.misreading),
        ("Open 24/7", "Open 24-7", Difference.misreading),
        ("Yes!", "What a day.", Difference.other),
        ("今天晚上我们", "明天早上见面", Difference.other),
    ],
)
def test_differences_are_told_apart(one: str, other: str, expected: Difference) -> None:
    assert difference(one, other) is difference(other, one) is expected


@pytest.mark.parametrize("text", ["Where is", "e is", "he going", "Whe g now", "Wh re is he", "Wherc is h", "go1ng"])
def test_what_is_left_of_a_line_is_a_part_of_it(text: str) -> None:
    assert is_part(text, "Where is he going now")


@pytest.mark.parametrize("text", ["", " ", "-", "W", "He is", "he is", "Hewing", "W e i h", "Where is he going now"])
def test_single_letters_of_a_line_are_no_part_of_it(text: str) -> None:
    assert not is_part(text, "Where is he going now")


def test_nothing_is_a_part_of_a_line_that_is_too_long_to_be_compared() -> None:
    assert not is_part("a" * 400, "a" * 501)


def test_characters_are_voted_one_by_one() -> None:
    assert voted({"HELO WORLD": 1.0, "HELLO WORD": 1.0, "HELLO W0RLD": 0.9}) == "HELLO WORLD"


def test_a_reading_with_half_of_the_weight_wins() -> None:
    assert voted({"12:30": 2.0, "12:38": 1.0, "12:3O": 1.0}) == "12:30"


@given(st.dictionaries(TEXTS, st.floats(0.1, 10), min_size=1, max_size=5))
def test_a_vote_does_not_depend_on_the_order_of_the_readings(weights: dict[str, float]) -> None:
    assert voted(weights) == voted(dict(reversed(weights.items())))
