"""Frames as a video that keeps the original's size, times, rotation, colours and sound."""

import math
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from av.video.stream import VideoStream

from job_client.media.audio import AudioTracks
from shared.video.frame import DecodedFrame, VideoFormat
from shared.video.image import Image

ENCODER_OPTIONS = {"crf": "20", "preset": "medium"}
UNSPECIFIED = 2
"""A colour property that the file does not state (ITU-T H.273)."""


class VideoWriter:
    """A writer of H.264, used as a context manager.

    Args:
        target: The file; its suffix, `.mp4` or `.mov`, says the container.
        source: The video whose sound is copied.
        like: What to keep of the original.
        first: The original's first frame: all frames get its size and orientation.
    """

    def __init__(self, target: Path, source: Path, like: VideoFormat, first: DecodedFrame) -> None:
        self._like = like
        self._first = first
        self._converter = VideoReformatter()
        self._latest_pts: int | None = None
        with ExitStack() as stack:
            # A late start is stated in units of the movie's own time scale, by default milliseconds.
            options = {"movflags": "faststart", "movie_timescale": str(like.time_base.denominator)}
            self._output = stack.enter_context(av.open(str(target), "w", options=options))
            self._stream = self._add_stream()
            self._audio = AudioTracks(source, self._output)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if kind is None:
                self._output.mux(self._stream.encode(None))
                self._audio.write_until(math.inf)
            self._audio.close()

    def write(self, original: DecodedFrame, image: Image) -> None:
        """Write a frame.

        Args:
            original: The frame whose time is kept.
            image: What to show: `(H, W, 3)` uint8 BGR as it is displayed.
        """
        frame = VideoFrame.from_ndarray(self._first.orientation.as_stored(image), format="bgr24")
        frame = self._converter.reformat(
            frame,
            width=self._stream.width,
            height=self._stream.height,
            format=self._stream.pix_fmt,
            interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND,  # else the image gets darker
            dst_colorspace=self._stated(self._first.stored.colorspace),
            dst_color_range=self._stated(self._first.stored.color_range, unspecified=0),
        )
        frame.pts = self._pts(original)
        frame.time_base = self._like.time_base
        frame.pict_type = PictureType.NONE
        self._audio.write_until(float(frame.pts * self._like.time_base))
        self._output.mux(self._stream.encode(frame))

    def _add_stream(self) -> VideoStream:
        stored = self._first.stored
        stream = self._output.add_stream("libx264", rate=self._like.rate, options=ENCODER_OPTIONS)
        stream.width, stream.height = stored.width, stored.height
        # Halved colours need even sides, and the size must stay.
        stream.pix_fmt = "yuv444p" if stored.width % 2 or stored.height % 2 else "yuv420p"
        stream.time_base = stream.codec_context.time_base = self._like.time_base
        if self._like.sample_aspect_ratio:
            stream.codec_context.sample_aspect_ratio = self._like.sample_aspect_ratio
        self._keep_colors(stream)
        if self._first.orientation.matrix:
            stream.set_display_matrix(self._first.orientation.matrix)
        return stream

    def _keep_colors(self, stream: VideoStream) -> None:
        stored, codec = self._first.stored, stream.codec_context
        codec.colorspace, codec.color_range = stored.colorspace, stored.color_range
        codec.color_primaries, codec.color_trc = stored.color_primaries, stored.color_trc

    @staticmethod
    def _stated(value: int, unspecified: int = UNSPECIFIED) -> int | None:
        return None if value == unspecified else value

    def _pts(self, original: DecodedFrame) -> int:
        """Return the frame's own time, or a later one where the file has two frames at one time."""
        stated = original.pts
        if stated is None:
            stated = round(Fraction(original.timestamp_ms) / 1000 / self._like.time_base)
        self._latest_pts = stated if self._latest_pts is None else max(stated, self._latest_pts + 1)
        return self._latest_pts
