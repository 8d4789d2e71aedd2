"""The classes, labelled boxes, and the label files of Ultralytics."""

from dataclasses import dataclass
from pathlib import Path

CLASSES = ("license_plate", "traffic_sign", "caption", "qr_code", "barcode")
"""The labels, in the order of the class numbers."""


UNKNOWN = tuple(f"{name}?" for name in CLASSES)
"""Areas in which one of the classes may be without a label. Their class numbers follow those of the labels."""

NUMBERED = CLASSES + UNKNOWN


@dataclass(frozen=True)
class LabelledBox:
    """A labelled box in a frame: `x1, y1, x2, y2` in pixels."""

    label: str
    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def area(self) -> float:
        """The area in pixels; 0 where the corners are in the wrong order."""
        return max(0.0, self.x2 - self.x1) * max(0.0, self.y2 - self.y1)

    def overlap(self, other: "LabelledBox") -> float:
        """Return the area that both boxes cover."""
        x2, y2 = min(self.x2, other.x2), min(self.y2, other.y2)
        return LabelledBox("", max(self.x1, other.x1), max(self.y1, other.y1), x2, y2).area

    def cut_to(self, width: int, height: int) -> "LabelledBox":
        """Return the part of the box inside the frame."""
        return LabelledBox(self.label, max(self.x1, 0), max(self.y1, 0), min(self.x2, width), min(self.y2, height))


def overlap_of_union(one: LabelledBox, other: LabelledBox) -> float:
    """Return the area that both boxes cover over the area that either covers (IoU)."""
    shared = one.overlap(other)
    return shared / (one.area + other.area - shared) if shared else 0.0


def label_lines(boxes: list[LabelledBox], width: int, height: int) -> str:
    """Return the boxes as a label file: class number, middle x and y, width, height as shares of the frame's size."""
    return "".join(
        f"{NUMBERED.index(box.label)} {(box.x1 + box.x2) / 2 / width:.5f} {(box.y1 + box.y2) / 2 / height:.5f} "
        f"{(box.x2 - box.x1) / width:.5f} {(box.y2 - box.y1) / height:.5f}\n"
        for box in boxes
    )


def read_boxes(file: Path, width: int, height: int) -> list[LabelledBox]:
    """Return the boxes of a label file that `label_lines` made, in pixels of a frame of that size."""
    boxes = []
    for line in file.read_text().splitlines():
        number, x, y, w, h = map(float, line.split())
        corners = (x - w / 2) * width, (y - h / 2) * height, (x + w / 2) * width, (y + h / 2) * height
        boxes.append(LabelledBox(NUMBERED[int(number)], *corners))
    return boxes
