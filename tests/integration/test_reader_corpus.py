"""The reader over real and awkward videos, each compared with what is known about it."""

import csv
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from shared.video.errors import VideoError
from shared.video.reader import VideoReader

pytestmark = [pytest.mark.integration, pytest.mark.worker]

REASONS = {
    "audio_only_aac.mp4": "only audio",
    "audio_only_aac_lc.m4a": "only audio",
    "cmaf_init_only_no_samples.mp4": "initialisation segment",
    "derived_text_ftyp_false_accept.mp4": "not an MP4 file",
    "derived_truncated_60pct_moov_lost.mp4": "interrupted upload",
    "malformed_zero_empty_stsc.mp4": "frames that it points to are missing",
    "still_1x1.avif": "image",
    "stub_108b.mp4": "not an MP4 file",
    "truncated_dash_32b.mp4": "cut off",
    "truncated_isom_262b.mp4": "cut off",
}
"""Words that the message about a file without frames must hold."""

FRAMES_BEYOND_OPENCV = {"av1_in_mp4.mp4": 30}
"""Frames of the files of which OpenCV decodes none."""

DAMAGED = {
    "derived_bitflips_mdat_400.mp4": 2,
    "derived_truncated_50pct_moov_front.mp4": 27,
    "malformed_invalid_nalu.mp4": 1,
}
"""Packets that give no image."""

START_MS = {
    "editlist_positive_shift.mp4": 1000.0,
    "fragmented_basic.mp4": 66.7,
    "fragmented_partially.mp4": 66.7,
}
"""Files that do not start at 0."""

LONG = {
    "derived_bitflips_mdat_400.mp4",
    "multiple_balls.mp4",
    "people_walking_1080p.mp4",
    "rotated_270_emulator.mp4",
    "rotated_issue134.mp4",
    "scenedetect_testvideo.mp4",
    "screen_recording_mikochi.mp4",
    "stop_sign_road.mp4",
}
"""Seconds of work each, and what makes them awkward is in others too: damage, an orientation, a large image."""

ORIENTED = ["mde_ftyp3gp5.mp4", "rotated_270_emulator.mp4", "rotated_issue134.mp4", "dolby_vision_hdr.mov"]


def corpus() -> Path:
    """Where the videos lie; they are not part of the project."""
    beside_the_project = Path(__file__).resolve().parents[3] / "shared" / "videos"
    return Path(os.environ.get("FOREGSYTE_TEST_VIDEOS") or beside_the_project)


def manifest() -> list[dict[str, str]]:
    path = corpus() / "MANIFEST.tsv"
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def files(expected: str, later: Collection[str] = ()) -> list[Any]:
    """Return the files of which this is expected; `later` are left to the tests of the corpus."""
    rows = [row for row in manifest() if row["expected"] == expected]
    absent = pytest.mark.skip(reason=f"no test videos in {corpus()}: set FOREGSYTE_TEST_VIDEOS to their folder")
    return [
        pytest.param(row, id=row["file"], marks=pytest.mark.corpus if row["file"] in later else []) for row in rows
    ] or [pytest.param({}, marks=absent, id="absent")]


def known_frames(row: dict[str, str]) -> int:
    by_opencv = max(int(row["opencv_decoded"] or 0), int(row["opencv_decoded_with_retries"] or 0))
    return FRAMES_BEYOND_OPENCV.get(row["file"], by_opencv)


@pytest.mark.parametrize("row", files("accept+decode", later=LONG))
def test_a_video_gives_all_its_frames(row: dict[str, str]) -> None:
    reader = VideoReader(corpus() / row["file"])
    seen = [(frame.index, frame.timestamp_ms, frame.image.shape) for frame in reader]
    indexes, times, shapes = zip(*seen, strict=True)
    width, height = (row["opencv_frame_WxH"] or row["coded_WxH"]).split("x")
    assert indexes == tuple(range(known_frames(row)))
    assert list(times) == sorted(times)
    assert times[0] == START_MS.get(row["file"], 0.0)
    assert set(shapes) == {(int(height), int(width), 3)}
    assert reader.damaged_packets == DAMAGED.get(row["file"], 0)


@pytest.mark.parametrize("row", files("accept-then-fail"))
def test_a_file_without_frames_fails_with_its_reason(row: dict[str, str]) -> None:
    with pytest.raises(VideoError, match=REASONS[row["file"]]):
        list(VideoReader(corpus() / row["file"]))


@pytest.mark.parametrize("row", files("reject"))
def test_a_file_that_is_never_accepted_does_no_harm(row: dict[str, str]) -> None:
    with pytest.raises(VideoError):
        list(VideoReader(corpus() / row["file"]))


@pytest.mark.parametrize("row", [case for case in files("accept+decode") if case.id in {*ORIENTED, "absent"}])
def test_images_have_the_orientation_that_opencv_shows(row: dict[str, str]) -> None:
    capture = cv2.VideoCapture(str(corpus() / row["file"]))
    frame = next(iter(VideoReader(corpus() / row["file"])))
    _, shown = capture.read()
    capture.release()
    # The two convert colours with other coefficients; an image of another orientation differs by far more.
    assert np.abs(frame.image.astype(int) - shown).mean() < 2
