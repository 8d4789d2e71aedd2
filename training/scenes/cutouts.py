"""Real plates and signs, cut out of photographs and pasted into other scenes."""

from collections.abc import Iterable
from typing import NamedTuple

import cv2
import numpy as np

from training.boxes import LabelledBox
from training.scenes.chance import Rng, choose, log_uniform
from training.scenes.patch import Pixels

MARGIN = 0.2
"""How much of its surroundings a cut-out shows on each side, as a share of its size; they fade out."""

MIN_SIDE = 14
"""The least side of what is cut out, in pixels."""


class Cutout(NamedTuple):
    """A labelled thing with a margin around it.

    Attributes:
        pixels: RGBA; transparent at the edges.
        label: Its class.
        edge: The width of the margin in pixels, left and right, above and below.
    """

    pixels: Pixels
    label: str
    edge: tuple[int, int]


class Cutouts:
    """Pastes things that were cut out of photographs."""

    def __init__(self, photographs: Iterable[tuple[Pixels, list[LabelledBox]]]) -> None:
        self._all = [cut for pixels, boxes in photographs for box in boxes if (cut := _cut(pixels, box))]

    def paste(self, rng: Rng, frame: Pixels, boxes: list[LabelledBox]) -> None:
        """Paste one to five of them where nothing is labelled, and add their boxes."""
        height, width = frame.shape[:2]
        for _ in range(int(rng.integers(1, 6))):
            cut = choose(rng, self._all)
            scale = log_uniform(rng, 0.4, 1.5)
            pixels = cv2.resize(cut.pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
            high, wide = pixels.shape[:2]
            if high >= height or wide >= width:
                continue
            x, y = int(rng.integers(width - wide)), int(rng.integers(height - high))
            around = LabelledBox("", x, y, x + wide, y + high)
            if any(around.overlap(box) for box in boxes):
                continue
            alpha = pixels[..., 3:].astype(np.float32) / 255
            light = rng.uniform(0.6, 1.25)
            part = frame[y : y + high, x : x + wide]
            part[:] = np.clip(part * (1 - alpha) + pixels[..., :3] * light * alpha, 0, 255).astype(np.uint8)
            left, top = cut.edge[0] * scale, cut.edge[1] * scale
            boxes.append(LabelledBox(cut.label, x + left, y + top, x + wide - left, y + high - top))


def _cut(pixels: Pixels, box: LabelledBox) -> Cutout | None:
    """Cut out a thing and its margin; None where it is too small, or at the edge of the photograph."""
    x1, y1, x2, y2 = (round(value) for value in (box.x1, box.y1, box.x2, box.y2))
    across, down = int(MARGIN * (x2 - x1)) + 2, int(MARGIN * (y2 - y1)) + 2
    inside = x1 >= across and y1 >= down and x2 + across <= pixels.shape[1] and y2 + down <= pixels.shape[0]
    if not inside or max(x2 - x1, y2 - y1) < MIN_SIDE:
        return None
    cut = pixels[y1 - down : y2 + down, x1 - across : x2 + across]
    alpha: Pixels = np.zeros(cut.shape[:2], np.uint8)
    alpha[down // 2 : -(down // 2), across // 2 : -(across // 2)] = 255
    alpha = cv2.blur(alpha, (across | 1, down | 1))
    return Cutout(np.dstack([cut, alpha]), box.label, (across, down))
