"""Thumbnails of the frames in which labels and lines of text have their highest confidence."""

import base64
from collections.abc import Callable, Sequence
from itertools import chain, islice
from pathlib import Path

import cv2

from job_client.media.annotation import matched
from job_client.media.original import OriginalVideo
from job_client.summary import SummaryRow
from shared.results import FrameResult
from shared.video.frame import Image

Thumbnails = dict[int, str]
"""Data URLs by frame."""

LONGER_SIDE = 480
JPEG_QUALITY = 78


def best_frames(rows: Sequence[SummaryRow], most: int) -> set[int]:
    """Return the best frame of each row, then the best of each span, at most so many."""
    of_rows = (row.best.best_frame for row in rows)
    of_spans = (span.best_frame for row in rows for span in row.spans)
    return set(islice(dict.fromkeys(chain(of_rows, of_spans)), most))


def make_thumbnails(
    video: Path, results: Sequence[FrameResult], wanted: set[int], on_frame: Callable[[], None] = lambda: None
) -> tuple[Thumbnails, tuple[int, int] | None]:
    """Return the thumbnails, and width and height in pixels of the video's first frame.

    Args:
        video: The original file.
        results: All of the job's results.
        wanted: The frames to make thumbnails of.
        on_frame: Called after each frame of the video.

    Raises:
        UnsuitableVideo: The file is no video, or the results are of another one.
    """
    thumbnails: Thumbnails = {}
    size: tuple[int, int] | None = None
    for frame, result in matched(OriginalVideo(video), results):
        if size is None:
            size = frame.image.shape[1], frame.image.shape[0]
        if result.frame_index in wanted:
            thumbnails[result.frame_index] = _data_url(frame.image)
        on_frame()
    return thumbnails, size


def _data_url(image: Image) -> str:
    height, width = image.shape[:2]
    scale = min(1.0, LONGER_SIDE / max(width, height))
    small = cv2.resize(
        image, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()
