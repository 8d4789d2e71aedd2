"""Explain why a file has no frame, in plain language for its owner.

Reads the box headers of an MP4 file (ISO/IEC 14496-12, section 4.2) and nothing else. The file may be hostile: every
step goes forward, and the number of boxes is bounded.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

MAX_BOXES = 10_000
"""The most box headers read at the top level, and as many in the index and in the fragments: hours of video, 100 ms."""

MIN_FRAME_BYTES = 8
"""Frames are smaller than this on average in files that lie alone: those of hours of one still image have 63 bytes."""
MANY_FRAMES = 100_000
"""An hour of video; fewer frames end in bounded time, whatever their size."""
EMPTY_FRAMES = (
    f"the file is malformed: it holds more than {MANY_FRAMES:,} frames of less than {MIN_FRAME_BYTES} bytes on average"
)

_ENCRYPTED_FORMATS = {"encv", "drmi"}
"""Sample entries of common encryption (ISO/IEC 23001-7) and of FairPlay."""

_TRACK_CONTAINERS = frozenset({"trak", "mdia", "minf", "stbl", "edts", "dinf", "udta"})
_FRAGMENT_CONTAINERS = frozenset({"moof", "traf"})


@dataclass(frozen=True, slots=True)
class Track:
    """One track of the index.

    Attributes:
        handler: Its media type: `vide`, `soun`, ...
        formats: Four-character codes of its sample descriptions.
        width: Declared width of its images in pixels, 0 if it has none.
        height: Declared height of its images in pixels, 0 if it has none.
        samples: Samples listed in the index; those of fragments do not count.
        is_raw_sound: Whether each sample is a single value of raw sound, which a demuxer reads a thousand at a time.
    """

    handler: str
    formats: tuple[str, ...]
    width: int
    height: int
    samples: int
    is_raw_sound: bool = False


@dataclass(frozen=True, slots=True)
class Outline:
    """The structure of a file, read from its box headers.

    Attributes:
        size_bytes: Size of the file.
        boxes: Types of the boxes at the top level.
        tracks: Tracks of the index, in its order, and those that lie outside of it, which a demuxer takes in too.
        index_cut_off: Whether the file ends inside its index.
        fragment_samples: Samples listed in the fragments, as far as they were read.
        has_hidden_index: Whether so many boxes lie before or in its index that not all of it was read.
    """

    size_bytes: int
    boxes: frozenset[str]
    tracks: tuple[Track, ...]
    index_cut_off: bool
    fragment_samples: int = 0
    has_hidden_index: bool = False

    @property
    def is_image(self) -> bool:
        """Whether it is an image or an animation (HEIC, AVIF): items in a `meta` box and no video or audio track."""
        film = any(track.handler in {"vide", "soun"} for track in self.tracks)
        return "meta" in self.boxes and "moof" not in self.boxes and not film

    @property
    def is_encrypted(self) -> bool:
        """Whether its first video track is encrypted."""
        return any(not _ENCRYPTED_FORMATS.isdisjoint(track.formats) for track in self.video_tracks[:1])

    @property
    def has_av1(self) -> bool:
        """Whether one of its tracks is AV1; a demuxer ignores the case of the code."""
        return any(code.lower() == "av01" for track in self.tracks for code in track.formats)

    @property
    def lists_too_much(self) -> bool:
        """Whether it lists more samples than it has bytes: a demuxer allocates some 70 bytes for each of them."""
        listed = sum(track.samples for track in self.tracks if not track.is_raw_sound)
        return listed + self.fragment_samples > self.size_bytes

    @property
    def lists_empty_frames(self) -> bool:
        """Whether its index lists many frames for which the whole file is too small."""
        return are_empty(sum(track.samples for track in self.video_tracks), self.size_bytes)

    @property
    def video_tracks(self) -> tuple[Track, ...]:
        """The video tracks."""
        return tuple(track for track in self.tracks if track.handler == "vide")


class _Box(NamedTuple):
    kind: str
    body: int
    end: int


class _Walker:
    """A reader of box headers, up to a budget."""

    def __init__(self, file: BinaryIO, size_bytes: int) -> None:
        self._file = file
        self._size_bytes = size_bytes
        self._budget = MAX_BOXES

    @property
    def has_ended_early(self) -> bool:
        """Whether there may be boxes that were not read."""
        return self._budget == 0

    def _read(self, start: int, count: int) -> bytes:
        if start >= self._size_bytes:
            # Stated sizes reach past what a seek can take.
            return b""
        self._file.seek(start)
        return self._file.read(count)

    def boxes(self, start: int, end: int) -> Iterator[_Box]:
        while start < end and self._budget > 0 and (box := self._box(start, end)):
            self._budget -= 1
            yield box
            start = box.end

    def _box(self, start: int, end: int) -> _Box | None:
        header = self._read(start, 16).ljust(16, b"\0")
        size, kind, large_size = struct.unpack(">I4sQ", header)
        body = start + (16 if size == 1 else 8)
        # Size 1: the real size follows the type. Size 0: up to the end of the parent box.
        size = {0: end - start, 1: large_size}.get(size, size)
        if start + size < body or not (kind.isascii() and kind.decode("ascii").isprintable()):
            return None
        return _Box(kind.decode("ascii"), body, start + size)

    def inside(self, start: int, end: int, containers: frozenset[str]) -> Iterator[_Box]:
        """Yield the boxes and those inside the containers among them, outer ones first."""
        pending = [(start, end)]
        while pending:
            for box in self.boxes(*pending.pop(0)):
                yield box
                if box.kind in containers:
                    pending.append((box.body, box.end))

    def track(self, trak: _Box) -> Track:
        # As in demuxers, a table counts wherever in the track it is.
        boxes = [*self.inside(trak.body, trak.end, _TRACK_CONTAINERS)]
        first = {box.kind: box for box in reversed(boxes)}
        tables = [box for box in boxes if box.kind in {"stsz", "stz2"}]
        handler = self.field(first.get("hdlr"), 8).decode("latin-1")
        descriptions, times = first.get("stsd"), first.get("stts")
        entries = list(self.boxes(descriptions.body + 8, descriptions.end)) if descriptions else []
        dimensions = self.field(entries[0], 24) if entries and handler == "vide" else b""
        return Track(
            handler=handler,
            formats=tuple(entry.kind for entry in entries),
            width=int.from_bytes(dimensions[:2], "big"),
            height=int.from_bytes(dimensions[2:], "big"),
            samples=sum(self.number(table, 8) for table in tables),
            is_raw_sound=handler == "soun" and self.number(times, 4) == self.number(times, 12) == 1,
        )

    def fragment_samples(self) -> int:
        """Return how many samples the fragments list."""
        boxes = self.inside(0, self._size_bytes, _FRAGMENT_CONTAINERS)
        return sum(self.number(box, 4) for box in boxes if box.kind == "trun")

    def number(self, box: _Box | None, offset: int) -> int:
        return int.from_bytes(self.field(box, offset), "big")

    def field(self, box: _Box | None, offset: int) -> bytes:
        return self._read(box.body + offset, 4) if box else b""


def outline(path: Path) -> Outline:
    """Return the structure of a file, as far as its box headers make sense.

    Args:
        path: Any file, however broken.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        size_bytes = file.seek(0, 2)
        # The first box of a type counts. The index has a budget of its own: a long video's fragments may use up one.
        top = _Walker(file, size_bytes)
        outermost = [*top.boxes(0, size_bytes)]
        boxes = {box.kind: box for box in reversed(outermost)}
        walker = _Walker(file, size_bytes)
        index = boxes.get("moov")
        inside = [*walker.boxes(index.body, index.end)] if index else []
        return Outline(
            size_bytes=size_bytes,
            boxes=frozenset(boxes),
            tracks=tuple(walker.track(box) for box in inside + outermost if box.kind == "trak"),
            index_cut_off=index is not None and index.end > size_bytes,
            fragment_samples=_Walker(file, size_bytes).fragment_samples(),
            has_hidden_index=walker.has_ended_early if index else top.has_ended_early,
        )


