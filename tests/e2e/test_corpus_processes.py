"""Every one of the real and unusual videos through a real server and worker."""

import csv
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from job_client import JobClient, ServiceError
from shared.contract.job_status import JobStatus
from tests.support.plain_words import is_plain
from tests.support.processes import api_process, worker_process

SECONDS = 1800

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.e2e,
    pytest.mark.models,
    pytest.mark.worker,
    pytest.mark.timeout(SECONDS),
]

FRAMES_BEYOND_OPENCV = {"av1_in_mp4.mp4": 30}
"""Frames of the file of which OpenCV decodes none."""

LONG = 240
"""Videos with more frames take a minute each; what makes them unusual is in shorter ones too."""

Results = list[dict[str, Any]]


def manifest() -> list[dict[str, str]]:
    """The videos and what is known of them; none where they are absent."""
    beside_the_project = Path(__file__).resolve().parents[3] / "shared" / "videos"
    path = Path(os.environ.get("FOREGSYTE_TEST_VIDEOS") or beside_the_project) / "MANIFEST.tsv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def files(expected: str) -> list[Any]:
    absent = pytest.mark.skip(reason="no test videos: set FOREGSYTE_TEST_VIDEOS to their folder")
    rows = [row for row in manifest() if row["expected"] == expected]
    later = {row["file"] for row in rows if int(row["opencv_decoded"] or 0) > LONG}
    return [
        pytest.param(row, id=row["file"], marks=pytest.mark.long if row["file"] in later else []) for row in rows
    ] or [pytest.param({}, marks=absent, id="absent")]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, yolo_weights: Path) -> Iterator[JobClient]:
    """A client of a server with one worker."""
    folder = tmp_path_factory.mktemp("pair")
    with (
        api_process(folder) as address,
        worker_process(folder, address, "first", "--yolo-weights", str(yolo_weights)),
        JobClient(address) as client,
    ):
        yield client


def results_of(client: JobClient, video: Path, pipeline: str) -> Results:
    job = client.submit(video, pipeline).wait(SECONDS)
    assert (job.status, job.error_message) == (JobStatus.completed, "")
    results = client.job(job.job_id).results_as_dicts()
    assert [frame["frame_index"] for frame in results] == list(range(len(results)))
    return results


def labels(frame: dict[str, Any]) -> set[str]:
    return {detection["label"] for detection in frame["result"]["detections"]}


def text(frame: dict[str, Any]) -> str:
    return "".join(frame["result"]["text"].split())


@pytest.mark.parametrize("row", files("reject"))
def test_what_is_no_mp4_is_refused(row: dict[str, str], client: JobClient, corpus: Path) -> None:
    with pytest.raises(ServiceError) as raised:
        client.submit(corpus / row["file"], "yolo")
    assert (raised.value.code, raised.value.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_MP4")


@pytest.mark.parametrize("row", files("accept-then-fail"))
def test_a_file_without_frames_fails_with_a_plain_message(row: dict[str, str], client: JobClient, corpus: Path) -> None:
    job = client.submit(corpus / row["file"], "yolo").wait(SECONDS)
    assert job.status is JobStatus.failed
    assert is_plain(job.error_message), job.error_message


@pytest.mark.parametrize("row", files("accept+decode"))
def test_a_video_gives_at_least_every_frame_that_opencv_finds(
    row: dict[str, str], client: JobClient, corpus: Path
) -> None:
    by_opencv = max(int(row["opencv_decoded"] or 0), int(row["opencv_decoded_with_retries"] or 0))
    known_frames = FRAMES_BEYOND_OPENCV.get(row["file"], by_opencv)
    assert len(results_of(client, corpus / row["file"], "yolo")) >= known_frames > 0


@pytest.mark.long
def test_people_are_in_every_frame_of_a_busy_street_and_the_shop_window_is_read(
    client: JobClient, corpus: Path
) -> None:
    results = results_of(client, corpus / "people_walking_1080p.mp4", "yolo_ocr")
    assert len(results) == 302
    assert all("person" in labels(frame) for frame in results)
    read = [frame["frame_index"] for frame in results if "30%off" in text(frame)]
    assert len(read) / len(results) >= 0.95


def test_a_stop_sign_is_found_and_read(client: JobClient, corpus: Path) -> None:
    results = results_of(client, corpus / "stop_sign_road.mp4", "yolo_ocr")
    assert len(results) == 255
    clear = results[50:199]
    found = [frame["frame_index"] for frame in clear if "stop sign" in labels(frame)]
    read = [frame["frame_index"] for frame in clear if "STOP" in text(frame)]
    assert len(found) / len(clear) >= 0.95
    assert len(read) / len(clear) >= 0.9
    assert not any("stop sign" in labels(frame) for frame in results[199:])
