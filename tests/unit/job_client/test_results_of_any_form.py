"""Exports, summary, report and annotation take the results of any plugin."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from job_client.exports import ExportFormat, write
from job_client.job import JobInfo
from job_client.media.annotation import annotate_video
from job_client.report.page import ReportedVideo, render_report
from job_client.timeline import timeline_and_noise
from shared.contract.job_status import JobStatus
from shared.results import FrameResult
from shared.video.reader import VideoReader
from tests.conftest import TINY_MP4
from tests.support.found import frame, frame_results

pytestmark = pytest.mark.unit

GOOD = frame(0, {"dog": 0.5}, {"STOP": 0.95})["result"]

NOW = datetime(2026, 1, 5, tzinfo=UTC)
INFO = JobInfo("6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55", JobStatus.completed, 1.0, NOW, NOW, "mine", "")

CUSTOM: list[dict[str, Any]] = [
    {},
    {"brightness": 3.5},
    {"detections": 7, "text": {"a": 1}, "text_lines": "STOP", "timestamp_ms": "soon"},
    {"detections": None, "text_lines": None, "timestamp_ms": None},
    {"detections": {"dog": 2}, "text_lines": {"STOP": 1}, "timestamp_ms": [1]},
    {"detections": [None, {"label": "dog"}], "text_lines": ["STOP", {"text": "STOP"}], "timestamp_ms": True},
]
ALL_CUSTOM = frame_results({"frame_index": index, "result": result} for index, result in enumerate(CUSTOM))


def written_as(export_format: ExportFormat, results: Sequence[FrameResult]) -> bytes:
    file = io.BytesIO()
    write(results, export_format, file)
    return file.getvalue()


@pytest.mark.parametrize("export_format", list(ExportFormat))
def test_every_format_takes_any_number(export_format: ExportFormat) -> None:
    strange = frame(0, {"dog": 1e26}, {"STOP": 1e26})
    strange["result"]["detections"] += [
        {"label": "cat", "class_id": -(10**30), "confidence": 0.9, "box": [first, first, last, last]}
        for first, last in ((0.0, 1e308), (1e308, -1e308))
    ]
    results = frame_results([strange, frame(1, {}, {"STAY": 0.9})])
    assert [found.label for found in results[0].detections] == ["dog", "cat", "cat"]
    written = written_as(export_format, results)
    assert b"Infinity" not in written
    assert written


@pytest.mark.parametrize("export_format", list(ExportFormat))
def test_every_format_takes_results_of_any_form(export_format: ExportFormat) -> None:
    good = frame_results([{"frame_index": len(CUSTOM), "result": GOOD}])
    written = written_as(export_format, ALL_CUSTOM)
    mixed = written_as(export_format, [*ALL_CUSTOM, *good])
    assert len(mixed) > len(written)
    if export_format is ExportFormat.csv:
        assert len(list(csv.reader(io.StringIO(written.decode())))) == 1
    if export_format is ExportFormat.coco:
        assert json.loads(written)["annotations"] == []


def page_of(results: Sequence[FrameResult]) -> str:
    return render_report([ReportedVideo(INFO, "a video", results, *timeline_and_noise(results))])


def test_the_timeline_and_the_report_take_results_of_any_form() -> None:
    timeline, noise = timeline_and_noise(ALL_CUSTOM)
    assert timeline == noise
    assert (timeline.texts, timeline.objects, timeline.codes, timeline.frames) == ((), (), (), len(CUSTOM))
    assert "a video" in page_of(ALL_CUSTOM)


def test_a_video_is_drawn_on_where_there_is_something_to_draw(tmp_path: Path) -> None:
    results = [
        {"frame_index": index, "result": {"brightness": 1} | (CUSTOM[index % len(CUSTOM)] if index else GOOD)}
        for index in range(12)
    ]
    for result in results:
        result["result"].pop("timestamp_ms", None)  # type: ignore[attr-defined]
    annotate_video(TINY_MP4, frame_results(results), tmp_path / "drawn.mp4")
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
    result = {"detections": value, "text_lines": value, "timestamp_ms": value}
    results = frame_results([{"frame_index": 0, "result": result}])
    for export_format in ExportFormat:
        written_as(export_format, results)
    assert page_of(results)
