"""Things are followed at least as well as by the trackers of Roboflow's `trackers`, by its own measures."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pytest

from job_client.timeline import timeline_of, tracked
from shared.results import Box, Detection, FrameResult

if TYPE_CHECKING:
    from trackers.core.base import BaseTracker

pytestmark = [pytest.mark.integration, pytest.mark.corpus]  # sixteen scenes, each through five trackers

FRAMES, FPS = 200, 25
WIDTH, HEIGHT = 1280, 720

MISSED = 0.05
"""Which share of all things a detector overlooks in a frame."""
JITTER = 0.03
"""By how much sides of a box are off, as a share of its width or height: one standard deviation."""
FALSE_BOXES = 0.1
"""Which share of all frames show a box where nothing is."""

Numbered = list[tuple[int, Box]]
"""What is in one frame: which thing or track, and where."""


@dataclass(frozen=True)
class Scene:
    """Objects that cross an image.

    Attributes:
        things: How many.
        sides: Least and greatest length of a thing, in pixels.
        speeds: Least and greatest way in a frame, in pixels.
        hidden: For how many frames each is hidden once, at most.
    """

    things: int
    sides: tuple[float, float] = (40.0, 120.0)
    speeds: tuple[float, float] = (0.0, 4.0)
    hidden: int = 0

    def drawn(self, seed: int) -> tuple[list[Numbered], list[FrameResult]]:
        """Return where each thing is in each frame, and what a detector finds there."""
        chance = random.Random(seed)
        paths = [dict(self._path(chance)) for _ in range(self.things)]
        truth = [[(n, path[index][0]) for n, path in enumerate(paths) if index in path] for index in range(FRAMES)]
        found = []
        for index in range(FRAMES):
            seen = [path[index] for path in paths if index in path]
            boxes = [box for box, is_hidden in seen if not is_hidden and chance.random() >= MISSED]
            detections = [_car(chance.gauss(0.75, 0.15), _shaken(box, chance)) for box in boxes]
            if chance.random() < FALSE_BOXES:
                x, y = chance.uniform(0, WIDTH), chance.uniform(0, HEIGHT)
                detections.append(_car(chance.uniform(0.2, 0.5), (x, y, x + 50, y + 50)))
            chance.shuffle(detections)
            found.append(FrameResult(index, index * 1000.0 / FPS, tuple(detections), (), {}))
        return truth, found

    def _path(self, chance: random.Random) -> Iterator[tuple[int, tuple[Box, bool]]]:
        """Yield the frames in which a thing is, its box, and whether it is hidden."""
        first, speed = chance.randrange(60), chance.choice((-1, 1)) * chance.uniform(*self.speeds)
        width = chance.uniform(*self.sides)
        height = width * chance.uniform(0.6, 1.6)
        x, y = (0.0 if speed > 0 else float(WIDTH)), chance.uniform(0, HEIGHT)
        falls = chance.uniform(-0.3, 0.3) * speed
        hidden_from = first + chance.randrange(15, 40)
        hidden = range(hidden_from, hidden_from + chance.randrange(self.hidden + 1))
        for index in range(first, FRAMES):
            if not (0 <= x <= WIDTH and 0 <= y <= HEIGHT):
                return
            yield index, ((x - width / 2, y - height / 2, x + width / 2, y + height / 2), index in hidden)
            x, y = x + speed, y + falls


SCENES = {
    "street": Scene(things=8),
    "crowd": Scene(things=16, sides=(30.0, 60.0), speeds=(0.0, 2.0)),
    "fast": Scene(things=6, speeds=(12.0, 30.0)),
    "hidden": Scene(things=8, hidden=20),
}


def _car(confidence: float, box: Box) -> Detection:
    return Detection(label="car", confidence=min(max(confidence, 0.1), 0.99), box=box)


def _shaken(box: Box, chance: random.Random) -> Box:
    lengths = (box[2] - box[0], box[3] - box[1]) * 2
    x1, y1, x2, y2 = (side + chance.gauss(0, JITTER) * length for side, length in zip(box, lengths, strict=True))
    return x1, y1, x2, y2


def followed_by_us(frames: list[FrameResult]) -> list[Numbered]:
    """Return the tracks of each frame, of what is in the timeline."""
    things = {span.track_id for span in timeline_of(frames).objects}
    by_frame = {
        index: [(number, found.box) for _, found, number in group if number in things]
        for index, group in groupby(tracked(frames), key=lambda each: each[0].frame_index)
    }
    return [by_frame.get(frame.frame_index, []) for frame in frames]


def references() -> "dict[str, Callable[[], BaseTracker]]":
    """Return by its name what makes each tracker, which take a second to import."""
    from trackers import ByteTrackTracker, CBIoUTracker, SORTTracker

    return {
        "SORT": lambda: SORTTracker(frame_rate=FPS),
        "ByteTrack": lambda: ByteTrackTracker(frame_rate=FPS),
        "ByteTrack with our limits": lambda: ByteTrackTracker(
            frame_rate=FPS, track_activation_threshold=0.4, high_conf_det_threshold=0.4
        ),
        "C-BIoU": lambda: CBIoUTracker(frame_rate=FPS),
    }


def followed_by(tracker: "BaseTracker", frames: list[FrameResult]) -> list[Numbered]:
    """Return the tracks of each frame, of those that the reference is sure of."""
    import supervision as sv

    tracks = []
    for frame in frames:
        found = frame.detections
        detections = sv.Detections(
            xyxy=np.array([each.box for each in found], float).reshape(-1, 4),
            confidence=np.array([each.confidence for each in found], float),
        )
        answer = tracker.update(detections)
        numbers = zip(answer.tracker_id, answer.xyxy, strict=True)
        tracks.append([(int(number), tuple(map(float, box))) for number, box in numbers if number >= 0])
    return tracks


def identity_f1(truth: list[Numbered], tracks: list[Numbered]) -> float:
    """Return which share of all sightings has the right number, 0 to 1: IDF1 (Ristani et al., 2016)."""
    from trackers.eval import box_iou, compute_identity_metrics

    def numbers(frames: list[Numbered]) -> list[np.ndarray]:
        return [np.array([number for number, _ in frame], int) for frame in frames]

    def boxes(frame: Numbered) -> np.ndarray:
        return np.array([box for _, box in frame], float).reshape(-1, 4)

    shared = [box_iou(boxes(one), boxes(other)) for one, other in zip(truth, tracks, strict=True)]
    return float(compute_identity_metrics(numbers(truth), numbers(tracks), shared)["IDF1"])


@pytest.mark.parametrize("kind", SCENES)
def test_things_are_followed_as_well_as_by_the_references(kind: str) -> None:
    scenes = [SCENES[kind].drawn(seed) for seed in range(4)]
    ours = np.mean([identity_f1(truth, followed_by_us(frames)) for truth, frames in scenes])
    for name, reference in references().items():
        theirs = np.mean([identity_f1(truth, followed_by(reference(), frames)) for truth, frames in scenes])
        assert ours >= theirs, name
