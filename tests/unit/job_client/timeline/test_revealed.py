"""Which lines are parts of one text that is shown little by little."""

import random
from collections.abc import Iterator, Sequence
from itertools import accumulate

import pytest

from job_client.timeline import timeline_of
from job_client.timeline.revealed import joined
from shared.results import FrameResult, TextLine

pytestmark = pytest.mark.unit

HEADLINE = "BREAKING NEWS: the president of the council said on 12 May that 2 new bridges will open in spring"
CHAR_WIDTH = 14.0
LEFT, WIDTH = 100.0, 400.0


def line(text: str, left: float, right: float) -> TextLine:
    box = ((left, 300.0), (right, 300.0), (right, 330.0), (left, 330.0))
    return TextLine(text=text, confidence=0.97, polygon=box)


def from_the_left(text: str) -> TextLine:
    return line(text, LEFT, LEFT + CHAR_WIDTH * len(text))


def texts_of(lines: Sequence[TextLine | None]) -> list[tuple[str, int, int]]:
    frames = [FrameResult(index, index * 40.0, (), (each,) if each else (), {}) for index, each in enumerate(lines)]
    return [(span.text, span.first_frame, span.last_frame) for span in timeline_of(frames).texts]


def crawl(text: str, pixels: int, width: float = WIDTH) -> Iterator[TextLine | None]:
    """Yield what is read of a text that moves to the left by so many pixels a frame."""
    for moved in range(0, int(width + len(text) * CHAR_WIDTH), pixels):
        at = width - moved
        first, last = round(max(0.0, -at) / CHAR_WIDTH), round((width - at) / CHAR_WIDTH)
        left, right = max(at, 0.0), min(at + len(text) * CHAR_WIDTH, width)
        seen = text[first:last].strip()
        yield line(seen, LEFT + left, LEFT + right) if seen else None


def typed(text: str, frames_each: int) -> Iterator[TextLine]:
    for count in range(1, len(text) + 1):
        seen = text[:count].strip()
        for _ in range(frames_each):
            yield from_the_left(seen)


@pytest.mark.parametrize("pixels", [1, 2, 4, 8, 14])
def test_a_crawl_is_one_line_that_says_all_of_it(pixels: int) -> None:
    [(text, first, last)] = texts_of(list(crawl(HEADLINE, pixels)))
    assert text == HEADLINE
    assert last - first > 0.95 * (WIDTH + len(HEADLINE) * CHAR_WIDTH) / pixels


def test_a_crawl_that_goes_on_for_long_is_cut_between_words() -> None:
    ticker = "Storm warning for the coast until Friday night +++ Trains to Lyon are late +++ Markets close higher +++ "
    read = [text for text, *_ in texts_of(list(crawl(ticker * 8, 4)))]
    assert len(read) > 1
    assert set(" ".join(read).split()) == set(ticker.split())


@pytest.mark.parametrize("pixels", [3, 5])
@pytest.mark.parametrize("chars", [30, 40, 60])
def test_a_crawl_is_one_line_whatever_part_of_it_is_in_view(pixels: int, chars: int) -> None:
    assert [text for text, *_ in texts_of(list(crawl(HEADLINE, pixels, CHAR_WIDTH * chars)))] == [HEADLINE]


def test_a_crawl_that_is_misread_here_and_there_is_one_line() -> None:
    chance = random.Random(3)
    read = [
        each and line("".join("x" if chance.random() < 0.02 else char for char in each.text), each.polygon[0][0], 500.0)
        for each in crawl(HEADLINE, 4)
    ]
    longest = max((text for text, *_ in texts_of(read)), key=len)
    assert sum(one != other for one, other in zip(longest, HEADLINE, strict=True)) <= 2


@pytest.mark.parametrize("text", [HEADLINE[:40], "A 555 1234 today"])
@pytest.mark.parametrize("frames_each", [1, 3])
def test_text_that_is_typed_is_one_line(frames_each: int, text: str) -> None:
    shown = list(typed(text, frames_each))
    assert texts_of(shown + shown[-1:] * 10) == [(text, 0, len(text) * frames_each + 9)]


