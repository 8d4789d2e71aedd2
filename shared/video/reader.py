"""Decodes a video file into upright BGR frames.

The file is hostile until proven otherwise: the demuxer is fixed, nothing but the file itself is opened, and no picture
above the limit is ever allocated.
"""

import errno
import logging
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, cast

import av
import numpy as np
from av.container import InputContainer
from av.stream import Discard, Disposition
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from shared.video.container import exact, open_mp4
from shared.video.decoded_frame import DecodedFrame, VideoFormat
from shared.video.diagnosis import explain_no_frames, outline
from shared.video.errors import VideoError
from shared.video.frame import Frame, Image
from shared.video.orientation import Orientation

if TYPE_CHECKING:
    # At run time a packet takes no type argument.
    from av.packet import Packet

__all__ = ["ReaderLimits", "VideoReader"]

logger = logging.getLogger(__name__)
logger.addHandler(logging.NullHandler())  # else a program without logging, as the client is, prints warnings

MAX_UNREADABLE = 1000
"""Gaps in the data after which the rest of the file counts as lost: a cut-off file is one gap after the other."""

ROW_PADDING_PIXELS = 64 * 65536
"""What the decoders' own padding of rows and columns may add to a picture; it must not count against the limit."""

DEFAULT_RATE = Fraction(25)
"""Frames a second where the track states none."""


@dataclass(frozen=True, slots=True)
class ReaderLimits:
    """Bounds on what decoding may take.

    Attributes:
        max_frame_pixels: Largest picture, width x height; the default is 8K DCI and takes 106 MB as BGR.
        decoder_threads: Threads for decoding and colour conversion. More than one speeds up large pictures, and makes
            what is left of the damaged ones differ from what one thread gives.
    """

    max_frame_pixels: int = 8192 * 4320
    decoder_threads: int = 1