def are_empty(frames: int, size_bytes: int) -> bool:
    """Return whether so many frames are too many for so many bytes; a decoder would show an image for each of them."""
    return frames > MANY_FRAMES and size_bytes < MIN_FRAME_BYTES * frames


def explain_no_frames(found: Outline) -> str:
    """Return why a file with this outline has no frame: one plain sentence without its full stop.

    Args:
        found: The outline of a file of which no frame could be decoded.
    """
    return next(reason for holds, reason in _reasons(found) if holds)


def _reasons(found: Outline) -> Iterator[tuple[bool, str]]:
    """Yield every reason and whether it applies, the most specific first; the last one always applies."""
    kinds = found.boxes
    yield found.size_bytes == 0, "the file is empty"
    yield kinds.isdisjoint({"ftyp", "moov", "moof"}), "this is not an MP4 file: it does not have the structure of one"
    yield found.is_image, "the file is an image (such as HEIC or AVIF), not a video"
    yield found.has_hidden_index, f"its index (moov box) is malformed: it holds, or comes after, {MAX_BOXES:,} boxes"
    lost_index = "its index (moov box) is missing"
    yield "moof" in kinds and "moov" not in kinds, f"the file is a later segment of a video: {lost_index}"
    yield "moov" not in kinds, f"the file is cut off: {lost_index}, as after an interrupted upload"
    yield found.index_cut_off, "the file is cut off inside its index (moov box), as after an interrupted upload"
    has_audio = any(track.handler == "soun" for track in found.tracks)
    yield not found.video_tracks and has_audio, "the file holds no video track, only audio"
    yield not found.video_tracks, "the file holds no video track"
    yield found.is_encrypted, "the video is encrypted"
    yield found.lists_too_much, "its index is damaged: it lists more samples than the file has bytes"
    yield found.lists_empty_frames, EMPTY_FRAMES
    listed = sum(track.samples for track in found.video_tracks)
    yield not listed and "moof" not in kinds, "the file is an initialisation segment with no frames in it"
    yield "mdat" not in kinds, "the file holds only an index: the frames that it points to are missing"
    formats = ", ".join(found.video_tracks[0].formats)
    yield True, f"no image in it can be decoded: the data is damaged, or its format ({formats}) is not supported"
