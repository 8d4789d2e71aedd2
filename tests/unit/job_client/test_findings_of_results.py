"""Results of pipelines from elsewhere: what has the documented form is used, and nothing else breaks anything."""

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job_client.exports import ExportFormat, export
from job_client.findings import detections_of, text_lines_of, timestamp_of
from job_client.job import JobInfo
from job_client.media.annotation import annotate_video
from job_client.report.data import page_data, rows_of
from job_client.report.page import render_report
from job_client.summary import labels_of, texts_of
from shared.contract.job_status import JobStatus
from shared.video.reader import VideoReader
from tests.conftest import TINY_MP4
from tests.support.found import RESULTS, frame

pytestmark = pytest.mark.unit

GOOD = frame(0, {"dog": 0.5}, {"STOP": 0.9})["result"]
DETECTION, LINE = GOOD["detections"][0], GOOD["text_lines"][0]

BAD_DETECTIONS: list[Any] = [
    None, 3, "dog", {}, [DETECTION], {**DETECTION, "label": 3}, {**DETECTION, "confidence": None},
    {**DETECTION, "confidence": True}, {**DETECTION, "box": [1, 2, 3]}, {**DETECTION, "box": "1234"},
    {**DETECTION, "box": {"x": 1}}, {**DETECTION, "class_id": "a"},
    {name: value for name, value in DETECTION.items() if name != "box"},
]  # fmt: skip
BAD_LINES: list[Any] = [
    None, 3, "STOP", {}, {**LINE, "text": ["STOP"]}, {**LINE, "confidence": "high"}, {**LINE, "polygon": [[1, 2]]},
    {**LINE, "polygon": [1, 2, 3, 4]}, {**LINE, "polygon": [[1, 2, 3]] * 4}, {"text": "STOP"},
]  # fmt: skip

NOW = datetime(2026, 1, 5, tzinfo=UTC)

CUSTOM: list[dict[str, Any]] = [
    {},
    {"brightness": 3.5},
    {"detections": 7, "text": {"a": 1}, "text_lines": "STOP", "timestamp_ms": "soon"},
    {"detections": None, "text_lines": None, "timestamp_ms": None},
    {"detections": {"dog": 2}, "text_lines": {"STOP": 1}, "timestamp_ms": [1]},
    {"detections": BAD_DETECTIONS, "text_lines": BAD_LINES, "timestamp_ms": True},
]
ALL_CUSTOM = [{"frame_index": index, "result": result} for index, result in enumerate(CUSTOM)]


@pytest.mark.parametrize("bad", BAD_DETECTIONS, ids=repr)
def test_a_detection_of_another_form_is_passed_over(bad: object) -> None:
    assert detections_of({"detections": [bad, DETECTION]}) == [DETECTION]


@pytest.mark.parametrize("bad", BAD_LINES, ids=repr)
def test_a_line_of_text_of_another_form_is_passed_over(bad: object) -> None:
    assert text_lines_of({"text_lines": [LINE, bad]}) == [LINE]


def test_what_a_result_does_not_say_is_nothing() -> None:
    assert (detections_of({}), text_lines_of({}), timestamp_of({})) == ([], [], None)
    assert timestamp_of({"timestamp_ms": 0}) == 0.0


@pytest.mark.parametrize("export_format", list(ExportFormat))
def test_every_format_takes_results_of_any_form(export_format: ExportFormat) -> None:
    written = "".join(export(ALL_CUSTOM, export_format))
    mixed = "".join(export([*ALL_CUSTOM, {"frame_index": len(CUSTOM), "result": GOOD}], export_format))
    assert len(mixed) > len(written)
    if export_format is ExportFormat.csv:
        assert len(list(csv.reader(io.StringIO(written)))) == 1
    if export_format is ExportFormat.coco:
        assert json.loads(written)["annotations"] == []


def test_the_summary_and_the_report_take_results_of_any_form() -> None:
    assert labels_of(ALL_CUSTOM) == texts_of(ALL_CUSTOM) == rows_of(ALL_CUSTOM) == []
    assert page_data(ALL_CUSTOM, [], {}, None)["found"] == [[] for _ in CUSTOM]
    info = JobInfo("6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55", JobStatus.completed, 1.0, NOW, NOW, "mine", "")
    assert "<html" in render_report(info, ALL_CUSTOM, "a video")


def test_a_video_is_drawn_on_where_there_is_something_to_draw(tmp_path: Path) -> None:
    results = [
        {"frame_index": index, "result": {"brightness": 1} | (CUSTOM[index % len(CUSTOM)] if index else GOOD)}
        for index in range(12)
    ]
    for result in results:
        result["result"].pop("timestamp_ms", None)  # type: ignore[attr-defined]
    annotate_video(TINY_MP4, results, tmp_path / "drawn.mp4")
    assert len(list(VideoReader(tmp_path / "drawn.mp4"))) == 12


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["detections", "text_lines", "label", "text", "box", "polygon", "confidence", "x"]),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
def test_nothing_that_json_can_say_breaks_the_exports_or_the_page(value: Any) -> None:
    results = [{"frame_index": 0, "result": {"detections": value, "text_lines": value, "timestamp_ms": value}}]
    for export_format in ExportFormat:
        assert list(export(results, export_format)) is not None
    page_data(results, rows_of(results), {}, None)


def test_what_the_built_in_pipelines_give_is_all_of_the_documented_form() -> None:
    for one in RESULTS:
        assert detections_of(one["result"]) == one["result"]["detections"]
        assert text_lines_of(one["result"]) == one["result"]["text_lines"]
