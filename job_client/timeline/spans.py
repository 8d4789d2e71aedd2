"""What a timeline holds: things and lines of text, each with the time for which it was seen."""

import math
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeAlias

from job_client.timeline.path import PathPoint
from shared.results import Box, FrameResult, Polygon

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
        polygon: Its corners in its best frame, clockwise from the top left of the text; None if it was read in parts.
        path: Where it was: points between which it moves straight and evenly; empty if it was shown little by little.
        steady: Whether it was read alike in two frames, or in too few to say.
    """

    text: str
    polygon: Polygon | None = field(default=None, kw_only=True, compare=False)
    path: tuple[PathPoint, ...] = field(default=(), kw_only=True, compare=False)
    steady: bool = field(default=True, kw_only=True, compare=False)


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
        bytes: The content in base64 where it is no text, or one whose encoding may be a guess; else None.
    """

    format: str
    text: str
    bytes: str | None = None


LONG_FRAME_MS = 200.0
"""A frame that is shown for longer counts more than one, in proportion: slides and screens have few frames."""
MAX_VOTES = 5000.0
"""Of a frame that is shown for minutes; times may be any number."""
MAX_STEP_MS = 1000.0
"""For how long what moves is taken to move on while no frame is shown."""
COUNTED_STEPS = 15
"""The median of the latest so many is the usual time between two frames."""
LEAST_STEP_MS = 0.01
LEAST_STEP = 0.25
"""What is at least between two frames, the latter in usual steps: at nearly one time, any motion would be a leap."""
UNUSUAL_STEP = 1.5
"""From how many usual steps on, or parts of one, what moves may as well have moved by one: a camera may have missed
frames, but the recording of a screen has none while nothing moves."""


@dataclass(frozen=True)  # without slots, so that its properties are computed once a frame
class FrameTime:
    """A frame and from when to when it is shown, in milliseconds.

    Attributes:
        index: The frame's number.
        start_ms: When it is shown, as the results state.
        end_ms: When the next one is shown.
        clocks_ms: The times by which motion is measured, later than those of the frame before whatever the results
            state: the frame's own, and where that is unusually far from the one before, the usual one.
    """

    index: int
    start_ms: float
    end_ms: float
    clocks_ms: tuple[float, ...]

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
    polygon: Polygon | None = None

    @classmethod
    def at(cls, time: FrameTime, confidence: float, box: Box, polygon: Polygon | None = None) -> "Sighting":
        """Return that of one frame."""
        return cls(time, time, 1, confidence, time.index, box, box, box, polygon)

    def extend(self, later: "Sighting") -> None:
        """Take in what was seen after it."""
        self.last, self.last_box = later.last, later.last_box
        self.frames += later.frames
        if later.confidence > self.confidence:
            self.confidence, self.best_frame, self.box = later.confidence, later.best_frame, later.box
            self.polygon = later.polygon

    def extend_by_part(self, later: "Sighting") -> None:
        """Take in that only a part was seen after it, which says nothing about where it is."""
        self.last = later.last
        self.frames += later.frames

    def span(self) -> tuple[int, int, float, float, int, float, int, Box, Box, Box]:
        """Return the values of a `Span` in their order."""
        return (
            self.first.index, self.last.index, self.first.start_ms, self.last.end_ms, self.frames,
            self.confidence, self.best_frame, self.box, self.first_box, self.last_box,
        )  # fmt: skip


Following: TypeAlias = Callable[[], FrameResult | None]
"""Returns the frame behind those that were read, where only some of a video are; it is called after they were."""


def timed(frames: Iterable[FrameResult], following: Following | None = None) -> Iterator[tuple[FrameResult, FrameTime]]:
    """Yield each frame and its time: it ends when the next one begins, and the last is as long as the one before."""
    waiting: tuple[FrameResult, float] | None = None
    length_ms = DEFAULT_FRAME_MS
    clock = _Clock()
    for frame in frames:
        start_ms = _start_ms(frame)
        if waiting:
            before, before_ms = waiting
            length_ms = max(start_ms - before_ms, 0.0)
            yield before, FrameTime(before.frame_index, before_ms, before_ms + length_ms, clock.times_ms)
            clock.advance(start_ms - before_ms)
        waiting = frame, start_ms
    if waiting:
        before, before_ms = waiting
        if following and (behind := following()):
            length_ms = max(_start_ms(behind) - before_ms, 0.0)
        yield before, FrameTime(before.frame_index, before_ms, before_ms + length_ms, clock.times_ms)


class _Clock:
    """The time by which motion is measured: it goes by frames where the times that are stated cannot be true.

    Attributes:
        times_ms: What it shows, as `FrameTime.clocks_ms`.
    """

    def __init__(self) -> None:
        self.times_ms: tuple[float, ...] = (0.0,)
        self._steps_ms = deque([DEFAULT_FRAME_MS], COUNTED_STEPS)

    def advance(self, stated_ms: float) -> None:
        """Go on to the next frame, which is so much later as the results state."""
        usual_ms = sorted(self._steps_ms)[len(self._steps_ms) // 2]
        is_stated = stated_ms >= LEAST_STEP_MS
        step_ms = min(max(stated_ms, LEAST_STEP * usual_ms), MAX_STEP_MS) if is_stated else usual_ms
        self._steps_ms.append(step_ms)
        is_usual = step_ms <= UNUSUAL_STEP * usual_ms and usual_ms <= UNUSUAL_STEP * step_ms
        now_ms = self.times_ms[0]
        self.times_ms = (now_ms + step_ms,) if is_usual else (now_ms + step_ms, now_ms + usual_ms)


def _start_ms(frame: FrameResult) -> float:
    return frame.frame_index * DEFAULT_FRAME_MS if frame.timestamp_ms is None else frame.timestamp_ms
