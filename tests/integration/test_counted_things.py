"""The timeline has as many things as people counted in the videos."""

import json
from pathlib import Path
from typing import Any

import pytest

from job_client.timeline import timeline_of
from job_worker.analysis.build_pipelines import build_pipelines
from job_worker.analysis.video_file_pipeline_service import VideoFilePipelineService
from job_worker.settings import WorkerSettings
from shared.results import decode_frame

pytestmark = [pytest.mark.integration, pytest.mark.worker, pytest.mark.models, pytest.mark.corpus]

COUNTED = json.loads((Path(__file__).parents[1] / "fixtures" / "counted_things.json").read_text(encoding="utf-8"))
"""What a person sees; `found` where the timeline has another number, a fault that is known. `min_width` leaves out what
is less wide in its best frame, `right_of` what is left of it there, both in pixels."""


NOT_REACHED = {"people_walking_1080p.mp4-bicycle"}
"""Where the timeline has another number than a person counts."""


def name_of(counted: dict[str, Any]) -> str:
    return f"{counted['video']}-{counted['labels'][0]}"


def test_the_numbers_that_are_not_reached_are_known() -> None:
    assert {name_of(counted) for counted in COUNTED if "found" in counted} == NOT_REACHED


@pytest.mark.parametrize("counted", COUNTED, ids=name_of)
def test_the_timeline_has_as_many_things_as_were_counted(
    counted: dict[str, Any], corpus: Path, yolo_weights: Path
) -> None:
    weights = str(yolo_weights) if counted["detector"] == "coco" else ""
    service = VideoFilePipelineService(
        build_pipelines(WorkerSettings.of(pipelines="yolo", yolo_weights=weights, threads=2, device="cpu"))
    )
    encoded = service.encoded_frames("yolo", corpus / counted["video"])
    objects = timeline_of(decode_frame(frame, index) for index, frame in enumerate(encoded)).objects
    wide = [span for span in objects if span.box[2] - span.box[0] >= counted["min_width"]]
    meant = [span for span in wide if span.label in counted["labels"] and span.box[0] >= counted.get("right_of", 0)]
    assert len(meant) == counted.get("found", counted["count"]), counted["seen"]
