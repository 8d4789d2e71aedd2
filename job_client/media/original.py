"""The video that was submitted, read as the worker read it: its frames are those of the results."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from job_client.errors import UnsuitableVideo
from shared.video.errors import VideoError
from shared.video.frame import DecodedFrame, Frame, VideoFormat
from shared.video.reader import ReaderLimits, VideoReader

ANY_SIZE = ReaderLimits(max_frame_pixels=1 << 30)
"""No limit: operators can raise that of their workers, and whatever gave results must be readable here."""


class OriginalVideo:
    """The original of a job's results; each iteration starts again.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._reader = VideoReader(path, ANY_SIZE)

    def __iter__(self) -> Iterator[DecodedFrame]:
        """Yield every displayable frame once, in display order.

        Raises:
            UnsuitableVideo: No frame of the file can be decoded.
            OSError: The file cannot be read.
        """
        with self._video_errors_translated():
            yield from self._reader.decoded_frames()

    def some_frames(self, wanted: Iterable[int], times_ms: Sequence[float]) -> Iterator[Frame]:
        """Yield the first frame, the wanted ones and the last one, in display order.

        Args:
            wanted: The indices of the wanted frames.
            times_ms: When each frame of the video is shown, as its results say.

        Raises:
            UnsuitableVideo: The timestamps are not those of the video, or two frames have the same.
            OSError: The file cannot be read.
        """
        with self._video_errors_translated():
            yield from self._reader.some_frames(wanted, times_ms)

    def format(self) -> VideoFormat:
        """Return what a copy of the video must keep.

        Raises:
            UnsuitableVideo: It is no video.
            OSError: The file cannot be read.
        """
        with self._video_errors_translated():
            return self._reader.format()

    @contextmanager
    def _video_errors_translated(self) -> Iterator[None]:
        try:
            yield
        except VideoError as error:
            raise UnsuitableVideo(f"{self.path}: {error}") from error
