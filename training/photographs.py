"""Labelled photographs of the real world: which part of a dataset each belongs to, and how they are varied to train on.

A folder holds `plates/` and `signs/`, images with label files beside them. In each only one class is labelled, and not
everywhere: whether the other one is there is unknown.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path

import cv2
import numpy as np

from training.boxes import LabelledBox, read_boxes
from training.labelled import LabelledFrame, read_image
from training.scenes.chance import Rng, choose, log_uniform
from training.scenes.compose import SHAPES, Painter, RenderedFrame
from training.scenes.cutouts import Cutouts
from training.scenes.patch import Pixels

SOURCES = {"plates": ("license_plate", "traffic_sign"), "signs": ("traffic_sign", "license_plate")}
"""By folder: the class that is labelled, and the one that is not."""

TRAINED_SIZE = 768
"""The longer side of the images that the network is trained on: between the sizes in which a worker looks at frames."""

SCENE = 20
"""So many photographs in a row belong to the same part, because neighbours may show the same street."""

PARTS = ("train", "train", "calibrate", "train", "train", "validate", "train")
"""The parts, which the scenes go to in turn."""

SHARES = {"plates": 1, "signs": 3}
"""How often the variants show which: signs are smaller, and more are missed."""

SEED = 5
VARIANT = "real_"
"""What the file names of their variants begin with."""
WHOLE = 0.5
"""The share of variants that show all of the photograph, with its smallest things as small as a worker sees them."""
MIN_SHOWN = 0.6
"""The share of a thing that a part of a photograph must show to be labelled there."""


def photographs(folder: Path, part: str) -> Iterator[LabelledFrame]:
    """Yield the photographs of one part; areas where a class is unknown are `ignored` with its name."""
    for source, (_, unknown) in SOURCES.items():
        for number, file in enumerate(sorted((folder / source).glob("*.webp"))):
            if PARTS[number // SCENE % len(PARTS)] != part:
                continue
            image = read_image(file)
            height, width = image.shape[:2]
            boxes = read_boxes(file.with_suffix(".txt"), width, height)
            yield LabelledFrame(f"{source}_{file.stem}", image, boxes, [LabelledBox(unknown, 0, 0, width, height)])


def in_turn(frames: Sequence[LabelledFrame]) -> list[LabelledFrame]:
    """Return photographs in the order in which variants take them, those of both folders by `SHARES`."""
    of_folder = {source: [frame for frame in frames if frame.name.startswith(source)] for source in SHARES}
    turns = [source for source, share in SHARES.items() for _ in range(share) if of_folder[source]]
    rounds = max((len(photos) for photos in of_folder.values()), default=0)
    given = {source: cycle(photos) for source, photos in of_folder.items()}
    return [next(given[source]) for _ in range(rounds) for source in turns]


def varied(number: int, frame: LabelledFrame, painter: Painter, cutouts: Cutouts) -> RenderedFrame:
    """Return a photograph as it is trained on: a part of it, with things pasted in, filmed, captioned, compressed.

    Args:
        number: Which of the endless variants.
        frame: The photograph.
        painter: Draws the captions and the camera's effects.
        cutouts: What is pasted in.
    """
    rng = np.random.default_rng([SEED, number])
    whole = rng.random() < WHOLE
    pixels, boxes, ignored = _whole(frame) if whole else _window(rng, frame)
    if rng.random() < 0.5:
        pixels = _balanced(pixels)
    if rng.random() < 0.4:
        cutouts.paste(rng, pixels, boxes)
    shot = painter.shot(rng, pixels, boxes, empty=rng.random() < 0.5, filmed_share=0.15 if whole else 0.4)
    return RenderedFrame(shot.pixels, shot.boxes, shot.ignored + ignored)


def _whole(frame: LabelledFrame) -> tuple[Pixels, list[LabelledBox], list[LabelledBox]]:
    """Return all of a photograph in the size in which the detector sees it."""
    height, width = frame.image.shape[:2]
    scale = TRAINED_SIZE / max(width, height)
    size = round(width * scale), round(height * scale)
    pixels = cv2.resize(frame.image[..., ::-1], size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    boxes, ignored = (
        [
            LabelledBox(box.label, box.x1 * scale, box.y1 * scale, box.x2 * scale, box.y2 * scale).cut_to(*size)
            for box in part
        ]
        for part in (frame.boxes, frame.ignored)
    )
    return pixels, boxes, ignored


def _window(rng: Rng, frame: LabelledFrame) -> tuple[Pixels, list[LabelledBox], list[LabelledBox]]:
    """Return a part of a photograph, enlarged, with what is labelled and what is unknown in it."""
    full_height, full_width = frame.image.shape[:2]
    shape = choose(rng, SHAPES)
    zoom = log_uniform(rng, 1, 2.5) if rng.random() < 0.65 else 1.0
    width = min(full_width, full_height * shape[0] / shape[1]) / zoom
    height = width * shape[1] / shape[0]
    x, y = rng.uniform(0, full_width - width), rng.uniform(0, full_height - height)
    if frame.boxes and rng.random() < 0.7:
        box = choose(rng, frame.boxes)
        x = float(np.clip((box.x1 + box.x2) / 2 - width * rng.uniform(0.1, 0.9), 0, full_width - width))
        y = float(np.clip((box.y1 + box.y2) / 2 - height * rng.uniform(0.1, 0.9), 0, full_height - height))
    scale = TRAINED_SIZE / max(width, height)
    size = round(width * scale), round(height * scale)
    shift = np.array([[scale, 0, -x * scale], [0, scale, -y * scale]])
    pixels = cv2.warpAffine(frame.image[..., ::-1], shift, size, flags=cv2.INTER_LINEAR)
    boxes, ignored = [], []
    for box in (*frame.boxes, *frame.ignored):
        x1, x2 = ((value - x) * scale for value in (box.x1, box.x2))
        y1, y2 = ((value - y) * scale for value in (box.y1, box.y2))
        moved = LabelledBox(box.label, x1, y1, x2, y2)
        shown = moved.cut_to(*size)
        if box in frame.boxes and shown.area >= MIN_SHOWN * moved.area:
            boxes.append(shown)
        elif shown.area > 0:
            ignored.append(shown)
    return pixels, boxes, ignored


def _balanced(pixels: Pixels) -> Pixels:
    """Return the image with the same mean in each of its colours: some cameras tint everything."""
    means = pixels.reshape(-1, 3).mean(axis=0)
    balanced: Pixels = np.clip(pixels * (means.mean() / np.maximum(means, 1)), 0, 255).astype(np.uint8)
    return balanced


def unknown(box: LabelledBox) -> LabelledBox:
    """Return the area as one where its class is unknown, for a label file."""
    return replace(box, label=f"{box.label}?")
