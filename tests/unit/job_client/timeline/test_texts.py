"""Which lines of text a timeline has, from when to when."""

import random
from collections.abc import Iterable, Sequence

import pytest

from job_client.timeline import TextSpan, TimelineSettings, timeline_of
from shared.results import Box, FrameResult, TextLine

pytestmark = pytest.mark.unit

FRAME_MS = 40.0
PLACE = (100.0, 300.0, 500.0, 330.0)


def line(text: str, confidence: float = 0.97, box: Box = PLACE) -> TextLine:
    x1, y1, x2, y2 = box
    return TextLine(text=text, confidence=confidence, polygon=((x1, y1), (x2, y1), (x2, y2), (x1, y2)))


def frames(lines: Iterable[Sequence[TextLine]], frame_ms: float = FRAME_MS) -> list[FrameResult]:
    return [FrameResult(index, index * frame_ms, (), tuple(each), {}) for index, each in enumerate(lines)]


def shown(*parts: tuple[str, int]) -> list[Sequence[TextLine]]:
    """Return frames that show each text for so many frames; an empty text shows nothing."""
    return [[line(text)] if text else [] for text, count in parts for _ in range(count)]


def texts_of(lines: Iterable[Sequence[TextLine]], **settings: float) -> list[tuple[str, int, int]]:
    spans = timeline_of(frames(lines), TimelineSettings(**settings)).texts
    return [(span.text, span.first_frame, span.last_frame) for span in spans]


def test_a_line_has_the_first_and_the_last_frame_in_which_it_was_read() -> None:
    [span] = timeline_of(frames(shown(("", 3), ("Good morning", 25), ("", 5)))).texts
    assert (span.text, span.first_frame, span.last_frame, span.frames) == ("Good morning", 3, 27, 25)
    assert (span.start_ms, span.end_ms, span.seconds) == (120.0, 1120.0, 1.0)


def test_a_line_that_is_missed_for_a_moment_is_one_line() -> None:
    assert texts_of(shown(("Good morning", 10), ("", 5), ("Good morning", 10))) == [("Good morning", 0, 24)]


def test_a_line_that_comes_again_is_another_one() -> None:
    again = shown(("Good morning", 10), ("", 20), ("Good morning", 10))
    assert texts_of(again) == [("Good morning", 0, 9), ("Good morning", 30, 39)]
    assert texts_of(again, gap_ms=1000.0) == [("Good morning", 0, 39)]


@pytest.mark.parametrize(("confidence", "frames_absent"), [(0.6, 48), (0.5, 96), (0.4, 228)])
def test_noise_does_not_bridge_a_longer_gap(confidence: float, frames_absent: int) -> None:
    sale = shown(("SALE TODAY", 25))
    absent = [[line("Y", confidence)] if n % 12 == 11 else [] for n in range(frames_absent)]
    back = 25 + frames_absent
    assert texts_of([*sale, *absent, *sale]) == [("SALE TODAY", 0, 24), ("SALE TODAY", back, back + 24)]


def test_what_is_read_differently_in_some_frames_is_one_line() -> None:
    readings = shown(
        ("DOLLARAMA", 24), ("DOLLARAM", 4), ("DOLLARAMA", 1), ("DOLLARAM", 20), ("DOLLARAME", 9), ("DOLLARAMA", 7)
    )
    assert texts_of(readings) == [("DOLLARAMA", 0, 64)]


def test_a_wrong_first_or_last_reading_does_not_shorten_a_line() -> None:
    assert texts_of(shown(("Go0d morming", 1), ("Good morning", 20), ("Gcod morning", 2))) == [("Good morning", 0, 22)]


@pytest.mark.parametrize("blank", [0, 5])
def test_a_wrong_first_reading_is_of_its_line_however_many_other_lines_follow(blank: int) -> None:
    subtitles = [
        "We have to leave tonight", "Nobody knows the harbour", "Martha was there before", "Take the second road left",
        "He never came back home", "What a day it has been", "She closed the old shop", "They will come tomorrow",
    ]  # fmt: skip
    seen = [part for text in subtitles for part in ((text.replace("e", "c", 1), 1), (text, 29), ("", blank))]
    starts = [number * (30 + blank) for number in range(len(subtitles))]
    assert texts_of(shown(*seen)) == [(text, at, at + 29) for text, at in zip(subtitles, starts, strict=True)]


