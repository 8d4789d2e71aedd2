"""Thumbnails of frames."""

import base64
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

import cv2

from job_client.media.matched_frames import some_matched
from shared.results import FrameResult
from shared.video.image import Image

Thumbnails = dict[int, str]
"""Data URLs by frame."""

LONGER_SIDE = 480
JPEG_QUALITY = 72

MAX_THUMBNAILS_BYTES = 5_000_000
"""How much the thumbnails of one video may take: a page of two hours stays below 15 MB."""


def make_thumbnails(
    video: Path,
    results: Sequence[FrameResult],
    wanted: Sequence[int],
    on_thumbnail: Callable[[], None] = lambda: None,
    max_bytes: int = MAX_THUMBNAILS_BYTES,
) -> tuple[Thumbnails, tuple[int, int] | None]:
    """Return the thumbnails, and width and height in pixels of the video's first frame.

    Args:
        video: The original file.
        results: All of the job's results.
        wanted: The frames to make thumbnails of, the most important ones first.
        on_thumbnail: Called after each thumbnail.
        max_bytes: How much they may take; what is less important is left out.

    Raises:
        UnsuitableVideo: The file is no video, or the results are of another one.
    """
    made: Thumbnails = {}
    size: tuple[int, int] | None = None
    frames = set(wanted)
    for frame in some_matched(video, results, frames):
        if size is None:
            size = frame.image.shape[1], frame.image.shape[0]
        if frame.index in frames - made.keys():
            made[frame.index] = _data_url(frame.image)
            on_thumbnail()
    sizes = accumulate(len(made[frame]) for frame in wanted)
    return {frame: made[frame] for frame, total in zip(wanted, sizes, strict=True) if total <= max_bytes}, size


def _data_url(image: Image) -> str:
    height, width = image.shape[:2]
    scale = min(1.0, LONGER_SIDE / max(width, height))
    small = cv2.resize(
        image, (max(1, round(width * scale)), max(1, round(height * scale))), interpolation=cv2.INTER_AREA
    )
    _, encoded = cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return "data:image/jpeg;base64," + base64.b64encode(encoded.tobytes()).decode()
