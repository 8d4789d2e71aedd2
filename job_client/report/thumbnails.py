"""Small pictures of the frames in which something is seen best."""

import base64
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2

from job_client.job import FrameResult
from job_client.media.annotation import matched
from job_client.media.original import OriginalVideo
from job_client.report.data import Row
from shared.video.frame import Image

__all__ = ["Thumbnails", "best_frames", "make_thumbnails"]

Thumbnails = dict[int, str]
"""Data URLs by frame."""

LONGER_SIDE = 480
JPEG_QUALITY = 78


def best_frames(rows: Sequence[Row], most: int) -> set[int]:
    """Returns the frames to make pictures of: the best of each row, then the best of each span, up to a number."""
    chosen: dict[int, None] = {}
    for frame in _by_importance(rows):
        if len(chosen) >= most:
            break
        chosen[frame] = None
    return set(chosen)


def _by_importance(rows: Sequence[Row]) -> Iterable[int]:
    yield from (row.best.best_frame for row in rows)
    yield from (span.best_frame for row in rows for span in row.spans)


def make_thumbnails(
    video: Path, results: Sequence[FrameResult], wanted: set[int], on_frame: Callable[[], None] = lambda: None
) -> tuple[Thumbnails, tuple[int, int] | None]:
    """Returns the pictures, and width and height in pixels of the video's first frame.

    Args:
        video: The original file.
        results: All of the job's results.
        wanted: The frames to make pictures of.
        on_frame: Called after each frame of the video.

    Raises:
        UnsuitableVideo: The file is no video, or the results are of another one.
    """
    made: Thumbnails = {}
    size: tuple[int, int] | None = None
    for picture, frame in matched(OriginalVideo(video), results):
        if size is None:
            size = picture.image.shape[1], picture.image.shape[0]
        if frame["frame_index"] in wanted:
            made[frame["frame_index"]] = _data_url(picture.image)
        on_frame()
    return made, size


def _data_url(image: Image) -> str:
    height, width = image.shape[:2]
    scale = min(1.0, LONGER_SIDE / max(width, height))
    small = cv2.resize(
        image, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()
