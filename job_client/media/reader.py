"""Reads the frames of a video file in the order, number and position in which the worker counts them.

As the worker does, it takes the first video track that is not a cover picture, shows the frames in display order,
respects edit lists, and goes on behind damaged parts (docs/decisions/0004-pyav-reads-the-video.md).
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.container import InputContainer
from av.sidedata.sidedata import SideDataContainer
from av.stream import Discard, Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from job_client.media.errors import UnsuitableVideo

if TYPE_CHECKING:
    from av.packet import Packet

__all__ = ["Image", "Orientation", "Picture", "VideoFormat", "VideoReader", "frame_size"]

Image = npt.NDArray[np.uint8]
"""A picture: `(H, W, 3)` uint8 BGR, origin top left."""

MAX_UNREADABLE = 1000
"""Gaps in the data after which the rest of the file counts as lost."""

DEFAULT_FRAME_MS = 40.0
DEFAULT_RATE = Fraction(25)


@dataclass(frozen=True, slots=True)
class Orientation:
    """How a stored picture becomes the one that is displayed.

    Attributes:
        quarter_turns: Turns by 90 degrees against the clock, after mirroring.
        mirrored: Whether it is mirrored, top to bottom, before it is turned.
        matrix: The display matrix as the file states it, nine numbers; None where it states none.
    """

    quarter_turns: int
    mirrored: bool
    matrix: tuple[int, ...] | None

    def upright(self, stored: Image) -> Image:
        """Turns a stored picture into the displayed one."""
        return _turned(cast("Image", cv2.flip(stored, 0)) if self.mirrored else stored, self.quarter_turns)

    def as_stored(self, upright: Image) -> Image:
        """Turns a displayed picture back into the stored one."""
        turned = _turned(upright, -self.quarter_turns)
        return cast("Image", cv2.flip(turned, 0)) if self.mirrored else turned


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """What a copy of the video must keep.

    Attributes:
        time_base: Unit of the frames' times in seconds.
        rate: Frames a second, on average.
        sample_aspect_ratio: Width of a pixel by its height; None where the file states none.
    """

    time_base: Fraction
    rate: Fraction
    sample_aspect_ratio: Fraction | None


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One frame.

    Attributes:
        index: Place in display order, counted from 0.
        pts: Presentation time in units of the track's time base, as the file states it; None where it does not.
        timestamp_ms: Presentation time in milliseconds, as the results have it.
        stored: The decoded frame as it is stored, before any rotation.
        stored_image: The same as pixels.
        orientation: How it is displayed.
    """

    index: int
    pts: int | None
    timestamp_ms: float
    stored: VideoFrame
    stored_image: Image
    orientation: Orientation

    @property
    def image(self) -> Image:
        """The frame as it is displayed: contiguous, and nobody else's."""
        return np.ascontiguousarray(self.orientation.upright(self.stored_image))


