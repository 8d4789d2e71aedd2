"""Decode a video file into upright BGR frames.

The file may be hostile: the demuxer is fixed, no other file is opened, and no image above the limit is allocated.
"""

import errno
import logging
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, groupby, pairwise
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
from shared.video.diagnosis import EMPTY_FRAMES, Outline, are_empty, explain_no_frames, outline
from shared.video.errors import VideoError
from shared.video.frame import DecodedFrame, Frame, VideoFormat
from shared.video.image import MAX_FRAME_PIXELS, Image
from shared.video.orientation import Orientation
from shared.video.packets import MAX_FRAMES, holds_too_many_frames
from shared.video.timestamps import DEFAULT_RATE, Timestamps

if TYPE_CHECKING:
    # At run time a packet takes no type argument.
    from av.packet import Packet

logger = logging.getLogger(__name__)
logger.addHandler(logging.NullHandler())  # else a program without logging, as the client is, prints warnings

MAX_GAPS = 1000
"""Number of gaps in the data after which the rest of the file counts as lost: a cut-off file is all gaps."""

REORDERED_FRAMES = 16
"""How many frames may be stored after a key frame and shown before it: as many as H.264 and HEVC keep decoded."""

DECODER_THREADS = 1
"""Threads for decoding and colour conversion: by more of them, damaged frames can be decoded differently."""

OTHER_TIMES = "its frames cannot be found by these times"

CROWDED_PACKET = f"the file is malformed: one of its packets holds more than {MAX_FRAMES} frames"

ROW_PADDING_PIXELS = 64 * 65536
"""What decoders may add to an image as padding of rows and columns; it must not count against the limit."""


@dataclass(frozen=True, slots=True)
class ReaderLimits:
    """Limits of decoding.

    Attributes:
        max_frame_pixels: Largest image, width x height.
        max_gaps: Number of gaps in the data after which the rest of the file counts as lost.
    """

    max_frame_pixels: int = MAX_FRAME_PIXELS
    max_gaps: int = MAX_GAPS