def test_no_single_reading_need_be_right() -> None:
    wrong = ["HELO WORLD AGAIN", "HELLO WORD AGAIN", "HELLO WORLD AGAN"] * 5
    assert texts_of([[line(text)] for text in wrong]) == [("HELLO WORLD AGAIN", 0, 14)]


def test_readings_of_higher_confidence_count_more() -> None:
    mixed = [[line("Good moming", 0.7)]] * 12 + [[line("Good morning", 0.99)]] * 8
    assert [text for text, *_ in texts_of(mixed)] == ["Good morning"]


@pytest.mark.parametrize(("first_ms", "voted"), [(40.0, "HELL0 WORLD"), (2000.0, "HELLO WORLD")])
def test_a_reading_counts_by_the_time_for_which_its_frame_is_shown(first_ms: float, voted: str) -> None:
    readings = ["HELLO WORLD"] + ["HELL0 WORLD"] * 5
    results = [
        FrameResult(index, index and first_ms + (index - 1) * FRAME_MS, (), (line(text),), {})
        for index, text in enumerate(readings)
    ]
    assert [span.text for span in timeline_of(results).texts] == [voted]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Line 1", "Line 2"),
        ("Let it be", "Let it go"),
        ("You knew her", "You know him"),
        ("Yes.", "What a day."),
        ("Chapter 9 begins", "Chapter 10 begins"),
        ("今天晚上", "今天早上"),
    ],
)
def test_a_line_that_follows_at_once_at_the_same_place_is_another_one(one: str, other: str) -> None:
    assert texts_of(shown((one, 25), (other, 25))) == [(one, 0, 24), (other, 25, 49)]


@pytest.mark.parametrize(
    ("texts", "count"),
    [
        (("Come in.", "Come on.", "Come in."), 14),
        (("He lied to us.", "She lied to us.", "He lied to us."), 14),
        (("他来了", "她来了", "他来了"), 14),
        (("Where is my hat now?", "Where is my bat now?", "Where is my cat now?"), 20),
        (("Where is my hat now?", "Where is my bat now?", "Where is my hat now?"), 20),
    ],
)
def test_a_line_that_was_read_surely_and_steadily_was_shown_though_the_one_before_returns(
    texts: Sequence[str], count: int
) -> None:
    seen = [[line(text, 0.98)] for text in texts for _ in range(count)]
    assert texts_of(seen) == [(text, at * count, (at + 1) * count - 1) for at, text in enumerate(texts)]


@pytest.mark.parametrize(("count", "confidence"), [(5, 0.98), (20, 0.9)])
def test_a_letter_that_is_misread_for_a_moment_or_not_surely_is_no_change(count: int, confidence: float) -> None:
    texts = ["Come in."] * 25 + ["Come on."] * count + ["Come in."] * 25
    assert texts_of([[line(text, confidence)] for text in texts]) == [("Come in.", 0, 49 + count)]


@pytest.mark.parametrize("count", [13, 20])
def test_chapters_that_are_counted_with_roman_numerals_are_a_line_each(count: int) -> None:
    chapters = [f"Chapter {numeral}" for numeral in ("I", "II", "III", "IV", "V", "VI", "VII")]
    assert texts_of(shown(*((text, count) for text in chapters))) == [
        (text, at * count, (at + 1) * count - 1) for at, text in enumerate(chapters)
    ]


