"""A copy of a video with everything drawn on it that was found."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path

from job_client.job import FrameResult
from job_client.media.drawing import Drawing
from job_client.media.errors import UnsuitableVideo
from job_client.media.fonts import FontFile
from job_client.media.reader import Picture, VideoReader
from job_client.media.writer import VideoWriter

__all__ = ["annotate_video", "matched"]

TOLERANCE_MS = 0.2
"""Times in results are rounded to a tenth of a millisecond."""


def annotate_video(
    video: Path,
    results: Sequence[FrameResult],
    target: Path,
    on_frame: Callable[[], None] = lambda: None,
    fonts: Sequence[FontFile] = (),
) -> None:
    """Writes the video with boxes, labels and text drawn on every frame.

    Args:
        video: The original file, which the results are of.
        results: All of the job's results.
        target: The file to write, `.mp4` or `.mov`.
        on_frame: Called after each frame.
        fonts: More fonts, preferred to the packaged ones.

    Raises:
        UnsuitableVideo: The file is no video, or the results are of another one.
        OSError: A file cannot be read or written.
    """
    reader = VideoReader(video)
    with ExitStack() as stack:
        writer: VideoWriter | None = None
        for picture, frame in matched(reader, results, video):
            image = picture.image
            if writer is None:
                drawing = Drawing(image.shape[1], image.shape[0], fonts)
                writer = stack.enter_context(VideoWriter(target, video, reader.format(), picture))
            drawing.draw(image, frame["result"])
            writer.write(picture, image)
            on_frame()


def matched(
    pictures: Iterable[Picture], results: Sequence[FrameResult], video: Path
) -> Iterator[tuple[Picture, FrameResult]]:
    """Yields each frame of the video with its result.

    Args:
        pictures: The frames of the video.
        results: All of a job's results.
        video: The file, for messages.

    Raises:
        UnsuitableVideo: The frames are not those that the results are of: another number, or other times.
    """
    wrong = UnsuitableVideo(f"{video} is not the video that the results are of ({len(results)} frames)")
    for picture, frame in zip_longest(pictures, results):
        if picture is None or frame is None:
            raise wrong
        stated = frame["result"].get("timestamp_ms")
        if isinstance(stated, int | float) and abs(stated - picture.timestamp_ms) > TOLERANCE_MS:
            raise wrong
        yield picture, frame
