"""A copy of a video with its results drawn on every frame."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from job_client.media.drawing import Drawing
from job_client.media.fonts import FontFile
from job_client.media.matched_frames import matched
from job_client.media.original import OriginalVideo
from job_client.media.selection import EVERYTHING, Selection, drawn_frames
from job_client.media.writer import VideoWriter
from shared.results import FrameResult


def annotate_video(
    video: Path,
    results: Sequence[FrameResult],
    target: Path,
    on_frame: Callable[[], None] = lambda: None,
    fonts: Sequence[FontFile] = (),
    selection: Selection = EVERYTHING,
) -> None:
    """Write the video with boxes, labels and text drawn on every frame.

    Args:
        video: The original file, which the results are of.
        results: All of the job's results.
        target: The file to write, `.mp4` or `.mov`.
        on_frame: Called after each frame.
        fonts: More fonts, preferred to the packaged ones.
        selection: What is drawn.

    Raises:
        UnsuitableVideo: The file is no video, or the results are of another one.
        OSError: A file cannot be read or written.
    """
    original = OriginalVideo(video)
    with ExitStack() as stack:
        writer: VideoWriter | None = None
        for (frame, _), drawn in zip(matched(original, results), drawn_frames(results, selection), strict=True):
            image = frame.image
            if writer is None:
                drawing = Drawing(image.shape[1], image.shape[0], fonts)
                writer = stack.enter_context(VideoWriter(target, video, original.format(), frame))
            drawing.draw(image, drawn)
            writer.write(frame, image)
            on_frame()