@pytest.mark.parametrize(("wrong", "count"), [("Chapter III", 4), ("Chapter Il", 20)])
def test_a_misread_roman_numeral_is_no_change(wrong: str, count: int) -> None:
    assert texts_of(shown(("Chapter II", 25), (wrong, count), ("Chapter II", 25))) == [("Chapter II", 0, 49 + count)]
    assert texts_of(shown((wrong, count // 4), ("Chapter II", 25))) == [("Chapter II", 0, 24 + count // 4)]


def test_a_clock_is_a_line_for_each_time() -> None:
    clock = shown(*((f"12:00:{second:02}", 25) for second in range(5)))
    assert texts_of(clock) == [(f"12:00:{second:02}", second * 25, second * 25 + 24) for second in range(5)]


def test_a_counter_that_changes_in_every_frame_is_a_line_for_each_frame() -> None:
    counter = shown(*((f"Frame = {number}", 1) for number in range(1, 13)))
    assert texts_of(counter) == [(f"Frame = {number}", number - 1, number - 1) for number in range(1, 13)]


def test_one_wrong_digit_for_a_moment_is_no_change() -> None:
    assert texts_of(shown(("CFBD-353", 20), ("CFBD-358", 1), ("CFBD-353", 20))) == [("CFBD-353", 0, 40)]


@pytest.mark.parametrize("frames_wrong", [1, 2])
@pytest.mark.parametrize(("text", "wrong"), [("CFBD 353", "CFBD 358"), ("Tel 555 1234", "Tel 555 7234"), ("12", "17")])
def test_a_number_that_is_surely_misread_and_returns_at_once_has_not_changed(
    text: str, wrong: str, frames_wrong: int
) -> None:
    readings = [text] * 40 + [wrong] * frames_wrong + [text] * 40
    assert texts_of([[line(each, 0.99)] for each in readings]) == [(text, 0, 79 + frames_wrong)]


def test_a_number_that_returns_after_it_was_shown_has_changed() -> None:
    assert texts_of([[line(text, 0.99)] for text in ["Lap 1"] * 20 + ["Lap 2"] * 5 + ["Lap 1"] * 20]) == [
        ("Lap 1", 0, 19), ("Lap 2", 20, 24), ("Lap 1", 25, 44),
    ]  # fmt: skip


def test_a_wrong_punctuation_mark_in_a_line_with_a_number_is_no_change() -> None:
    readings = (["Open 24/7"] * 9 + ["Open 24-7"]) * 5
    assert texts_of([[line(text, 0.99)] for text in readings]) == [("Open 24/7", 0, 49)]


def test_a_line_that_moves_is_one_line() -> None:
    rolling = [[line("Directed by nobody", box=(100.0, 400.0 - 9 * n, 400.0, 420.0 - 9 * n))] for n in range(40)]
    [span] = timeline_of(frames(rolling)).texts
    assert (span.first_frame, span.last_frame) == (0, 39)
    assert (span.first_box[1], span.last_box[1]) == (400.0, 49.0)


@pytest.mark.parametrize(
    ("text", "right", "down"), [("BUS", 40, 0), ("BUS", 0, 12), ("42", 30, 5), ("出口", 42, 0), ("TAXI", -60, 0)]
)
def test_short_text_that_moves_is_one_line(text: str, right: int, down: int) -> None:
    places = [(1500.0 + right * n, 100.0 + down * n) for n in range(25)]
    moving = [[line(text, box=(x, y, x + 60.0, y + 20.0))] for x, y in places]
    assert texts_of(moving) == [(text, 0, 24)]


def test_a_lone_character_that_is_read_now_here_now_there_is_noise() -> None:
    places = [(100.0 + 30 * (n % 2), 100.0, 112.0 + 30 * (n % 2), 120.0) for n in range(12)]
    assert texts_of([[line("1", 0.99, box)] for box in places]) == []


def test_two_places_that_say_the_same_are_not_taken_for_one_that_moves() -> None:
    left, right, far = (100.0, 100.0, 160.0, 120.0), (200.0, 100.0, 260.0, 120.0), (240.0, 100.0, 300.0, 120.0)
    both = [[line("BUS", box=right), line("BUS", box=left)]] * 10
    assert texts_of([*both, [line("BUS", 0.999, far)], *both]) == [("BUS", 0, 20), ("BUS", 0, 20), ("BUS", 10, 10)]


def test_a_line_that_zooms_from_a_spot_is_one_line() -> None:
    spot, whole = (301.0, 177.0, 337.0, 184.0), (148.0, 154.0, 495.0, 211.0)
    small, large = line("THATEALL", 0.91, spot), line("THAT'S ALL!", 0.99, whole)
    assert texts_of([[small]] + [[large]] * 20) == [("THAT'S ALL!", 0, 20)]
    assert texts_of([[line("LOUDER", 0.99, spot)]] * 5 + [[large]] * 20) == [("LOUDER", 0, 4), ("THAT'S ALL!", 5, 24)]


@pytest.mark.parametrize(
    ("growth", "texts"), [(0.5, ["THE QUIET STATE"]), (0.0, ["THE QUET STATE", "THE QUIET STATE"])]
)
def test_a_line_that_comes_nearer_is_read_the_better_and_is_one_line(growth: float, texts: list[str]) -> None:
    heights = [20 + growth * n for n in range(60)]
    readings = ["THE QUET STATE"] * 25 + [""] + ["THE QUIET STATE"] * 34
    nearer = [
        [line(text, box=(300 - 7 * height, 200 - height, 300 + 7 * height, 200.0))] if text else []
        for text, height in zip(readings, heights, strict=True)
    ]
    assert [text for text, _, _ in texts_of(nearer)] == texts
    assert [text for text, _, _ in texts_of(nearer[::-1])] == texts[::-1]


def test_two_lines_that_say_the_same_are_two() -> None:
    upper, lower = (0.0, 0.0, 100.0, 20.0), (0.0, 200.0, 100.0, 220.0)
    twice = [[line("EXIT", box=upper), line("EXIT", box=lower)]] * 10
    assert texts_of(twice) == [("EXIT", 0, 9), ("EXIT", 0, 9)]


def test_a_line_that_is_read_in_parts_side_by_side_is_one_line() -> None:
    parts = [line("Good", box=(100.0, 300.0, 250.0, 330.0)), line("morning", box=(270.0, 300.0, 500.0, 330.0))]
    assert texts_of([*shown(("Good morning", 10)), parts, parts[::-1], *shown(("Good morning", 10))]) == [
        ("Good morning", 0, 21)
    ]


def side_by_side(*texts: str) -> list[TextLine]:
    """Return the words of one line, 16 pixels a character, read apart where two texts meet."""
    lines, left = [], PLACE[0]
    for text in texts:
        right = left + 16 * len(text)
        lines.append(line(text, box=(left, 300.0, right, 330.0)))
        left = right + 16
    return lines


@pytest.mark.parametrize("order", ["pw", "ppppw", "pw" * 12, "pwwwwwwwww" * 3, "p" * 25 + "w" * 25, "wp" * 12])
def test_a_line_is_one_whether_it_is_read_whole_or_in_parts(order: str) -> None:
    parts, whole = side_by_side("We have to", "leave now"), side_by_side("We have to leave now")
    seen = [parts if how == "p" else whole for how in order]
    assert texts_of([*seen, *[whole] * 25]) == [("We have to leave now", 0, len(order) + 24)]


def test_a_line_whose_parts_are_misread_is_one_line() -> None:
    whole = side_by_side("Tuesday 18:30 Channel 4")
    readings = [
        side_by_side("Tuesday", "18:30 Channel 4"), side_by_side("Tuesdav", "18:30 Channel 4"), whole,
        side_by_side("Tuesday1", "18:30 Channel 4"), side_by_side("Tuesday", "18:30", "Channel 4"), *[whole] * 20,
    ]  # fmt: skip
    assert texts_of(readings) == [("Tuesday 18:30 Channel 4", 0, 24)]


def test_what_was_read_before_at_the_place_of_a_part_is_a_line_of_its_own() -> None:
    parts, whole = side_by_side("We have to", "leave now"), side_by_side("We have to leave now")
    seen = [*[side_by_side("Hello you")] * 25, *[parts] * 5, *[whole] * 20]
    assert texts_of(seen) == [("Hello you", 0, 24), ("We have to leave now", 25, 49)]


def test_lines_side_by_side_of_which_one_came_later_stay_apart_though_they_are_read_as_one_for_a_moment() -> None:
    score = [side_by_side("HOME", points, "AWAY") for points in "01" for _ in range(30)]
    seen = [*score, side_by_side("HOME 1 AWAY"), *score[-20:]]
    assert {("HOME", 0, 80), ("0", 0, 29), ("1", 30, 80), ("AWAY", 0, 80)} <= set(texts_of(seen))


def test_a_part_that_is_read_beside_its_whole_is_no_line() -> None:
    whole, part = line("Good morning"), line("morning", box=(270.0, 300.0, 500.0, 330.0))
    assert texts_of([[whole]] * 5 + [[whole, part]] * 5) == [("Good morning", 0, 9)]


@pytest.mark.parametrize(
    "noise",
    [
        [line("Y", 0.9)],
        [line("一", 0.75)] * 2,
        [line("1", 0.99)] * 6,
        [line("X", 0.82)] * 9,
        [line("- .", 0.99)] * 6,
        [line("qkzvjw", 0.55)],
    ],
    ids=("one", "two", "surely", "badly", "punctuation", "garbage"),
)
def test_what_is_seen_for_a_moment_and_never_confirmed_is_noise(noise: list[TextLine]) -> None:
    lines = [[each] for each in noise]
    assert texts_of([[], *lines, []]) == []
    assert texts_of([[], *lines, []], min_text_evidence=0.0) != []


def test_a_lone_digit_that_stays_is_a_line() -> None:
    assert texts_of(shown(("3", 25), ("2", 25), ("1", 25))) == [("3", 0, 24), ("2", 25, 49), ("1", 50, 74)]


@pytest.mark.parametrize("text", ["...", "?!", "♪♪"])
def test_punctuation_that_stays_is_a_line(text: str) -> None:
    assert texts_of(shown((text, 25))) == [(text, 0, 24)]


@pytest.mark.parametrize("flash", ["WARNING", "Not for sale", "B27", "警告"])
def test_a_word_that_flashes_up_in_two_frames_is_kept(flash: str) -> None:
    assert texts_of(shown(("", 10), (flash, 2), ("", 10))) == [(flash, 10, 11)]


@pytest.mark.parametrize(("count", "fps"), [(1, 10), (1, 25), (2, 60)])
def test_noise_at_the_place_of_a_line_does_not_cut_it(count: int, fps: int) -> None:
    noise = shown(("Good morning", 20), ("xvq", count), ("Good morning", 20))
    [span] = timeline_of(frames(noise, 1000.0 / fps)).texts
    assert (span.text, span.frames, span.last_frame) == ("Good morning", 40, 39 + count)


def test_other_text_for_a_moment_at_the_place_of_a_line_is_noise_and_is_kept_where_all_is() -> None:
    flash = [*shown(("EXIT", 25)), [line("STOP", 0.999)], *shown(("EXIT", 24))]
    assert texts_of(flash) == [("EXIT", 0, 49)]
    assert texts_of(flash, min_text_evidence=0.0) == [("EXIT", 0, 49), ("STOP", 25, 25)]


@pytest.mark.parametrize("seconds", [1, 60])
def test_a_frame_that_is_shown_for_long_is_no_moment(seconds: int) -> None:
    slides = ["Question one", "Answer blue", "Question one", "Slide alpha", "Slide gamma", "Slide delta", "Slide omega"]
    spans = timeline_of(frames([[line(text)] for text in slides], seconds * 1000.0)).texts
    assert [span.text for span in spans] == slides


@pytest.mark.parametrize(("confidence", "text"), [(1e26, "Good morning"), (-3.0, "Good evening")])
def test_any_confidence_that_a_plugin_states_is_taken(confidence: float, text: str) -> None:
    assert texts_of([[line("Good morning", confidence)], [line("Good evening", 0.9)]] * 5) == [(text, 0, 9)]


@pytest.mark.parametrize("fps", [10, 25, 60])
@pytest.mark.parametrize(
    ("parts", "starts"),
    [
        ([("Option A is correct", 3.0), ("Option B is correct", 2.2), ("The end", 1.0)], [0.0, 3.0, 5.2]),
        ([("I like cats", 2.0), ("I like rats", 0.4), ("The end", 1.0)], [0.0, 2.0, 2.4]),
        ([("Welcome to the show", 1.0), ("Welcome to the shov", 0.6), ("The end", 1.0)], [0.0, 1.6]),
        ([("", 1.0), ("Y", 0.2)], []),
        ([("", 1.0), ("Y", 0.4)], [1.0]),
    ],
    ids=("next-long-line", "next-line", "misreading", "texture", "lone-character"),
)
def test_what_lasts_is_the_same_at_any_frame_rate(
    parts: list[tuple[str, float]], starts: list[float], fps: int
) -> None:
    readings = [[line(text, 0.99)] if text else [] for text, seconds in parts for _ in range(round(seconds * fps))]
    spans = timeline_of(frames(readings, 1000.0 / fps)).texts
    assert [round(span.start_ms / 1000, 1) for span in spans] == starts


def test_noise_before_and_behind_a_line_does_not_lengthen_it() -> None:
    noise = [[line("v", 0.6)]]
    assert texts_of([*noise, *shown(("Good morning", 20)), *noise]) == [("Good morning", 1, 20)]


def test_nothing_read_is_nothing() -> None:
    assert texts_of([[], [], []]) == texts_of([]) == []


def noisy(count: int) -> list[Sequence[TextLine]]:
    """Return frames of one line of which every second reading has a wrong letter."""
    drawn = random.Random(1)
    text = "The quick brown fox"
    wrong = (f"{text[:place]}#{text[place + 1 :]}" for place in iter(lambda: drawn.randrange(len(text)), None))
    return [[line(text if drawn.random() < 0.5 else next(wrong))] for _ in range(count)]


def test_a_line_that_flickers_for_ever_is_one_line() -> None:
    assert texts_of(noisy(3000)) == [("The quick brown fox", 0, 2999)]


def test_the_same_results_give_the_same_timeline() -> None:
    def spans() -> tuple[TextSpan, ...]:
        return timeline_of(frames(noisy(300))).texts

    assert spans() == spans()


ROWS = ["Close the valve", "Remove 4 screws", "5", "Lift the cover", "Press the button", "5", "Clean the filter"]


def rows(texts: Iterable[str], top: float, pitch: float = 40.0) -> list[TextLine]:
    """Return lines one below the other, 20 pixels high."""
    tops = ((text, top + pitch * number) for number, text in enumerate(texts))
    return [line(text, box=(100.0, y, 100.0 + 12 * len(text), y + 20.0)) for text, y in tops]


@pytest.mark.parametrize("pixels", [45, 80, 200, 330])
def test_lines_that_jump_together_are_the_same_lines(pixels: int) -> None:
    scrolled = [rows(ROWS, 600.0 - pixels * step) for step in range(4) for _ in range(10)]
    assert sorted(texts_of(scrolled)) == sorted((text, 0, 39) for text in ROWS)


def test_one_of_the_lines_that_jump_together_may_be_misread_after_it() -> None:
    before, after = rows(ROWS, 600.0), rows([*ROWS[:-1], "Clean the fiter"], 400.0)
    assert ("Clean the filter", 0, 29) in texts_of([*[before] * 15, after, *[rows(ROWS, 400.0)] * 14])


@pytest.mark.parametrize("pixels", [-40, 15, 40, 60])
def test_the_short_rows_of_a_table_that_jump_together_are_the_same_lines(pixels: int) -> None:
    names, prices = ["Tea", "Gin", "Ale", "Rum", "Mix"], ["2.50", "8.00", "4", "6", "12"]
    shown = []
    for step in range(4):
        tops = [(row, 300.0 + 40 * row - pixels * step) for row in range(5)]
        cells = [line(names[row], box=(60.0, y, 96.0, y + 20.0)) for row, y in tops]
        shown += [cells + [line(prices[row], box=(300.0, y, 348.0, y + 20.0)) for row, y in tops]] * 10
    assert sorted(texts_of(shown)) == sorted((text, 0, 39) for text in (*names, *prices))


@pytest.mark.parametrize(("pixels", "count"), [(38, 1), (42, 2)])
def test_a_short_number_that_jumps_alone_is_the_same_line_up_to_twice_its_height(pixels: int, count: int) -> None:
    assert len(texts_of([rows(["12"], 300.0)] * 20 + [rows(["12"], 300.0 + pixels)] * 20)) == count


def test_the_numbers_in_the_cells_of_a_table_do_not_move_to_where_others_said_the_same() -> None:
    shown = [rows(numbers, 300.0) for numbers in (["12", "15", "20"], ["15", "12", "20"]) for _ in range(20)]
    assert sorted(texts_of(shown)) == [("12", 0, 19), ("12", 20, 39), ("15", 0, 19), ("15", 20, 39), ("20", 0, 39)]


@pytest.mark.parametrize("pitch", [30.0, 40.0, 54.0])
@pytest.mark.parametrize(
    "messages",
    [
        ["Ann: hello everyone", "Bob: first!", "Cat: love this song", "Dan: from Brazil"],
        ["Hi", "Hey", "You ok?", "Yes", "lol", "See you at 8", "ok", "bye"],
        ["你好", "在吗", "明天见面吗", "好的", "几点", "下午三点", "可以", "谢谢"],
    ],
)
def test_messages_that_push_each_other_up_are_a_line_each(messages: Sequence[str], pitch: float) -> None:
    counts = range(len(messages))
    chat = [rows(messages[: count + 1], 600.0 - pitch * count, pitch) for count in counts for _ in range(25)]
    assert texts_of(chat) == [(text, 25 * number, len(chat) - 1) for number, text in enumerate(messages)]


def test_captions_that_roll_up_in_two_rows_are_a_line_each() -> None:
    captions = ["And how much was it?", "No.", "Seven dollars", "Hm", "Oh", "That is a good price"]
    shown = [
        rows(captions[max(at - 1, 0) : at + 1], 300.0 if at else 330.0, 30.0) for at in range(6) for _ in range(25)
    ]
    assert texts_of(shown) == [(text, 25 * at, min(25 * at + 49, 149)) for at, text in enumerate(captions)]


def test_a_line_far_from_where_one_was_that_said_the_same_is_another_one() -> None:
    upper, lower = rows(["Tickets"], 100.0), rows(["Tickets"], 300.0)
    assert texts_of([*[upper] * 20, *[lower] * 20]) == [("Tickets", 0, 19), ("Tickets", 20, 39)]
    replaced = rows(["Opening hours"], 100.0) + lower
    assert ("Tickets", 20, 39) in texts_of([*[upper] * 20, *[replaced] * 20])


@pytest.mark.parametrize("short", [(100.0, 300.0, 150.0, 330.0), (450.0, 300.0, 500.0, 330.0)])
def test_a_short_line_after_a_long_one_begins_at_its_own_first_frame(short: Box) -> None:
    seen = [*shown(("The night train to the harbour", 30)), *[[line("Okay.", box=short)]] * 30]
    assert texts_of(seen) == [("The night train to the harbour", 0, 29), ("Okay.", 30, 59)]


@pytest.mark.parametrize(("one", "other"), [("He left.", "We left."), ("I know him", "I know his")])
def test_lines_that_differ_in_one_letter_at_an_end_are_two(one: str, other: str) -> None:
    assert texts_of(shown((one, 20), (other, 20))) == [(one, 0, 19), (other, 20, 39)]


@pytest.mark.parametrize("moved_in_pause", [True, False])
def test_a_short_text_that_moves_is_one_line_where_every_tenth_frame_is_shown_for_long(moved_in_pause: bool) -> None:
    time_ms, left, results = 0.0, 0.0, []
    for index in range(60):
        bib = line("42", box=(left, 300.0, left + 30.0, 330.0))
        results.append(FrameResult(index, time_ms, (), (bib,), {}))
        step_ms = 400.0 if index % 10 == 9 else 33.0
        time_ms, left = time_ms + step_ms, left + 0.3 * (step_ms if moved_in_pause else 33.0)
    assert [(span.text, span.first_frame, span.last_frame) for span in timeline_of(results).texts] == [("42", 0, 59)]
