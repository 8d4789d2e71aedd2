"""The frames of a video together with the results, which must be of that video."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import suppress
from itertools import zip_longest
from pathlib import Path

from job_client.errors import UnsuitableVideo
from job_client.media.original import OriginalVideo
from shared.results import FrameResult
from shared.video.frame import DecodedFrame, Frame

TOLERANCE_MS = 0.2
"""Times in results are rounded to a tenth of a millisecond."""


def matched(original: OriginalVideo, results: Sequence[FrameResult]) -> Iterator[tuple[DecodedFrame, FrameResult]]:
    """Yield each frame of the video with its result.

    Args:
        original: The video.
        results: All of a job's results.

    Raises:
        UnsuitableVideo: It is no video, or its frames are not those of the results: another number, or other times.
    """
    wrong = UnsuitableVideo(f"{original.path} is not the video that the results are of ({len(results)} frames)")
    for frame, result in zip_longest(original, results):
        if frame is None or result is None:
            raise wrong
        if result.timestamp_ms is not None and abs(result.timestamp_ms - frame.timestamp_ms) > TOLERANCE_MS:
            raise wrong
        yield frame, result


def some_matched(video: Path, results: Sequence[FrameResult], wanted: Collection[int]) -> Iterator[Frame]:
    """Yield the first frame, the wanted ones and others, some of them twice where the whole video must be decoded.

    Args:
        video: The original file.
        results: All of the job's results.
        wanted: Indexes of frames.

    Raises:
        UnsuitableVideo: As by `matched`.
    """
    original = OriginalVideo(video)
    times_ms = [result.timestamp_ms for result in results if result.timestamp_ms is not None]
    if times_ms and len(times_ms) == len(results):
        with suppress(UnsuitableVideo):
            yield from original.some_frames(wanted, times_ms)
            return
    yield from (frame for frame, _ in matched(original, results))


def size_of(video: Path, results: Sequence[FrameResult]) -> tuple[int, int]:
    """Return width and height in pixels of the frames as they are displayed; raises as `matched` does."""
    shapes = [frame.image.shape for frame in some_matched(video, results, ())]  # to the last one, which is checked too
    height, width, _ = shapes[0]
    return width, height