class VideoReader:
    """Reads the frames of one video file, one at a time.

    Reads the first video track that is not a cover picture; edit lists are respected, rotation and mirroring applied.
    Each iteration decodes the file from its start and closes it however it ends.

    Attributes:
        damaged_packets: Packets of the latest iteration that gave no picture because the file is damaged.
    """

    def __init__(self, path: Path, limits: ReaderLimits | None = None) -> None:
        self.damaged_packets = 0
        self._path = path
        self._limits = limits or ReaderLimits()
        self._converter = VideoReformatter()

    def __iter__(self) -> Iterator[Frame]:
        """Yield every displayable frame once, in display order.

        Yields:
            Frames with `(H, W, 3)` uint8 BGR images; the size can change from one to the next.

        Raises:
            VideoError: No frame can be had, or a picture is above the limit.
            OSError: The file is not there or cannot be read.
        """
        for picture in self.decoded_frames():
            yield Frame(picture.index, picture.timestamp_ms, picture.image)

    def decoded_frames(self) -> Iterator[DecodedFrame]:
        """Yield the same frames with what a copy of them needs.

        Raises:
            VideoError: No frame can be had, or a picture is above the limit.
            OSError: The file is not there or cannot be read.
        """
        self.damaged_packets = 0
        count = 0
        with self._open() as container:
            stream = self._select(container)
            clock = _Clock(stream)
            for frame in self._frames(container, stream):
                orientation = Orientation.of(frame)
                if (image := self._image(frame, orientation)) is not None:
                    yield DecodedFrame(count, frame.pts, clock.milliseconds(frame.pts), image, frame, orientation)
                    count += 1
        self._conclude(count)

    def format(self) -> VideoFormat:
        """Return what a copy of the video must keep.

        Raises:
            VideoError: There is no video to be had from the file, or its pictures are above the limit.
            OSError: The file is not there or cannot be read.
        """
        with self._open() as container:
            stream = self._select(container)
            return VideoFormat(
                time_base=exact(stream.time_base) or Fraction(1, 1000),
                rate=exact(stream.average_rate) or DEFAULT_RATE,
                sample_aspect_ratio=exact(stream.sample_aspect_ratio),
            )

    def _refuse_what_must_not_be_decoded(self) -> None:
        # An image and an encrypted video decode too: to one picture, and to noise. A false index is believed at once.
        found = outline(self._path)
        if found.is_image or found.is_encrypted or found.lists_too_much:
            raise VideoError(explain_no_frames(found))
        for track in found.video_tracks[:1]:
            self._check_size(track.width, track.height)

    def _open(self) -> InputContainer:
        self._refuse_what_must_not_be_decoded()
        try:
            return open_mp4(self._path, {"protocol_whitelist": "file", "enable_drefs": "0", **self._codec_options()})
        except av.FFmpegError as error:
            raise self._no_frames() from error

    def _codec_options(self) -> dict[str, str]:
        return {
            "max_pixels": str(self._limits.max_frame_pixels + ROW_PADDING_PIXELS),
            "threads": str(self._limits.decoder_threads),
        }

    def _select(self, container: InputContainer) -> VideoStream:
        covers = Disposition.attached_pic | Disposition.timed_thumbnails
        tracks = [track for track in container.streams.video if track.codec_context and not track.disposition & covers]
        if not tracks:
            raise self._no_frames()
        # Not a byte of the other tracks is read: where theirs are missing, the demuxer would give up on all.
        for other in container.streams:
            other.discard = Discard.none if other is tracks[0] else Discard.all
        codec = tracks[0].codec_context
        self._check_size(codec.width, codec.height)
        codec.options = self._codec_options()
        return tracks[0]

    def _frames(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        for packet in self._packets(container, stream):
            yield from self._decode(stream.codec_context, packet)
        yield from self._decode(stream.codec_context, None)

    def _packets(self, container: InputContainer, stream: VideoStream) -> Iterator["Packet[VideoStream]"]:
        read = 0
        for _ in range(MAX_UNREADABLE):
            # The demuxer stops at data that is not there, and asked again goes on behind it.
            with suppress(av.FFmpegError):
                for packet in container.demux(stream):
                    read += packet.pos is not None
                    # An empty packet, the last one among them, would tell the decoder that the video ends here.
                    if packet.size:
                        yield packet
            if read >= len(stream.index_entries):
                break
        self.damaged_packets += len(stream.index_entries) - read

    def _decode(self, codec: VideoCodecContext, packet: "Packet[VideoStream] | None") -> list[VideoFrame]:
        try:
            return codec.decode(packet)
        except av.FFmpegError as error:
            self._check_size(codec.width, codec.height)
            if error.errno == errno.ERANGE or (error.errno == errno.EINVAL and not codec.width):
                raise VideoError(f"a picture in the video has an impossible size or one above {self._limit}") from error
            self.damaged_packets += 1
            return []

    def _image(self, frame: VideoFrame, orientation: Orientation) -> Image | None:
        self._check_size(frame.width, frame.height)
        try:
            converted = self._converter.reformat(frame, format="bgr24", threads=self._limits.decoder_threads)
        except av.FFmpegError:
            self.damaged_packets += 1
            return None
        return np.ascontiguousarray(orientation.upright(cast("Image", converted.to_ndarray())))

    def _check_size(self, width: int, height: int) -> None:
        if width * height > self._limits.max_frame_pixels:
            raise VideoError(f"the pictures are {width}x{height}, above {self._limit}")

    @property
    def _limit(self) -> str:
        return f"the limit of {self._limits.max_frame_pixels} pixels (the operator can raise max_frame_pixels)"

    def _no_frames(self) -> VideoError:
        return VideoError(explain_no_frames(outline(self._path)))

    def _conclude(self, frames: int) -> None:
        if not frames:
            raise self._no_frames()
        if self.damaged_packets:
            logger.warning("video damaged", extra={"damaged_packets": self.damaged_packets, "frames": frames})


class _Clock:
    """Turns presentation times into milliseconds that never run backwards."""

    def __init__(self, stream: VideoStream) -> None:
        self._tick_ms = (exact(stream.time_base) or Fraction(0)) * 1000
        self._step_ms = float(1000 / (exact(stream.average_rate) or DEFAULT_RATE))
        self._latest: float | None = None

    def milliseconds(self, pts: int | None) -> float:
        stated = self._guess() if pts is None else float(pts * self._tick_ms)
        rounded = round(stated, 1)
        self._latest = rounded if self._latest is None else max(rounded, self._latest)
        return self._latest

    def _guess(self) -> float:
        return 0.0 if self._latest is None else self._latest + self._step_ms
