"""Labelled frames to evaluate on: those of a rendered dataset, and real ones whose boxes are in `real_frames.json`."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple, cast

import cv2

from shared.video.image import Image
from shared.video.reader import VideoReader
from training.boxes import CLASSES, LabelledBox, read_boxes

PHOTOGRAPH_PARTS = ("calibrate", "validate")
"""The parts of a dataset that are photographs, in which only some classes are labelled."""

REAL_FRAMES = Path(__file__).parent / "labels" / "real_frames.json"


class LabelledFrame(NamedTuple):
    """A frame and what is in it.

    Attributes:
        name: Where it comes from.
        image: `(H, W, 3)` uint8 BGR.
        boxes: What is labelled, in pixels.
        ignored: Places where nobody can tell what there is: what is found there does not count, or what is found of
            one class, where they have its name.
    """

    name: str
    image: Image
    boxes: list[LabelledBox]
    ignored: Sequence[LabelledBox] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it shows no class at all."""
        return not self.boxes and not self.ignored


def read_image(file: Path) -> Image:
    """Return an image, `(H, W, 3)` uint8 BGR.

    Raises:
        OSError: The file is missing, or no whole image.
    """
    image = cast("Image | None", cv2.imread(str(file)))
    if image is None:
        raise OSError(f"{file} is not an image that can be read")
    return image


def rendered_frames(dataset: Path, part: str = "test") -> Iterator[LabelledFrame]:
    """Yield the frames of one part of a dataset."""
    for file in sorted((dataset / "images" / part).glob("*.jpg")):
        image = read_image(file)
        height, width = image.shape[:2]
        texts = (dataset / kind / part / f"{file.stem}.txt" for kind in ("labels", "ignored"))
        boxes, ignored = (read_boxes(text, width, height) for text in texts)
        if part not in PHOTOGRAPH_PARTS:
            ignored = [replace(area, label="") for area in ignored]
        yield LabelledFrame(file.stem, image, [box for box in boxes if box.label in CLASSES], ignored)


def real_frames(videos: Path, labels: Path = REAL_FRAMES) -> Iterator[LabelledFrame]:
    """Yield the labelled frames of real videos.

    Args:
        videos: The folder that the videos are in.
        labels: The file of labels.

    Raises:
        ValueError: A labelled frame is not in its video, or has another size than when it was labelled.
    """
    by_video = itemgetter("video")
    entries = sorted(json.loads(labels.read_text(encoding="utf-8"))["frames"], key=by_video)
    for video, of_video in groupby(entries, by_video):
        missing = {entry["frame"]: entry for entry in of_video}
        for frame in VideoReader(videos / video):
            if not (entry := missing.pop(frame.index, None)):
                continue
            if frame.image.shape[:2] != (entry["height"], entry["width"]):
                raise ValueError(f"{video} frame {frame.index} is {frame.image.shape}, not as it was labelled")
            boxes = [LabelledBox(box["label"], *box["box"]) for box in entry["boxes"]]
            ignored = [LabelledBox("", *area) for area in entry.get("ignore", ())]
            yield LabelledFrame(f"{video} {frame.index}", frame.image, boxes, ignored)
            if not missing:
                break
        if missing:
            raise ValueError(f"{video} has no frames {sorted(missing)}")
