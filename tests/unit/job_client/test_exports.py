"""Every format is read by somebody else's reader of it."""

import csv
import html
import io
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
import srt as srt_library
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pysubs2 import SSAFile

from job_client.exports import ExportFormat, export, write
from job_client.exports.events import events_csv, events_json
from job_client.exports.parquet import EVENTS, FRAMES, ROWS_IN_GROUP
from job_client.exports.subtitles import WORD_JOINER, ass, srt, vtt
from job_client.timeline import CodeSpan, ObjectSpan, TextSpan, Timeline
from shared.process.escaping import terminal_text
from shared.results import FrameResult, TextLine, decode_frame
from tests.support.found import FRAME_RESULTS, RESULTS, frame, frame_results

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

EMPTY = frame_results([{"frame_index": 0, "result": {"timestamp_ms": 0.0}}])

CORNERS = [[1.0, 2.0], [9.0, 2.0], [9.0, 8.0], [1.0, 8.0]]
CODE = {"format": "QRCode", "text": "\x00ÿ", "bytes": "AP8=", "polygon": CORNERS}
"""A binary one."""

# What the pipelines let through in a line of text: no control characters, no line ends, no spaces at its ends.
LINES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1).map(str.strip).filter(bool)

FORGED = re.compile(r"-[ -] *>|\d[.,]\d.*\d[.,]\d")
"""What may look like the times of a cue, which is not written as it is."""


def text_of(results: list[FrameResult], export_format: ExportFormat, size: tuple[int, int] | None = None) -> str:
    return "".join(export(results, export_format, size))


def test_json_is_the_list_as_it_was_stored() -> None:
    stored = json.dumps(RESULTS, ensure_ascii=False, separators=(",", ":"))
    frames = [decode_frame(json.dumps(one, ensure_ascii=False).encode(), index) for index, one in enumerate(RESULTS)]
    assert text_of(frames, ExportFormat.json) == stored + "\n"


def test_json_lines_are_the_frames() -> None:
    lines = text_of(FRAME_RESULTS, ExportFormat.jsonl).split("\n")
    assert [json.loads(line) for line in lines[:-1]] == RESULTS
    assert lines[-1] == ""


class TestCsv:
    def test_every_object_and_line_of_text_is_a_row(self) -> None:
        rows = list(csv.DictReader(io.StringIO(text_of(FRAME_RESULTS, ExportFormat.csv), newline="")))
        assert [(row["frame_index"], row["kind"], row["name"]) for row in rows] == [
            ("0", "object", "car"),
            ("0", "text", "STOP"),
            ("1", "object", "car"),
            ("1", "object", "dog"),
            ("1", "text", "[live] Кадр"),
            ("2", "text", "STOP"),
            ("2", "text", "[/b]"),
            ("3", "object", "car"),
        ]
        dog, live = rows[3], rows[4]
        assert [dog[name] for name in ("timestamp_ms", "class_id", "confidence")] == ["40.0", "1", "0.9"]
        assert [dog[name] for name in ("x1", "y1", "x2", "y2", "x3")] == ["11.0", "20.0", "61.0", "80.0", ""]
        assert [live[f"{axis}{corner}"] for corner in (1, 2, 3, 4) for axis in "xy"] == [
            *("5.0", "90.0", "105.0", "90.0"),
            *("105.0", "110.0", "5.0", "110.0"),
        ]

    @given(LINES)
    @example("\uff0b1")
    def test_any_text_comes_back_as_it_was(self, text: str) -> None:
        written = text_of(frame_results([frame(0, {}, {text: 0.5})]), ExportFormat.csv)
        [row] = csv.DictReader(io.StringIO(written, newline=""))
        assert row["name"] == ("'" if text[0] in "=+-@\uff1d\uff0b\uff0d\uff20" else "") + text

    def test_text_like_a_formula_begins_with_an_apostrophe_and_numbers_do_not(self) -> None:
        formulas = [frame(0, {"=cmd|'/c calc'!A1": 0.5}, {"-5 °C": 0.5, "@SUM(1)": 0.5, "+1": 0.5, "\t=1": 0.5})]
        formulas[0]["result"]["detections"][0]["box"] = [-1.0, -2.0, 3.0, 4.0]
        rows = list(csv.DictReader(io.StringIO(text_of(frame_results(formulas), ExportFormat.csv), newline="")))
        assert [row["name"] for row in rows] == ["'=cmd|'/c calc'!A1", "'-5 °C", "'@SUM(1)", "'+1", "'\t=1"]
        assert (rows[0]["x1"], rows[0]["y1"]) == ("-1.0", "-2.0")

    def test_a_code_has_its_format_and_its_bytes(self) -> None:
        found = frame(0, {"car": 0.9}, {"STOP": 0.9})
        found["result"]["codes"] = [CODE]
        rows = list(csv.DictReader(io.StringIO(text_of(frame_results([found]), ExportFormat.csv), newline="")))
        assert [(row["kind"], row["y4"], row["format"], row["bytes"]) for row in rows] == [
            ("object", "", "", ""), ("text", "110.0", "", ""), ("code", "8.0", "QRCode", "AP8="),
        ]  # fmt: skip
        assert list(rows[0])[-2:] == ["format", "bytes"]

    def test_nothing_found_is_a_header(self) -> None:
        assert text_of(EMPTY, ExportFormat.csv).splitlines() == [text_of([], ExportFormat.csv).strip()]