@pytest.mark.parametrize("frames_each", [1, 3, 6])
def test_text_that_is_erased_at_four_letters_a_second_and_faster_is_one_line(frames_each: int) -> None:
    first, second = list(typed("red shoes for men", frames_each)), list(typed("blue hat with feather", frames_each))
    shown = [*first, *[first[-1]] * 25, *first[:-frames_each][::-1]]
    assert [text for text, *_ in texts_of(shown)] == ["red shoes for men"]
    assert [text for text, *_ in texts_of([*shown, *second, *[second[-1]] * 25])] == [
        "red shoes for men", "blue hat with feather",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["def area(width, height):", "How to install", "my_variable", HEADLINE])
@pytest.mark.parametrize("frames_each", [1, 3, 5])
@pytest.mark.parametrize(("cursor", "blink"), [("|", 13), ("|", 10_000), ("_", 13), ("l", 13), ("█", 10_000)])
def test_the_cursor_behind_a_text_that_is_typed_is_no_part_of_it(
    text: str, frames_each: int, cursor: str, blink: int
) -> None:
    shown = [each.text for each in typed(text, frames_each)] + [text] * 60
    read = [each + cursor * (index // blink % 2 == 0) for index, each in enumerate(shown)]
    assert texts_of(list(map(from_the_left, read))) == [(text, 0, len(read) - 1)]


@pytest.mark.parametrize("text", ["Part I", "x = a |", "user_", "Hal"])
def test_what_looks_like_a_cursor_is_read_where_no_text_is_typed_over_it(text: str) -> None:
    shown = [text] * 20 + [text[:-1].strip() + " 2"] * 20
    assert texts_of(list(map(from_the_left, shown)))[0][0] == text
    assert {each for each, *_ in texts_of(list(typed(text, 3)) + [from_the_left(text)] * 20)} == {text}


def test_words_that_are_shown_one_after_another_are_one_line() -> None:
    words = HEADLINE.split()[:8]
    parts = [" ".join(words[:count]) for count in range(1, 9)]
    shown = [from_the_left(part) for part in parts for _ in range(8)]
    assert texts_of(shown) == [(parts[-1], 0, 63)]


def test_two_subtitles_of_which_one_goes_on_with_the_other_are_two() -> None:
    parts = ["I love you", "I love you too much"]
    shown = [from_the_left(part) for part in parts for _ in range(25)]
    assert texts_of(shown) == [(parts[0], 0, 24), (parts[1], 25, 49)]


@pytest.mark.parametrize("blank", [0, 5, 10])
@pytest.mark.parametrize(
    "parts",
    [
        ("Stop", "Stop it", "Stop it now"),
        ("Run", "Run!", "Run! Run!"),
        ("I love", "I love you", "I love you too"),
        ("I know", "I know what", "I know what you did."),
        ("Part I", "Part II", "Part III"),
        ("10", "100", "1000"),
        ("$1", "$10", "$100"),
        ("Score 1", "Score 10", "Score 100", "Score 1000"),
    ],
)
def test_subtitles_that_stand_are_lines_of_their_own_though_each_begins_the_next(
    parts: Sequence[str], blank: int
) -> None:
    read = [each for part in parts for each in [from_the_left(part)] * 30 + [None] * blank]
    starts = [number * (30 + blank) for number in range(len(parts))]
    assert texts_of(read) == [(part, at, at + 29) for part, at in zip(parts, starts, strict=True)]


def test_a_number_that_grows_fast_is_a_line_for_each_number() -> None:
    scores = [f"Score {10**power}" for power in range(5)]
    assert [text for text, *_ in texts_of([from_the_left(score) for score in scores for _ in range(8)])] == scores


@pytest.mark.parametrize("blank", [0, 6])
def test_words_for_a_moment_are_one_line_unless_nothing_was_read_between_them(blank: int) -> None:
    parts = ["Stop", "Stop it", "Stop it now"]
    read = [each for part in parts for each in [from_the_left(part)] * 8 + [None] * blank]
    assert [text for text, *_ in texts_of(read)] == (parts if blank else parts[-1:])


def test_text_that_is_typed_with_a_number_and_a_pause_is_one_line() -> None:
    shown = list(typed("Call 555 1234 today", 3))
    [(read, first, last)] = texts_of(shown[:30] + shown[29:30] * 40 + shown[30:])
    assert (read, first, last) == ("Call 555 1234 today", 0, 96)


@pytest.mark.parametrize("words", ["I love you", "A man of honour", "O say can you see"])
def test_words_of_which_the_first_is_one_letter_are_one_line(words: str) -> None:
    parts = list(accumulate(words.split(), "{} {}".format))
    shown = [from_the_left(part) for part in parts for _ in range(9)]
    assert texts_of(shown) == [(words, 0, len(shown) - 1)]


@pytest.mark.parametrize("following", ["NEWS", "BREAKING NEWS: the president"])
def test_a_line_that_stands_after_typed_text_that_stands_is_another_one(following: str) -> None:
    shown = [*typed("BREAKING NEWS", 3), *[from_the_left("BREAKING NEWS")] * 75, *[from_the_left(following)] * 125]
    assert texts_of(shown) == [("BREAKING NEWS", 0, 113), (following, 114, 238)]


def test_words_that_begin_with_the_last_one_of_the_line_before_are_another_line() -> None:
    lines = [["I", "I love", "I love you"], ["you", "you are", "you are my"]]
    shown = [
        from_the_left(part) for parts in lines for part in (*[p for p in parts for _ in range(9)], *parts[-1:] * 30)
    ]
    assert texts_of(shown) == [("I love you", 0, 56), ("you are my", 57, 113)]


@pytest.mark.parametrize(
    ("text", "following", "together"),
    [
        ("the president of the c", "president of the council", "the president of the council"),
        ("the president of the c", "presldent of the council", "the president of the council"),
        ("the president of the cou", "ident of the council said", "the president of the council said"),
        ("the president of the counci", "he president of the council", "the president of the council"),
        ("HELLO", "HELLO WORLD", "HELLO WORLD"),
        ("new bridge will open", "open", "new bridge will open"),
        ("in the city of New York", "New York is a large city", None),
        ("Good morning", "Good morning", None),
        ("Good morning", "Goad morning", None),
        ("Frame = 9", "Frame = 10", None),
        ("Frame 10 of 300", "Frame 11 of 300", None),
        ("shares fell by", "shares fell by 12", "shares fell by 12"),
        ("A", "A long line", "A long line"),
        ("x" * 400, "x" * 399 + "yz", None),
    ],
)
def test_a_line_goes_on_where_the_text_ends(text: str, following: str, together: str | None) -> None:
    assert joined(text, following) == together


@pytest.mark.parametrize("words", ["so today I", "what a day", "oven a easy", "you and me"])
@pytest.mark.parametrize("frames_each", [4, 6, 8, 10])
def test_a_caption_of_three_words_of_which_one_is_short_is_one_line(words: str, frames_each: int) -> None:
    parts = list(accumulate(words.split(), "{} {}".format))
    shown = [from_the_left(part) for part in parts for _ in range(frames_each)]
    following = [from_the_left("bread in the")] * 20
    assert [text for text, *_ in texts_of([*shown, *shown[-1:] * 6, *following])] == [words, "bread in the"]


@pytest.mark.parametrize("prompt", ["", "user@host:~$ "])
@pytest.mark.parametrize(("frames_each", "erased"), [(3, 1), (4, 4), (5, 5), (6, 6)])
def test_commands_that_are_typed_and_erased_are_read_to_their_last_letter(
    prompt: str, frames_each: int, erased: int
) -> None:
    commands = ["pip install rich", "make test", "git status", "cat a.txt"]
    read: list[str] = []
    for command in commands:
        typed_so_far = [prompt + command[:count] for count in range(not prompt, len(command) + 1)]
        read += [each for each in typed_so_far for _ in range(frames_each)]
        read += [prompt + command] * 25
        read += [each for each in typed_so_far[-2::-1] for _ in range(erased)]
    lines = [text for text, *_ in texts_of([from_the_left(each) for each in read])]
    assert [text for text in lines if len(text) > len(prompt) + 1] == [prompt + command for command in commands]


@pytest.mark.parametrize("frames", [1, 2])
def test_a_reading_that_gets_longer_for_a_moment_and_is_then_as_before_is_a_misreading(frames: int) -> None:
    read = [*["DOLLARAMA"] * 8, *["DOLLARAMA-"] * frames, *["DOLLARAMA-E"] * frames, *["DOLLARAMA"] * 8]
    assert [text for text, *_ in texts_of(list(map(from_the_left, read)))] == ["DOLLARAMA"]


def test_subtitles_that_stand_are_lines_of_their_own_though_each_begins_with_the_end_of_the_one_before() -> None:
    parts = [
        "he told me that we go home in the morning",
        "we go home in the morning at last",
        "the morning at last is here",
    ]
    shown = [from_the_left(part) for part in parts for _ in range(20)]
    assert [text for text, *_ in texts_of(shown)] == parts
