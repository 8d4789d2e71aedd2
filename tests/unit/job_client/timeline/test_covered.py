"""Lines that something covers in part for a while: a thing that passes in front of a sign, a word that is missed."""

from collections.abc import Sequence

import pytest

from job_client.timeline import timeline_of
from shared.results import FrameResult, TextLine

pytestmark = pytest.mark.unit

SIGN = "CITY HOTEL PARKING"
CHAR_WIDTH = 15.0
LEFT = 100.0


def line(text: str, left: float = LEFT) -> TextLine:
    right = left + CHAR_WIDTH * len(text)
    box = ((left, 300.0), (right, 300.0), (right, 330.0), (left, 330.0))
    return TextLine(text=text, confidence=0.97, polygon=box)


def part(text: str, whole: str = SIGN, moved: float = 0.0) -> TextLine:
    """Return a part of a line, where it is in it."""
    return line(text, LEFT + CHAR_WIDTH * whole.index(text) + moved)


def texts_of(lines: Sequence[Sequence[TextLine]], fps: float = 25.0) -> list[tuple[str, int, int]]:
    frames = [FrameResult(index, index * 1000.0 / fps, (), tuple(each), {}) for index, each in enumerate(lines)]
    return [(span.text, span.first_frame, span.last_frame) for span in timeline_of(frames).texts]


@pytest.mark.parametrize("count", [1, 2, 8])
@pytest.mark.parametrize("seen", [("CITY HOTEL",), ("PARKING",), ("HOTEL",), ("CITY", "PARKING"), ("CI", "KING")])
def test_a_line_that_is_covered_in_part_for_a_moment_is_one_line(seen: Sequence[str], count: int) -> None:
    shown = [[line(SIGN)]] * 50 + [[part(text) for text in seen]] * count + [[line(SIGN)]] * 50
    assert texts_of(shown) == [(SIGN, 0, 99 + count)]


@pytest.mark.parametrize("frames_each", [1, 2, 3])
def test_a_line_past_which_something_goes_is_one_line(frames_each: int) -> None:
    shown = [[line(SIGN)]] * 30
    for right in range(1, len(SIGN) + 6):
        left = max(right - 6, 0)
        seen = [text for text in (SIGN[:left].strip(), SIGN[right:].strip()) if len(text) > 1]
        shown += [[part(text) for text in seen]] * frames_each
    assert texts_of([*shown, *[[line(SIGN)]] * 30]) == [(SIGN, 0, len(shown) + 29)]


def test_a_line_of_which_the_end_is_missed_now_and_then_is_one_line() -> None:
    shown = [[part("CITY HOTEL")] if frame % 7 in {2, 5, 6} else [line(SIGN)] for frame in range(100)]
    assert texts_of(shown) == [(SIGN, 0, 99)]
    assert texts_of([[line(SIGN)] if frame % 2 else [part("PARKING")] for frame in range(59)]) == [(SIGN, 0, 58)]


def test_a_line_that_moves_while_it_is_covered_in_part_is_one_line() -> None:
    shown = [[part("CITY HOTEL" if 50 <= frame < 55 else SIGN, moved=-4.0 * frame)] for frame in range(100)]
    assert texts_of(shown) == [(SIGN, 0, 99)]


def test_a_line_that_moves_is_one_line_though_frames_are_missed_and_then_a_part_is_read() -> None:
    shown = [part("PARKING" if 30 <= frame < 33 else SIGN, moved=-12.0 * frame) for frame in range(60)]
    frames = [FrameResult(n, n * 40.0 + 360.0 * (n >= 30), (), (each,), {}) for n, each in enumerate(shown)]
    assert [(span.text, span.frames) for span in timeline_of(frames).texts] == [(SIGN, 60)]


def test_what_is_seen_of_a_line_does_not_say_where_it_is() -> None:
    shown = [[line(SIGN)]] * 20 + [[TextLine(text="CITY", confidence=0.99, polygon=part("CITY").polygon)]] * 5
    frames = [FrameResult(n, n * 40.0, (), tuple(each), {}) for n, each in enumerate([*shown, *shown[:20]])]
    [span] = timeline_of(frames).texts
    assert (span.box, span.frames) == ((LEFT, 300.0, LEFT + CHAR_WIDTH * len(SIGN), 330.0), 45)
    assert len({(point.x, point.y) for point in span.path}) == 1


@pytest.mark.parametrize(
    ("texts", "count"),
    [
        (("Yes", "Yes, I will", "What a day."), 30),
        (("Yes, I will", "Yes", "Yes, I will"), 13),
        (("Let it be, let it be", "Let it be", "Let it be, let it be"), 20),
        (("Lap 12", "Lap 1", "Lap 12"), 6),
    ],
)
def test_a_part_that_stands_and_another_number_are_lines_of_their_own(texts: Sequence[str], count: int) -> None:
    shown = [[line(text)] for text in texts for _ in range(count)]
    assert texts_of(shown) == [(text, at * count, (at + 1) * count - 1) for at, text in enumerate(texts)]


def test_a_line_of_letters_that_the_line_before_and_after_it_has_too_is_a_line() -> None:
    whole = "Where is he going now"
    shown = [[line(whole)]] * 25 + [[line("He is", LEFT + 120.0)]] * 12 + [[line(whole)]] * 25
    assert texts_of(shown) == [(whole, 0, 24), ("He is", 25, 36), (whole, 37, 61)]


def test_a_part_that_is_shown_in_a_long_frame_is_a_line() -> None:
    shown = [SIGN, SIGN, "CITY HOTEL", SIGN, SIGN]
    assert [text for text, *_ in texts_of([[line(text)] for text in shown], fps=1.0)] == [SIGN, "CITY HOTEL", SIGN]


def test_a_line_that_does_not_come_again_ends_where_its_part_stands() -> None:
    shown = [[line("Where did you leave it")]] * 30 + [[line("leave it", LEFT + 210.0)]] * 30
    assert texts_of(shown) == [("Where did you leave it", 0, 29), ("leave it", 30, 59)]


def test_what_was_read_before_a_line_that_is_joined_with_its_neighbour_is_a_line() -> None:
    whole = "Good morning all Night shift"
    shown = [[line("Chapter One")]] * 25 + [[line("Chapter Two")]] * 25 + [[line("Good morning all")]] * 12
    shown += [[part(text, whole) for text in ("Good morning", "Night shift")]] * 2 + [[line(whole)]] * 20
    assert texts_of(shown) == [("Chapter One", 0, 24), ("Chapter Two", 25, 49), (whole, 50, 83)]