class VideoReader:
    """Reads the frames of one video file, one at a time; each iteration begins anew.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._converter = VideoReformatter()

    def format(self) -> VideoFormat:
        """Returns what a copy of the video must keep.

        Raises:
            UnsuitableVideo: It is no video.
        """
        with self._open() as container:
            stream = self._select(container)
            return VideoFormat(
                time_base=stream.time_base or Fraction(1, 1000),
                rate=stream.average_rate or DEFAULT_RATE,
                sample_aspect_ratio=stream.sample_aspect_ratio,
            )

    def __iter__(self) -> Iterator[Picture]:
        """Yields every displayable frame once, in display order.

        Raises:
            UnsuitableVideo: It is no video.
            OSError: The file cannot be read.
        """
        with self._open() as container:
            stream = self._select(container)
            clock = _Clock(stream)
            index = 0
            for frame in _frames(container, stream):
                if (image := self._image(frame)) is not None:
                    yield Picture(index, frame.pts, clock.milliseconds(frame.pts), frame, image, _orientation(frame))
                    index += 1

    def _open(self) -> InputContainer:
        if not self._path.is_file():
            raise FileNotFoundError(2, "No such file", str(self._path))
        try:
            return av.open(
                f"file:{self._path}",
                format="mov",
                metadata_errors="replace",
                options={"protocol_whitelist": "file", "enable_drefs": "0", "threads": "1"},
            )
        except av.FFmpegError as error:
            raise UnsuitableVideo(f"{self._path} is no MP4 that can be read") from error

    def _select(self, container: InputContainer) -> VideoStream:
        covers = Disposition.attached_pic | Disposition.timed_thumbnails
        tracks = [track for track in container.streams.video if track.codec_context and not track.disposition & covers]
        if not tracks:
            raise UnsuitableVideo(f"{self._path} holds no video track")
        for other in container.streams:
            other.discard = Discard.none if other is tracks[0] else Discard.all
        tracks[0].codec_context.options = {"threads": "1"}  # more would read damaged parts differently
        return tracks[0]

    def _image(self, frame: VideoFrame) -> Image | None:
        try:
            return cast("Image", self._converter.reformat(frame, format="bgr24").to_ndarray())
        except av.FFmpegError:
            return None


def frame_size(path: Path) -> tuple[int, int]:
    """Returns width and height in pixels of a video's first frame as it is displayed.

    Raises:
        UnsuitableVideo: It is no video, or holds no frame.
    """
    for picture in VideoReader(path):
        height, width = picture.image.shape[:2]
        return width, height
    raise UnsuitableVideo(f"{path} holds no frame that can be shown")


def _frames(container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
    for packet in _packets(container, stream):
        yield from _decoded(stream.codec_context, packet)
    yield from _decoded(stream.codec_context, None)


def _packets(container: InputContainer, stream: VideoStream) -> Iterator["Packet[VideoStream]"]:
    read = 0
    for _ in range(MAX_UNREADABLE):
        # The demuxer stops at data that is not there, and asked again goes on behind it.
        with suppress(av.FFmpegError):
            for packet in container.demux(stream):
                read += packet.pos is not None
                if packet.size:
                    yield packet
        if read >= len(stream.index_entries):
            return


def _decoded(codec: VideoCodecContext, packet: "Packet[VideoStream] | None") -> list[VideoFrame]:
    try:
        return codec.decode(packet)
    except av.FFmpegError:
        return []


class _Clock:
    """Turns presentation times into the milliseconds that the results have."""

    def __init__(self, stream: VideoStream) -> None:
        self._tick_ms = (stream.time_base or Fraction(0)) * 1000
        self._step_ms = float(1000 / stream.average_rate) if stream.average_rate else DEFAULT_FRAME_MS
        self._latest: float | None = None

    def milliseconds(self, pts: int | None) -> float:
        guess = 0.0 if self._latest is None else self._latest + self._step_ms
        rounded = round(guess if pts is None else float(pts * self._tick_ms), 1)
        self._latest = rounded if self._latest is None else max(rounded, self._latest)
        return self._latest


_TURNS = {1: cv2.ROTATE_90_COUNTERCLOCKWISE, 2: cv2.ROTATE_180, 3: cv2.ROTATE_90_CLOCKWISE}


def _turned(image: Image, quarter_turns: int) -> Image:
    turn = _TURNS.get(quarter_turns % 4)
    return image if turn is None else cast("Image", cv2.rotate(image, turn))


def _orientation(frame: VideoFrame) -> Orientation:
    try:
        # Not `frame.side_data`: that ties frame and side data to each other, and memory grows until a collection.
        matrix = struct.unpack("=9i", bytes(SideDataContainer(frame)["DISPLAYMATRIX"]))  # type: ignore[call-arg]
    except (KeyError, ValueError):
        # ValueError: the library has no name for another piece of side data.
        return Orientation(quarter_turns=0, mirrored=False, matrix=None)
    a, b, _, c, d, *_ = matrix
    turns = round(frame.rotation / 90)
    return Orientation(turns if abs(turns) <= 2 else 0, bool(a * d < b * c), matrix)  # noqa: PLR2004 (half a turn)