def span(text: str, start_ms: float = 0.0, end_ms: float = 40.0, top: float = 300.0, **changed: Any) -> TextSpan:
    """Return a line of text, 200 pixels wide and 20 high, whose frames are of 40 ms."""
    box = (100.0, top, 300.0, top + 20.0)
    first, last = round(start_ms / 40), round(end_ms / 40) - 1
    given = TextSpan(first, last, start_ms, end_ms, last - first + 1, 0.9, first, box, box, box, text=text)
    return replace(given, **changed)


def wide_braces(text: str) -> str:
    return terminal_text(text).replace("{", "\uff5b").replace("}", "\uff5d")


def timeline(*texts: TextSpan, objects: tuple[ObjectSpan, ...] = (), codes: tuple[CodeSpan, ...] = ()) -> Timeline:
    return Timeline(texts, objects, codes, 100, 0.0, 4000.0)


class TestSubtitles:
    SHOWN = timeline(
        span("Good morning", 0.0, 1000.0), span("[live] Кадр", 1000.0, 2040.0), span("Good morning", 3000.0, 3960.0)
    )

    @pytest.mark.parametrize("written", [srt, vtt])
    def test_text_is_shown_while_it_is_visible(self, written: Callable[[Timeline], str]) -> None:
        read = SSAFile.from_string(written(self.SHOWN))
        assert [(event.plaintext, event.start, event.end) for event in read] == [
            ("Good morning", 0, 1000),
            ("[live] Кадр", 1000, 2040),
            ("Good morning", 3000, 3960),
        ]

    def test_lines_one_below_the_other_are_one_subtitle(self) -> None:
        upper, lower, sign = span("We should", top=300.0), span("have asked", top=322.0), span("EXIT", top=20.0)
        subtitles = list(srt_library.parse(srt(timeline(lower, sign, upper))))
        assert [subtitle.content for subtitle in subtitles] == ["EXIT", "We should\nhave asked"]
        later = span("have asked", 40.0, 80.0, top=322.0)
        assert len(list(srt_library.parse(srt(timeline(upper, later))))) == 2

    def test_lines_side_by_side_are_two_subtitles(self) -> None:
        right = replace(span("Paris"), first_box=(400.0, 302.0, 500.0, 322.0))
        assert len(list(srt_library.parse(srt(timeline(span("London"), right))))) == 2

    def test_the_lines_of_a_moving_paragraph_are_one_subtitle_wherever_each_was_read_best(self) -> None:
        upper, lower = span("We should", top=500.0), span("have asked", top=522.0)
        lower = replace(lower, box=(100.0, 277.0, 300.0, 297.0))  # the paragraph scrolls up
        [subtitle] = srt_library.parse(srt(timeline(lower, upper)))
        assert subtitle.content == "We should\nhave asked"

    @pytest.mark.parametrize("frame_ms", [Fraction(1000, 30), Fraction(1000, 24), Fraction(1001, 30)], ids=str)
    @pytest.mark.parametrize("written", [srt, vtt, ass])
    def test_a_subtitle_is_shown_in_exactly_its_frames(
        self, written: Callable[[Timeline], str], frame_ms: Fraction
    ) -> None:
        lines = [
            span(
                "text", float(first * frame_ms), float((first + 3) * frame_ms), first_frame=first, last_frame=first + 2
            )
            for first in range(300)
        ]
        for first, event in enumerate(SSAFile.from_string(written(timeline(*lines)))):
            near = range(max(first - 2, 0), first + 6)
            shown = [index for index in near if event.start <= index * frame_ms < event.end]
            assert shown == [first, first + 1, first + 2]

    def test_hours_are_counted(self) -> None:
        [subtitle] = srt_library.parse(srt(timeline(span("late", 3_723_004.6, 3_723_044.6))))
        assert subtitle.start == timedelta(hours=1, minutes=2, seconds=3, milliseconds=4)

    # pysubs2 1.9 reads it as meant, and suspects that a line with one time was to have two.
    @pytest.mark.filterwarnings("ignore:Possible missed subtitle")
    @given(LINES)
    @example("C:\\New {\\p1} \\N <b>")
    @example("12:30:15.250")
    @example("<i>")
    @example("a < b, c > d {x}")
    def test_any_line_of_text_is_one_subtitle(self, text: str) -> None:
        assume(not FORGED.search(text))
        written = srt(timeline(span(text)))
        [subtitle] = srt_library.parse(written)
        [event] = SSAFile.from_string(written, format_="srt")
        for read in (subtitle.content, event.plaintext):
            assert read.replace(WORD_JOINER, "") == wide_braces(text).replace(WORD_JOINER, "")

    @pytest.mark.parametrize(
        "lines", [("5", "00:00:01,000"), ("Score", "5", "12:34:56"), ("x", "-7. ", "1:2\uff1a3", "y")]
    )
    def test_a_number_above_a_time_does_not_begin_a_cue_of_srt(self, lines: tuple[str, ...]) -> None:
        spans = [span(line, top=300.0 + 22 * row) for row, line in enumerate(lines)]
        written = srt(timeline(*spans, span("next", 40.0, 80.0, first_frame=1, last_frame=1)))
        first, second = srt_library.parse(written)
        assert first.content.replace(WORD_JOINER, "").split("\n") == [line.strip() for line in lines]
        assert second.content == "next"

    def test_text_of_srt_has_invisible_characters_only_where_markup_would_begin(self) -> None:
        [subtitle] = srt_library.parse(srt(timeline(span(r"1 < 2 <b> C:\Users\New"))))
        assert subtitle.content == rf"1 < 2 <{WORD_JOINER}b> C:\Users\{WORD_JOINER}New"

    @pytest.mark.filterwarnings("ignore:Possible missed subtitle")
    @given(LINES)
    @example("</v> & -- > <00:01.000>")
    def test_any_line_of_text_is_one_cue_of_the_web(self, text: str) -> None:
        assume(not FORGED.search(text))
        head, _, _, times, *lines = vtt(timeline(span(text))).rstrip("\n").split("\n")
        assert (head, times) == ("WEBVTT", "00:00:00.000 --> 00:00:00.040")
        assert [html.unescape(line) for line in lines] == [terminal_text(text)]
        assert not set("<>") & set("".join(lines))

    @given(LINES)
    @example("C:\\New {\\p1} \\N <b>")
    def test_any_line_of_text_is_plain_text_in_ass(self, text: str) -> None:
        [event] = SSAFile.from_string(ass(timeline(span(text))))
        assert event.plaintext.replace(WORD_JOINER, "") == wide_braces(text).replace(WORD_JOINER, "")

    @pytest.mark.parametrize("written", [srt, vtt, ass])
    def test_text_is_read_in_the_order_that_it_has(self, written: Callable[[Timeline], str]) -> None:
        [event] = SSAFile.from_string(written(timeline(span("invoice\u202egpj.exe"))))
        assert event.plaintext.replace(WORD_JOINER, "") == r"invoice\u202egpj.exe"

    def test_ass_has_the_place_and_the_size_of_each_line(self) -> None:
        moving = replace(span("credits", top=500.0), last_box=(100.0, 400.0, 300.0, 420.0))
        read = SSAFile.from_string(ass(timeline(span("still"), moving), (640, 360)))
        assert (read.info["PlayResX"], read.info["PlayResY"]) == ("640", "360")
        assert [event.text for event in read] == [
            r"{\an5\pos(200,310)\fs20}still",
            r"{\an5\move(200,510,200,410)\fs20}credits",
        ]

    @pytest.mark.parametrize(
        ("corners", "look"),
        [
            (((100, 50), (490, 133), (483, 168), (93, 85)), r"\fs36\frz-12"),
            (((620, 100), (620, 300), (580, 300), (580, 100)), r"\fs40\frz-90"),
            (((580, 100), (620, 100), (620, 300), (580, 300)), r"\fs40"),
            (((100, 300), (300, 302), (300, 322), (100, 320)), r"\fs20"),
        ],
        ids=("tilted", "turned", "vertical", "level"),
    )
    def test_the_letters_of_ass_are_as_high_and_as_tilted_as_those_of_the_video(self, corners: Any, look: str) -> None:
        line = TextLine(text="MILLER AND SONS", confidence=0.98, polygon=corners)
        read = text_of([FrameResult(0, 0.0, (), (line,), {})], ExportFormat.ass)
        assert re.findall(r"\\pos\(\d+,\d+\)(.*)\}", read) == [look]

    @staticmethod
    def places(
        boxes: Iterable[tuple[float, float]], text: Callable[[int], str] = lambda _: "Good morning"
    ) -> list[tuple[str, str, str]]:
        """Return from when on a line with these left ends and tops, one in each frame, is where in ASS."""
        frames = []
        for index, (left, top) in enumerate(boxes):
            right = left + 10 * len(text(index))
            box = ((left, top), (right, top), (right, top + 20), (left, top + 20))
            line = TextLine(text=text(index), confidence=0.98, polygon=box)
            frames.append(FrameResult(index, 40.0 * index, (), (line,), {}))
        return re.findall(r"0:00:(\d\d\.\d\d),.*\\(pos|move)\(([^)]*)", text_of(frames, ExportFormat.ass))

    def test_a_line_of_ass_that_moves_after_it_stood_stands_and_moves(self) -> None:
        stood_and_moved = [(100.0, 300.0)] * 50 + [(100.0, 300.0 - 5 * step) for step in range(1, 26)]
        assert self.places(stood_and_moved) == [("00.00", "pos", "160,310"), ("02.00", "move", "160,305,160,185")]

    def test_a_line_of_ass_that_jumps_is_at_both_places(self) -> None:
        assert self.places([(100.0, 300.0)] * 25 + [(100.0, 260.0)] * 25) == [
            ("00.00", "pos", "160,310"), ("00.96", "move", "160,310,160,270"), ("01.00", "pos", "160,270"),
        ]  # fmt: skip

    def test_a_line_of_ass_that_is_typed_is_where_all_of_it_is(self) -> None:
        typed = self.places([(100.0, 300.0)] * 80, lambda index: "def area(width, height):"[: 2 + index // 2])
        assert typed == [("00.00", "pos", "220,310")]

    def test_any_place_that_a_plugin_states_is_written(self) -> None:
        far = replace(span("far"), box=(-1e308, -1e308, 1e308, 1e308), last_box=(1e308, 1e308, 1e308, 1e308))
        [event] = SSAFile.from_string(ass(timeline(far)))
        assert event.plaintext == "far"

    def test_without_a_size_ass_has_the_extent_of_the_lines(self) -> None:
        read = SSAFile.from_string(ass(timeline(span("still"))))
        assert (read.info["PlayResX"], read.info["PlayResY"]) == ("300", "320")

    @pytest.mark.parametrize(
        "text",
        [
            "first\n\n2\n00:00:01,000 --> 00:00:02,000\nforged",
            "00:00:01,000 --> 00:00:02,000",
            "00:00:01.000 - > 00:00:02.000",
            "00:00:01,000 00:00:02,000",
            "first\r\n\r\n00:00:01,000 --> 00:00:02,000\r\nforged",
            "first\u2028\u2028last",
            "way out -->",
        ],
    )
    @pytest.mark.parametrize("written", [srt, vtt])
    def test_no_text_is_taken_for_another_cue(self, written: Callable[[Timeline], str], text: str) -> None:
        shown = written(timeline(span("before", top=0.0), span(text, top=100.0), span("behind", top=200.0)))
        assert shown.count("-->") == 3
        assert [event.start for event in SSAFile.from_string(shown)] == [0] * 3
        if written is srt:
            subtitles = list(srt_library.parse(shown))
            assert subtitles[1].content.replace(WORD_JOINER, "") == "".join(
                " " if char in "\r\n\u2028" else char for char in text
            )

    def test_text_that_shows_nothing_is_left_out(self) -> None:
        assert srt(timeline(span(""), span(" \n "))) == ""

    @pytest.mark.parametrize(("written", "hours"), [(srt, 100), (vtt, 100), (ass, 10)])
    def test_times_that_the_format_cannot_state_are_bounded(
        self, written: Callable[[Timeline], str], hours: int
    ) -> None:
        [event] = SSAFile.from_string(written(timeline(replace(span("text"), start_ms=-1e300, end_ms=1e300))))
        assert event.start == 0
        assert hours * 3_600_000 - 10 <= event.end < hours * 3_600_000

    @pytest.mark.parametrize(
        ("start_ms", "end_ms"), [(0.0, 0.0), (4.17, 8.33), (14.9, 15.1), (1e300, 1e300), (-5.0, -1.0)]
    )
    @pytest.mark.parametrize("written", [srt, vtt, ass])
    def test_no_cue_ends_as_it_starts(self, written: Callable[[Timeline], str], start_ms: float, end_ms: float) -> None:
        [event] = SSAFile.from_string(written(timeline(replace(span("text"), start_ms=start_ms, end_ms=end_ms))))
        assert event.start < event.end

    def test_nothing_found_is_an_empty_file(self) -> None:
        assert text_of(EMPTY, ExportFormat.srt) == ""
        assert text_of(EMPTY, ExportFormat.vtt) == "WEBVTT\n\n"
        assert list(SSAFile.from_string(text_of(EMPTY, ExportFormat.ass))) == []


class TestEvents:
    BOX = (1.0, 2.0, 3.5, 4.0)
    CAR = ObjectSpan(25, 49, 1000.0, 2000.0, 25, 0.9, 30, BOX, BOX, BOX, label="=car", track_id=7)
    SEEN = timeline(span("-5 °C", 1000.0, 3000.0), span("Good morning", 0.0, 400.0), objects=(CAR,))

    def test_json_says_what_from_when_to_when_the_best_frame_and_where(self) -> None:
        first, car, _ = json.loads("".join(events_json(self.SEEN)))
        assert (first["kind"], first["name"], first["track_id"]) == ("text", "Good morning", None)
        assert car == {
            "kind": "object", "name": "=car", "track_id": 7, "format": None, "start_ms": 1000.0, "end_ms": 2000.0,
            "first_frame": 25, "last_frame": 49, "frames": 25, "best_frame": 30, "confidence": 0.9,
            "box": [1.0, 2.0, 3.5, 4.0], "bytes": None,
        }  # fmt: skip

    def test_csv_says_the_same_and_is_run_by_no_spreadsheet(self) -> None:
        rows = list(csv.DictReader(io.StringIO("".join(events_csv(self.SEEN)), newline="")))
        assert [row["name"] for row in rows] == ["Good morning", "'=car", "'-5 °C"]
        assert [rows[1][name] for name in ("start_ms", "best_frame", "x1", "y2")] == ["1000.0", "30", "1.0", "4.0"]

    def test_a_code_has_its_format_and_its_bytes(self) -> None:
        code = CodeSpan(
            0, 5, 0.0, 240.0, 6, 1.0, 0, self.BOX, self.BOX, self.BOX, format="QRCode", text="=1", bytes="PTE="
        )  # fmt: skip
        (event,) = json.loads("".join(events_json(timeline(codes=(code,)))))
        assert (event["kind"], event["format"], event["name"], event["end_ms"]) == ("code", "QRCode", "=1", 240.0)
        assert (event["bytes"], event["box"]) == ("PTE=", [*self.BOX])
        (row,) = csv.DictReader(io.StringIO("".join(events_csv(timeline(codes=(code,)))), newline=""))
        assert (row["format"], row["bytes"], row["y2"]) == ("QRCode", "PTE=", "4.0")

    def test_nothing_found_is_an_empty_list_and_a_header(self) -> None:
        assert json.loads(text_of(EMPTY, ExportFormat.events)) == []
        assert len(text_of(EMPTY, ExportFormat.events_csv).splitlines()) == 1


class TestCoco:
    def read(self, results: list[FrameResult], folder: Path, size: tuple[int, int] | None = None) -> COCO:
        path = folder / "coco.json"
        path.write_text(text_of(results, ExportFormat.coco, size), encoding="utf-8")
        return COCO(str(path))

    def test_detections_are_annotations_of_their_frames(self, tmp_path: Path) -> None:
        read = self.read(FRAME_RESULTS, tmp_path, (320, 240))
        assert [category["name"] for category in read.loadCats(read.getCatIds())] == ["car", "dog"]
        assert len(read.getImgIds()) == len(RESULTS)
        [image] = read.loadImgs([1])
        assert image == {"id": 1, "file_name": "frame_000001.png", "width": 320, "height": 240}
        car, dog = read.loadAnns(read.getAnnIds(imgIds=[1]))
        assert (car["bbox"], dog["bbox"]) == ([11.0, 20.0, 50.0, 60.0],) * 2
        assert (dog["area"], dog["iscrowd"], dog["score"]) == (3000.0, 0, 0.9)
        assert read.loadCats([dog["category_id"]])[0]["name"] == "dog"
        assert len(read.getAnnIds()) == 4

    def test_annotations_can_be_used_as_detections_to_be_judged(self, tmp_path: Path) -> None:
        read = self.read(FRAME_RESULTS, tmp_path, (320, 240))
        judged = read.loadRes(read.loadAnns(read.getAnnIds()))
        assert len(judged.getAnnIds()) == 4

    def test_annotations_of_one_object_have_its_track(self, tmp_path: Path) -> None:
        frames = frame_results(frame(index, {"car": 0.8}, {}) for index in range(5))
        read = self.read(frames, tmp_path)
        assert [each["track_id"] for each in read.loadAnns(read.getAnnIds())] == [1] * 5
        weak = self.read(frame_results([frame(0, {"car": 0.3}, {})]), tmp_path)
        assert "track_id" not in weak.loadAnns(weak.getAnnIds())[0]

    @pytest.mark.filterwarnings("ignore:__array__ implementation")  # of pycocotools 2.0.11 with NumPy 2
    def test_annotations_can_be_drawn_and_masked(self, tmp_path: Path) -> None:
        read = self.read(FRAME_RESULTS, tmp_path, (320, 240))
        [car] = read.loadAnns(read.getAnnIds(imgIds=[0]))
        assert car["segmentation"] == [[10.0, 20.0, 60.0, 20.0, 60.0, 80.0, 10.0, 80.0]]
        assert read.annToMask(car)[20:80, 10:60].all()
        assert read.annToMask(car).sum() == car["area"]

    def test_without_a_size_none_is_claimed(self, tmp_path: Path) -> None:
        assert "width" not in self.read(FRAME_RESULTS, tmp_path).loadImgs([0])[0]

    def test_nothing_found_is_a_data_set_without_annotations(self, tmp_path: Path) -> None:
        read = self.read(EMPTY, tmp_path)
        assert (read.getImgIds(), read.getAnnIds(), read.getCatIds()) == ([0], [], [])


class TestParquet:
    def written(self, results: list[FrameResult], export_format: ExportFormat, path: Path) -> Path:
        with path.open("wb") as file:
            write(results, export_format, file)
        return path

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "found.parquet"

    def test_every_frame_is_a_row_with_lists_of_what_was_found(self, path: Path) -> None:
        rows = pq.read_table(self.written(FRAME_RESULTS, ExportFormat.parquet, path)).to_pylist()
        assert [row["frame_index"] for row in rows] == [0, 1, 2, 3]
        assert [row["timestamp_ms"] for row in rows] == [0.0, 40.0, 80.0, 120.0]
        assert rows[2]["text"] == "STOP\n[/b]"
        assert rows[1]["detections"][1] == {
            "label": "dog", "class_id": 1, "confidence": 0.9, "box": {"x1": 11.0, "y1": 20.0, "x2": 61.0, "y2": 80.0},
        }  # fmt: skip
        (line,) = rows[1]["text_lines"]
        assert (line["text"], line["confidence"], line["polygon"][2]) == ("[live] Кадр", 0.95, {"x": 105.0, "y": 110.0})
        assert (rows[3]["text_lines"], rows[3]["codes"], rows[3]["custom_fields"]) == ([], [], None)

    def test_duckdb_reads_frames_and_events(self, tmp_path: Path) -> None:
        seen = frame_results([frame(index, {"car": 0.9}, {"STOP": 0.99}) for index in range(10)])
        frames = self.written(seen, ExportFormat.parquet, tmp_path / "frames.parquet")
        events = self.written(seen, ExportFormat.events_parquet, tmp_path / "events.parquet")
        with duckdb.connect() as database:
            found = database.sql(
                f"SELECT one.label, count(*), max(one.box.x2) FROM (SELECT unnest(detections) AS one FROM '{frames}') "
                "GROUP BY ALL"
            )
            assert found.fetchall() == [("car", 10, 69.0)]
            read = database.sql(f"SELECT kind, name, track_id, end_ms, x1 FROM '{events}' ORDER BY kind")
            assert read.fetchall() == [("object", "car", 1, 400.0, 10.0), ("text", "STOP", None, 400.0, 5.0)]

    def test_events_are_the_rows_of_csv(self, path: Path) -> None:
        seen = [*FRAME_RESULTS, *frame_results([{"frame_index": 4, "result": {"codes": [CODE]}}])]
        table = pq.read_table(self.written(seen, ExportFormat.events_parquet, path))
        rows = list(csv.DictReader(io.StringIO(text_of(seen, ExportFormat.events_csv), newline="")))
        read = [{name: "" if cell is None else str(cell) for name, cell in row.items()} for row in table.to_pylist()]
        assert read == rows

    def test_what_a_plugin_added_is_kept_as_json(self, path: Path) -> None:
        results = frame(0, {}, {})
        results["result"] |= {
            "blur": {"score": 0.5},
            "codes": [CODE],
        }
        results["result"]["detections"] = [{"label": "x", "class_id": 2**64 - 1, "confidence": 1, "box": [0, 0, 1, 1]}]
        (row,) = pq.read_table(self.written(frame_results([results]), ExportFormat.parquet, path)).to_pylist()
        assert json.loads(row["custom_fields"]) == {"blur": {"score": 0.5}}
        assert (row["codes"][0]["format"], row["codes"][0]["bytes"]) == ("QRCode", "AP8=")
        assert row["detections"][0]["class_id"] is None

    def test_long_videos_are_written_in_groups(self, path: Path) -> None:
        many = frame_results([frame(index, {}, {}) for index in range(2 * ROWS_IN_GROUP + 1)])
        groups = pq.ParquetFile(self.written(many, ExportFormat.parquet, path)).metadata
        assert [groups.row_group(number).num_rows for number in range(groups.num_row_groups)] == [1000, 1000, 1]

    def test_nothing_found_is_a_table_with_the_same_columns(self, path: Path) -> None:
        assert pq.read_table(self.written([], ExportFormat.events_parquet, path)).schema.equals(EVENTS)
        assert pq.read_table(self.written(EMPTY, ExportFormat.parquet, path)).schema.equals(FRAMES)
