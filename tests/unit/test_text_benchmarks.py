"""The benchmarks of text count what they say they count."""

import sys
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from benchmarks import subtitles
from benchmarks.known_text import Content, counted
from benchmarks.subtitle_clips import STYLES, KnownLine
from job_client.timeline import TextSpan
from shared.results import FrameResult, ImageResult, TextLine, decode_frame, encode_frame

pytestmark = pytest.mark.unit

BOX = (0.0, 0.0, 100.0, 20.0)
POLYGON = ((0.0, 0.0), (100.0, 0.0), (100.0, 20.0), (0.0, 20.0))
LINE = KnownLine("the night train leaves", 10, 30)


def span(text: str, first: int, last: int) -> TextSpan:
    return TextSpan(first, last, first * 40.0, last * 40.0 + 40, 1, 0.9, first, BOX, BOX, BOX, text=text)


def frame(index: int, *texts: str) -> bytes:
    lines = [TextLine(text=text, confidence=0.99, polygon=POLYGON) for text in texts]
    return encode_frame(index, index * 40.0, ImageResult.of(640, 360, [], lines))


class TestSubtitles:
    def test_a_line_is_exact_in_time_only_with_both_ends(self) -> None:
        assert subtitles.score("a", [LINE], [span(LINE.text, 10, 30)]).exact_times == 1
        assert subtitles.score("a", [LINE], [span(LINE.text, 10, 29)]).exact_times == 0

    def test_a_cue_of_which_half_is_wrong_is_of_no_truth(self) -> None:
        for text, is_untrue in (("l", True), ("the night", True), ("the night train", False)):
            score = subtitles.score("a", [LINE], [span(text, 10, 30)])
            assert (score.untrue, score.wrong == len(LINE.text)) == (is_untrue, is_untrue)

    def test_an_aim_that_is_missed_is_named(self) -> None:
        good = subtitles.Score("all", lines=100, exact=98, characters=1000, wrong=3, exact_times=97, untrue=1)
        assert good.missed() == []
        bad = subtitles.Score("all", lines=100, exact=97, characters=1000, wrong=4, exact_times=96, untrue=2)
        assert [line.split(" is ")[0] for line in bad.missed()] == list(subtitles.AIMS)

    def test_neighbours_of_the_clip_of_alike_lines_differ_by_one_word_with_and_without_a_pause(self) -> None:
        (alike,) = [style for style in STYLES if style.is_alike]
        lines = [line for (line,) in subtitles.subtitles(alike, 40, 1)]
        pairs = [(a, b) for a, b in pairwise(lines) if len(words(a)) == len(words(b))]
        single = [(a, b) for a, b in pairs if sum(x != y for x, y in zip(words(a), words(b), strict=True)) == 1]
        assert len(single) > len(lines) / 2
        assert {b.first_frame == a.last_frame + 1 for a, b in single} == {True, False}
        assert all(a.text != b.text for a, b in pairwise(lines))

    def test_results_are_used_again_only_by_request_and_a_missed_aim_is_exit_code_1(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (style,) = [style for style in STYLES if style.name == "mono"]
        ((line,),) = subtitles.subtitles(style, 1, 1)
        read = [line.text]

        class Reader:
            def encoded_frames(self, *_: object) -> Iterator[bytes]:
                for index in range(line.last_frame + 10):
                    yield frame(index, *read if line.first_frame <= index <= line.last_frame else ())

        def run(*more: str) -> int:
            monkeypatch.setattr(sys, "argv", ["", "--cues", "1", "--clips", "mono", "--out", str(tmp_path), *more])
            return subtitles.main()

        monkeypatch.setattr(subtitles, "_service", lambda _: Reader())
        assert run() == 0
        read[0] = "something else"
        assert run("--reuse") == 0
        assert run() == 1


def test_timelines_are_counted_beside_the_frames_that_they_are_of() -> None:
    def judge(content: Content, frames: dict[int, tuple[str, set[str]]]) -> dict[str, Any]:
        """As the judge of the videos: a text counts if a frame of its time has it."""
        times = [(text["value"], range(text["first_frame"], text["last_frame"] + 1)) for text in content["text"]]
        found = sum(any(value in frames[index][0] for index in time if index in frames) for value, time in times)
        return {"text": {"any": found}}

    texts = [
        {"value": "HELLO THERE", "first_frame": 0, "last_frame": 19, "hard": False},
        {"value": "NEVER READ", "first_frame": 0, "last_frame": 19, "hard": False},
    ]
    steady, flickering = ["HELLO THERE"] * 20, ["HELLO THERE", ""] * 10
    for read, expected in ((steady, [2, 1, 1, 1]), (["", *steady], [2, 0, 1, 1])):
        known = counted({"text": texts, "empty_text": False}, results(read), [0], judge)
        assert [*known.values()] == [*expected, 0, 0, 0, 0]
    untrue = counted({"text": [], "empty_text": True}, results(flickering), [0], judge)
    assert [*untrue.values()] == [0, 0, 0, 0, 10, 100, 1, 10]


def results(texts: Sequence[str]) -> list[FrameResult]:
    return [decode_frame(frame(index, *[text] if text else []), index) for index, text in enumerate(texts)]


def words(line: KnownLine) -> list[str]:
    return line.text.split()
