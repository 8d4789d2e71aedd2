"""Labelled frames to evaluate on: those of a rendered dataset, and real ones whose boxes are in `real_frames.json`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from shared.video.reader import VideoReader
from training.scenes.patch import CLASSES, Box

__all__ = ["REAL_FRAMES", "LabelledFrame", "real_frames", "rendered_frames"]

REAL_FRAMES = Path(__file__).parent / "labels" / "real_frames.json"


@dataclass(frozen=True)
class LabelledFrame:
    """A frame and what is in it.

    Attributes:
        name: Where it comes from.
        image: BGR, height x width x 3.
        boxes: What is labelled, in pixels.
        ignored: Places where nobody can tell what there is: what is found there does not count.
    """

    name: str
    image: npt.NDArray[np.uint8]
    boxes: list[Box]
    ignored: list[Box] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether it shows no class at all."""
        return not self.boxes and not self.ignored


def rendered_frames(dataset: Path, part: str = "test") -> Iterator[LabelledFrame]:
    """The frames of one part of a rendered dataset."""
    for picture in sorted((dataset / "images" / part).glob("*.jpg")):
        image = cv2.imread(str(picture))
        height, width = image.shape[:2]
        boxes, ignored = (
            _boxes(dataset / kind / part / f"{picture.stem}.txt", width, height) for kind in ("labels", "ignored")
        )
        yield LabelledFrame(picture.stem, image, boxes, ignored)


def _boxes(file: Path, width: int, height: int) -> list[Box]:
    boxes = []
    for line in file.read_text().splitlines():
        number, x, y, w, h = (float(value) for value in line.split())
        corners = ((x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height)
        boxes.append(Box(CLASSES[int(number)], *corners))
    return boxes


def real_frames(videos: Path, labels: Path = REAL_FRAMES) -> Iterator[LabelledFrame]:
    """The labelled frames of real videos.

    Args:
        videos: The folder that the videos are in.
        labels: The file of labels.

    Raises:
        ValueError: A labelled frame is not in its video, or has another size than when it was labelled.
    """
    by_video: dict[str, dict[int, dict]] = {}  # type: ignore[type-arg]
    for entry in json.loads(labels.read_text(encoding="utf-8"))["frames"]:
        by_video.setdefault(entry["video"], {})[entry["frame"]] = entry
    for video, wanted in sorted(by_video.items()):
        missing = dict(wanted)
        for frame in VideoReader(videos / video):
            entry = missing.pop(frame.index, None)
            if entry is None:
                continue
            if frame.image.shape[:2] != (entry["height"], entry["width"]):
                raise ValueError(f"{video} frame {frame.index} is {frame.image.shape}, not as it was labelled")
            yield LabelledFrame(
                f"{video} {frame.index}",
                frame.image,
                [Box(box["label"], *box["box"]) for box in entry["boxes"]],
                [Box("", *area) for area in entry.get("ignore", ())],
            )
            if not missing:
                break
        if missing:
            raise ValueError(f"{video} has no frames {sorted(missing)}")
