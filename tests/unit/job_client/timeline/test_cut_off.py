"""Which lines are parts of one that comes or goes: that slides, or that something wipes over."""

from collections.abc import Sequence

import pytest

from job_client.timeline import timeline_of
from shared.results import FrameResult, TextLine

pytestmark = pytest.mark.unit

TITLE = "Institute for Marine Biology"
CHAR_WIDTH = 13.0
LEFT, WIDTH = 30.0, 640.0


def line(text: str, left: float = LEFT, confidence: float = 0.98) -> TextLine:
    right = left + CHAR_WIDTH * len(text)
    box = ((left, 300.0), (right, 300.0), (right, 326.0), (left, 326.0))
    return TextLine(text=text, confidence=confidence, polygon=box)


def texts_of(lines: Sequence[TextLine | None]) -> list[tuple[str, int, int]]:
    frames = [FrameResult(index, index * 40.0, (), (each,) if each else (), {}) for index, each in enumerate(lines)]
    return [(span.text, span.first_frame, span.last_frame) for span in timeline_of(frames).texts]


def part(how: str, share: float) -> TextLine | None:
    """Return what is seen of the title, of which a share has come."""
    count = int(len(TITLE) * share)
    if how == "from the left":
        at = LEFT - (1 - share) * (CHAR_WIDTH * len(TITLE) + LEFT)
        cut = max(0, -int(at // CHAR_WIDTH))
        seen, left = TITLE[cut:], max(0.0, at)
    elif how == "from the right":
        left = WIDTH - share * (WIDTH - LEFT)
        seen = TITLE[: max(0, int((WIDTH - left) / CHAR_WIDTH))]
    else:
        seen = TITLE[:count] if how == "wiped from the left" else TITLE[len(TITLE) - count :]
        left = LEFT if how == "wiped from the left" else LEFT + CHAR_WIDTH * (len(TITLE) - count)
    return line(seen.strip(), left) if seen.strip() else None


HOWS = ["from the left", "from the right", "wiped from the left", "wiped from the right"]


@pytest.mark.parametrize("leaves", HOWS)
@pytest.mark.parametrize("comes", HOWS)
@pytest.mark.parametrize("steps", [4, 12, 20])
def test_a_line_that_slides_or_is_wiped_in_and_out_is_one_line(steps: int, comes: str, leaves: str) -> None:
    shares = [(step + 1) / (steps + 1) for step in range(steps)]
    shown = (
        [part(comes, share) for share in shares] + [line(TITLE)] * 50 + [part(leaves, each) for each in shares[::-1]]
    )
    [(text, first, last)] = texts_of([None, *shown, None])
    assert text == TITLE
    assert first <= 1 + steps // 2
    assert last >= 50 + steps + steps // 2


@pytest.mark.parametrize("parts", [("Score 1", "Score 10"), ("Part I", "Part II"), ("$1", "$100"), ("9", "99")])
def test_a_number_that_is_the_beginning_of_the_next_one_is_a_line(parts: Sequence[str]) -> None:
    assert texts_of([line(parts[0])] * 10 + [line(parts[1])] * 40) == [(parts[0], 0, 9), (parts[1], 10, 49)]


@pytest.mark.parametrize(("left", "missed"), [(LEFT + 100, 0), (LEFT, 6)])
def test_a_word_amid_the_line_before_or_later_is_a_line(left: float, missed: int) -> None:
    seen = [line("Where did you leave it")] * 30 + [None] * missed + [line("leave it", left)] * 10
    assert texts_of(seen) == [("Where did you leave it", 0, 29), ("leave it", 30 + missed, 39 + missed)]


def test_a_lone_character_does_not_lengthen_a_line() -> None:
    assert texts_of([line("I", confidence=0.6)] * 3 + [line(TITLE)] * 30) == [(TITLE, 3, 32)]


BLENDS = ["Gosts fell oathregions", "Nosts 4elloathregions", "Nosts 4alloathr@ions", "Nosts 44llSouthr@3ions"]


def test_what_is_read_in_no_two_frames_alike_as_one_line_dissolves_into_the_next_is_noise() -> None:
    one, other = [line("Costs fell in all regions")] * 30, [line("North 41 South 33")] * 30
    assert texts_of([*one, *map(line, BLENDS), *other]) == [
        ("Costs fell in all regions", 0, 30), ("North 41 South 33", 34, 63),
    ]  # fmt: skip


@pytest.mark.parametrize("between", [["Wait"] * 4, ["Wait here", "Wait her", "Wait here."], ["Wait for", "Wxit for"]])
def test_what_is_read_alike_or_too_briefly_to_say_between_two_lines_is_a_line(between: Sequence[str]) -> None:
    one, other = [line("Costs fell in all regions")] * 30, [line("North 41 South 33")] * 30
    assert len(texts_of([*one, *map(line, between), *other])) == 3


@pytest.mark.parametrize("missed", [(5, 0), (0, 5)])
def test_what_is_not_between_two_lines_is_a_line(missed: Sequence[int]) -> None:
    one, other = [line("Costs fell in all regions")] * 30, [line("North 41 South 33")] * 30
    assert len(texts_of([*one, *[None] * missed[0], *map(line, BLENDS), *[None] * missed[1], *other])) == 3
