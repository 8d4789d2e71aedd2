"""Every format is read by somebody else's reader of it."""

import csv
import io
import json
import re
from datetime import timedelta
from pathlib import Path

import pytest
import srt
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pysubs2 import SSAFile

from job_client.exports import ExportFormat, export
from job_client.exports.subtitles import WORD_JOINER
from shared.results import FrameResult, read_frame
from tests.support.found import FRAME_RESULTS, RESULTS, frame, frame_results

pytestmark = pytest.mark.unit

EMPTY = frame_results([{"frame_index": 0, "result": {"timestamp_ms": 0.0}}])

# What the pipelines let through in a line of text: no control characters, no line ends, no spaces at its ends.
LINES = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1).map(str.strip).filter(bool)

FORGED = re.compile(r"-[ -] *>|\d[.,]\d.*\d[.,]\d")
"""What may look like the times of a cue, which is not written as it is."""


def text_of(results: list[FrameResult], export_format: ExportFormat, size: tuple[int, int] | None = None) -> str:
    return "".join(export(results, export_format, size))


def test_json_is_the_list_as_it_was_stored() -> None:
    stored = json.dumps(RESULTS, ensure_ascii=False, separators=(",", ":"))
    frames = [read_frame(json.dumps(one, ensure_ascii=False).encode(), index) for index, one in enumerate(RESULTS)]
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
    def test_any_text_comes_back_as_it_was(self, text: str) -> None:
        written = text_of(frame_results([frame(0, {}, {text: 0.5})]), ExportFormat.csv)
        [row] = csv.DictReader(io.StringIO(written, newline=""))
        assert row["name"] == ("'" if text[0] in "=+-@" else "") + text

    def test_text_like_a_formula_begins_with_an_apostrophe_and_numbers_do_not(self) -> None:
        formulas = [frame(0, {"=cmd|'/c calc'!A1": 0.5}, {"-5 °C": 0.5, "@SUM(1)": 0.5, "+1": 0.5, "\t=1": 0.5})]
        formulas[0]["result"]["detections"][0]["box"] = [-1.0, -2.0, 3.0, 4.0]
        rows = list(csv.DictReader(io.StringIO(text_of(frame_results(formulas), ExportFormat.csv), newline="")))
        assert [row["name"] for row in rows] == ["'=cmd|'/c calc'!A1", "'-5 °C", "'@SUM(1)", "'+1", "'\t=1"]
        assert (rows[0]["x1"], rows[0]["y1"]) == ("-1.0", "-2.0")

    def test_nothing_found_is_a_header(self) -> None:
        assert text_of(EMPTY, ExportFormat.csv).splitlines() == [text_of([], ExportFormat.csv).strip()]


class TestSrt:
    def test_text_is_shown_while_it_is_visible(self) -> None:
        subtitles = list(srt.parse(text_of(FRAME_RESULTS, ExportFormat.srt)))
        assert [(subtitle.index, subtitle.content) for subtitle in subtitles] == [
            (1, "STOP"),
            (2, "[live] Кадр"),
            (3, "STOP"),
            (4, "[/b]"),
        ]
        spans = [(subtitle.start, subtitle.end) for subtitle in subtitles]
        assert spans[0] == (timedelta(0), timedelta(milliseconds=40))
        assert spans[2] == (timedelta(milliseconds=80), timedelta(milliseconds=120))

    def test_hours_are_counted(self) -> None:
        late = [frame(0, {}, {"late": 0.5})]
        late[0]["result"]["timestamp_ms"] = 3_723_004.6
        [subtitle] = srt.parse(text_of(frame_results(late), ExportFormat.srt))
        assert subtitle.start == timedelta(hours=1, minutes=2, seconds=3, milliseconds=5)

    # pysubs2 1.9 reads it as meant, and suspects that a line with one time was to have two.
    @pytest.mark.filterwarnings("ignore:Possible missed subtitle")
    @given(LINES)
    @example("C:\\New {\\p1} \\N <b>")
    @example("12:30:15.250")
    def test_any_line_of_text_is_one_subtitle(self, text: str) -> None:
        assume(not FORGED.search(text))
        written = text_of(frame_results([frame(0, {}, {text: 0.5})]), ExportFormat.srt)
        [subtitle] = srt.parse(written)
        assert subtitle.content == text
        assert len(SSAFile.from_string(written, format_="srt")) == 1

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
    def test_no_text_is_taken_for_another_cue(self, text: str) -> None:
        results = frame_results([frame(0, {}, {"before": 0.5, text: 0.5, "behind": 0.5})])
        written = text_of(results, ExportFormat.srt)
        subtitles = list(srt.parse(written))
        assert [subtitle.start for subtitle in subtitles] == [timedelta(0)] * 3
        assert [event.start for event in SSAFile.from_string(written, format_="srt")] == [0] * 3
        assert subtitles[1].content.replace(WORD_JOINER, "") == "".join(
            " " if char in "\r\n\u2028" else char for char in text
        )
        assert written.count("-->") == 3
        assert len(written.splitlines()) == 3 * 4

    def test_text_that_shows_nothing_is_left_out(self) -> None:
        assert text_of(frame_results([frame(0, {}, {"": 0.5, " \n ": 0.5})]), ExportFormat.srt) == ""

    def test_times_that_the_format_cannot_state_are_bounded(self) -> None:
        results = [frame(index, {}, {"text": 0.5}) for index in range(2)]
        for one, milliseconds in zip(results, (-1e300, 1e300), strict=True):
            one["result"]["timestamp_ms"] = milliseconds
        [subtitle] = srt.parse(text_of(frame_results(results), ExportFormat.srt))
        assert (subtitle.start, subtitle.end) == (timedelta(0), timedelta(hours=100) - timedelta(milliseconds=1))

    def test_nothing_found_is_an_empty_file(self) -> None:
        assert text_of(EMPTY, ExportFormat.srt) == ""


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

    def test_without_a_size_none_is_claimed(self, tmp_path: Path) -> None:
        assert "width" not in self.read(FRAME_RESULTS, tmp_path).loadImgs([0])[0]

    def test_nothing_found_is_a_data_set_without_annotations(self, tmp_path: Path) -> None:
        read = self.read(EMPTY, tmp_path)
        assert (read.getImgIds(), read.getAnnIds(), read.getCatIds()) == ([0], [], [])
