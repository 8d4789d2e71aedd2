"""What a timeline holds: things and lines of text, each with the time for which it was seen."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

from shared.results import Box, FrameResult

DEFAULT_FRAME_MS = 40.0
"""How long a frame is shown where the results state no times: 25 frames a second."""


@dataclass(frozen=True, slots=True)
class Span:
    """From when to when something was seen.

    Attributes:
        first_frame: The first frame in which it was found.
        last_frame: The last one.
        start_ms: When the first frame is shown, in milliseconds.
        end_ms: When the frame after the last one is shown.
        frames: In how many frames it was found; it may have been missed in some between the first and the last.
        confidence: The highest confidence with which it was found, 0 to 1.
        best_frame: The frame of that.
        box: Its box in that frame.
        first_box: Its box in the first frame.
        last_box: Its box in the last frame.
        evidence: How surely it was no noise, as `TimelineSettings` measures it; spans that differ only in it are equal.
    """

    first_frame: int
    last_frame: int
    start_ms: float
    end_ms: float
    frames: int
    confidence: float
    best_frame: int
    box: Box
    first_box: Box
    last_box: Box
    evidence: float = field(default=math.inf, kw_only=True, compare=False)

    @property
    def seconds(self) -> float:
        """For how long it was seen."""
        return (self.end_ms - self.start_ms) / 1000


@dataclass(frozen=True, slots=True)
class TextSpan(Span):
    """A line of text that was read.

    Attributes:
        text: The line, voted from all readings.
    """

    text: str


@dataclass(frozen=True, slots=True)
class ObjectSpan(Span):
    """An object that was followed from frame to frame.

    Attributes:
        label: Its label, voted from all frames.
        track_id: Its number among the objects of the video, counted from 1.
    """

    label: str
    track_id: int


@dataclass(frozen=True, slots=True)
class CodeSpan(Span):
    """A code that was read.

    Attributes:
        format: Its kind, such as `QRCode`.
        text: What it says.
        bytes: The content in base64 where it is no text; else None.
    """

    format: str
    text: str
    bytes: str | None = None


LONG_FRAME_MS = 200.0
"""A frame that is shown for longer counts more than one, in proportion: slides and screens have few frames."""
MAX_VOTES = 5000.0
"""Of a frame that is shown for minutes; times may be any number."""


@dataclass(frozen=True)  # without slots, so that its properties are computed once a frame
class FrameTime:
    """A frame and from when to when it is shown, in milliseconds."""

    index: int
    start_ms: float
    end_ms: float

    @cached_property
    def votes(self) -> float:
        """How much what is seen in it counts: its length in frames of 40 ms, above 0, since times may be equal."""
        return min(max(self.end_ms - self.start_ms, 1.0) / DEFAULT_FRAME_MS, MAX_VOTES)

    @cached_property
    def weight(self) -> float:
        """As how many frames it counts to decide whether something lasts: 1, or more for a long one."""
        return max(self.votes * DEFAULT_FRAME_MS / LONG_FRAME_MS, 1.0)


@dataclass(slots=True)
class Sighting:
    """What is known of something while it is being followed; becomes a `Span`."""

    first: FrameTime
    last: FrameTime
    frames: int
    confidence: float
    best_frame: int
    box: Box
    first_box: Box
    last_box: Box

    @classmethod
    def at(cls, time: FrameTime, confidence: float, box: Box) -> "Sighting":
        """Return that of one frame."""
        return cls(time, time, 1, confidence, time.index, box, box, box)

    def extend(self, later: "Sighting") -> None:
        """Take in what was seen after it."""
        self.last, self.last_box = later.last, later.last_box
        self.frames += later.frames
        if later.confidence > self.confidence:
            self.confidence, self.best_frame, self.box = later.confidence, later.best_frame, later.box

    def span(self) -> tuple[int, int, float, float, int, float, int, Box, Box, Box]:
        """Return the values of a `Span` in their order."""
        return (
            self.first.index, self.last.index, self.first.start_ms, self.last.end_ms, self.frames,
            self.confidence, self.best_frame, self.box, self.first_box, self.last_box,
        )  # fmt: skip


def timed(frames: Iterable[FrameResult]) -> Iterator[tuple[FrameResult, FrameTime]]:
    """Yield each frame and its time: it ends when the next one begins, and the last is as long as the one before."""
    waiting: tuple[FrameResult, float] | None = None
    length_ms = DEFAULT_FRAME_MS
    for frame in frames:
        start_ms = _start_ms(frame)
        if waiting:
            before, before_ms = waiting
            length_ms = max(start_ms - before_ms, 0.0)
            yield before, FrameTime(before.frame_index, before_ms, before_ms + length_ms)
        waiting = frame, start_ms
    if waiting:
        before, before_ms = waiting
        yield before, FrameTime(before.frame_index, before_ms, before_ms + length_ms)


def _start_ms(frame: FrameResult) -> float:
    return frame.frame_index * DEFAULT_FRAME_MS if frame.timestamp_ms is None else frame.timestamp_ms