class VideoReader:
    """The frames of one video file, read one at a time.

    Reads the first video track that is not cover art, and applies edit lists, rotation and mirroring. Each iteration
    decodes the file from its start, and closes it however it ends.

    Args:
        path: The file.
        limits: Limits of decoding; None for the defaults.
        convert: Converts a decoded frame to the pixel format `format`; None for PyAV's `VideoReformatter.reformat`.

    Attributes:
        damaged_packets: Packets of the latest iteration that gave no image because the file is damaged.
    """

    def __init__(
        self, path: Path, limits: ReaderLimits | None = None, convert: Callable[..., VideoFrame] | None = None
    ) -> None:
        self.damaged_packets = 0
        self._path = path
        self._size_bytes = 0
        self._limits = limits or ReaderLimits()
        self._convert = convert or VideoReformatter().reformat

    def __iter__(self) -> Iterator[Frame]:
        """Yield every frame that can be displayed once, in display order.

        Yields:
            Frames with `(H, W, 3)` uint8 BGR images; the size can change from one to the next.

        Raises:
            VideoError: No frame can be decoded, or an image is above the limit.
            OSError: The file does not exist or cannot be read.
        """
        for decoded in self.decoded_frames():
            yield Frame(decoded.index, decoded.timestamp_ms, decoded.image)

    def decoded_frames(self) -> Iterator[DecodedFrame]:
        """Yield the same frames as they are stored too, for a copy of the video.

        Raises:
            VideoError: No frame can be decoded, or an image is above the limit.
            OSError: The file does not exist or cannot be read.
        """
        self.damaged_packets = 0
        count = 0
        with self._open() as container:
            stream = self._select(container)
            timestamps = Timestamps(exact(stream.time_base), exact(stream.average_rate))
            for frame in self._frames(container, stream):
                orientation = Orientation.of(frame)
                if (image := self._image(frame, orientation)) is not None:
                    yield DecodedFrame(count, timestamps.next_ms(frame.pts), image, frame.pts, frame, orientation)
                    count += 1
        self._conclude(count)

    def some_frames(self, wanted: Iterable[int], times_ms: Sequence[float]) -> Iterator[Frame]:
        """Yield the first frame, the wanted ones and the last one, decoding from the key frame before each.

        Of fragments that no index lists everything is decoded.

        Args:
            wanted: Indexes of frames.
            times_ms: The timestamps of all frames of the video.

        Raises:
            VideoError: The timestamps are not those of the video, or two frames have the same.
            OSError: The file does not exist or cannot be read.
        """
        if any(one >= other for one, other in pairwise(times_ms)):
            raise VideoError(OTHER_TIMES)
        self.damaged_packets = 0
        with self._open() as container:
            stream = self._select(container)

            def place(index: int) -> int:
                return int(times_ms[max(0, index - REORDERED_FRAMES)] / 1000 / (exact(stream.time_base) or 1))

            def key_frame(index: int) -> int:
                return max(0, stream.index_entries.search_timestamp(place(index)))

            for first, near in groupby(sorted({0, *wanted, len(times_ms) - 1}), key_frame):
                indexes = list(near)
                self._seek(container, stream, place(indexes[0]))
                yield from self._found(indexes, times_ms, container, stream, first)

    def format(self) -> VideoFormat:
        """Return what a copy of the video must keep.

        Raises:
            VideoError: The file has no video that can be decoded, or its images are above the limit.
            OSError: The file does not exist or cannot be read.
        """
        with self._open() as container:
            stream = self._select(container)
            return VideoFormat(
                time_base=exact(stream.time_base) or Fraction(1, 1000),
                rate=exact(stream.average_rate) or DEFAULT_RATE,
                sample_aspect_ratio=exact(stream.sample_aspect_ratio),
            )

    def _refuse_undecodable(self) -> Outline:
        # An image decodes to one frame and an encrypted video to noise; the demuxer trusts a malformed index.
        found = outline(self._path)
        self._size_bytes = found.size_bytes
        is_false = found.lists_too_much or found.lists_empty_frames or found.has_hidden_index
        if found.is_image or found.is_encrypted or is_false:
            raise VideoError(explain_no_frames(found))
        for track in found.video_tracks[:1]:
            self._check_size(track.width, track.height)
        return found

    def _open(self) -> InputContainer:
        # The demuxer's parser of AV1, which finds nothing that is needed here, takes 3 KB for each 3 bytes of a packet.
        parsing = {"fflags": "noparse"} if self._refuse_undecodable().has_av1 else {}
        options = {"protocol_whitelist": "file", "enable_drefs": "0", **parsing, **self._codec_options()}
        try:
            return open_mp4(self._path, options)
        except av.FFmpegError as error:
            raise self._no_frames() from error

    def _codec_options(self) -> dict[str, str]:
        return {
            "max_pixels": str(self._limits.max_frame_pixels + ROW_PADDING_PIXELS),
            "threads": str(DECODER_THREADS),
        }

    def _select(self, container: InputContainer) -> VideoStream:
        covers = Disposition.attached_pic | Disposition.timed_thumbnails
        tracks = [track for track in container.streams.video if track.codec_context and not track.disposition & covers]
        if not tracks:
            raise self._no_frames()
        # The other tracks are not read: if their data is missing, the demuxer would give up on all tracks.
        for other in container.streams:
            other.discard = Discard.none if other is tracks[0] else Discard.all
        codec = tracks[0].codec_context
        self._check_size(codec.width, codec.height)
        codec.options = self._codec_options()
        entries = tracks[0].index_entries
        self._check_frames(len(entries), sum(entry.size for entry in entries))
        return tracks[0]

    def _seek(self, container: InputContainer, stream: VideoStream, place: int) -> None:
        try:
            container.seek(place, stream=stream)
        except av.FFmpegError as error:
            raise VideoError(OTHER_TIMES) from error

    def _found(
        self, indexes: list[int], times_ms: Sequence[float], container: InputContainer, stream: VideoStream, first: int
    ) -> Iterator[Frame]:
        """Yield the frames with these indexes, decoding from the packet with the number `first` on."""
        timestamps = Timestamps(exact(stream.time_base), exact(stream.average_rate))
        for frame in self._frames(container, stream, first):
            time_ms = timestamps.next_ms(frame.pts)
            index = bisect_left(times_ms, time_ms)
            if not indexes or index > indexes[0] or times_ms[index] != time_ms:
                raise VideoError(OTHER_TIMES)
            if index == indexes[0] and (image := self._image(frame, Orientation.of(frame))) is not None:
                yield Frame(indexes.pop(0), time_ms, image)
            if not indexes and index < len(times_ms) - 1:  # after the last frame there must be no other
                return
        if indexes:
            raise VideoError(OTHER_TIMES)

    def _frames(self, container: InputContainer, stream: VideoStream, first: int = 0) -> Iterator[VideoFrame]:
        frames = frame_bytes = 0
        for packet in chain(self._packets(container, stream, first), [None]):
            frame_bytes += packet.size if packet else 0
            for frame in self._decode(stream.codec_context, packet):
                frames += 1
                self._check_frames(frames, frame_bytes)  # a packet may hold several
                yield frame

    def _packets(self, container: InputContainer, stream: VideoStream, first: int) -> Iterator["Packet[VideoStream]"]:
        read = read_bytes = 0
        for _ in range(self._limits.max_gaps):
            # The demuxer stops at missing data; the next call goes on behind it.
            with suppress(av.FFmpegError):
                for packet in container.demux(stream):
                    read += packet.pos is not None
                    read_bytes += packet.size
                    self._check_frames(read, read_bytes)  # the index of fragments is read with them
                    # An empty packet, such as the last one, would end the video for the decoder.
                    if packet.size:
                        yield packet
            if first + read >= len(stream.index_entries):
                break
        self.damaged_packets += len(stream.index_entries) - first - read

    def _decode(self, codec: VideoCodecContext, packet: "Packet[VideoStream] | None") -> list[VideoFrame]:
        if packet and holds_too_many_frames(codec.codec.canonical_name, memoryview(packet)):
            raise VideoError(CROWDED_PACKET)
        try:
            return codec.decode(packet)
        except av.FFmpegError as error:
            self._check_size(codec.width, codec.height)
            if error.errno == errno.ERANGE or (error.errno == errno.EINVAL and not codec.width):
                raise VideoError(f"an image in the video has an impossible size or one above {self._limit}") from error
            self.damaged_packets += 1
            return []

    def _image(self, frame: VideoFrame, orientation: Orientation) -> Image | None:
        self._check_size(frame.width, frame.height)
        try:
            converted = self._convert(frame, format="bgr24", threads=DECODER_THREADS)
        except av.FFmpegError:
            self.damaged_packets += 1
            return None
        return np.ascontiguousarray(orientation.upright(cast("Image", converted.to_ndarray())))

    def _check_frames(self, frames: int, frame_bytes: int) -> None:
        # Frames may share their bytes, so that they have more than the file.
        if are_empty(frames, min(frame_bytes, self._size_bytes)):
            raise VideoError(EMPTY_FRAMES)

    def _check_size(self, width: int, height: int) -> None:
        if width * height > self._limits.max_frame_pixels:
            raise VideoError(f"the images are {width}x{height}, above {self._limit}")

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
