"""The port of object detectors, and the limits that each pipeline sets."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared.results import Detection
from shared.video.image import Image

DEFAULT_CONFIDENCE = 0.25
DEFAULT_IOU = 0.7
"""Both are Ultralytics' own defaults."""


@dataclass(frozen=True, slots=True)
class DetectionLimits:
    """Which of a network's boxes are kept.

    Attributes:
        confidence: Boxes with a lower confidence are dropped, 0 to 1.
        iou: Of two boxes of one class whose intersection over union is above this, the one with the higher confidence
            is kept, 0 to 1.
        classes: Labels of the classes that are kept; empty for all.
    """

    confidence: float = DEFAULT_CONFIDENCE
    iou: float = DEFAULT_IOU
    classes: frozenset[str] = frozenset()

    def select(self, detections: Iterable[Detection]) -> list[Detection]:
        """Return the detections of the chosen classes, the highest confidence first.

        A network's own order depends on ties in its scores; this one does not.
        """
        chosen = (found for found in detections if not self.classes or found.label in self.classes)
        return sorted(chosen, key=lambda found: (-found.confidence, found.box, found.class_id))


DEFAULT_LIMITS = DetectionLimits()


def class_names(stated: Any) -> dict[int, str]:
    """Return the labels of a network's classes by number, from such a mapping or from a list of them.

    Raises:
        ValueError: A class has no label.
    """
    numbered = stated.items() if isinstance(stated, Mapping) else enumerate(stated)
    names = {int(number): str(name) for number, name in numbered}
    if unlabelled := [number for number, name in names.items() if not name]:
        raise ValueError(f"the label of its class {unlabelled[0]} is empty")
    return names


def detection_of(row: list[float], names: Mapping[int, str]) -> Detection:
    """Return the detection of a row of a network's output: x1, y1, x2, y2, confidence, class."""
    x1, y1, x2, y2, confidence, number = row
    class_id = int(number)
    return Detection(label=names[class_id], class_id=class_id, confidence=min(confidence, 1.0), box=(x1, y1, x2, y2))


class Detector(Protocol):
    """Finds objects in images.

    Attributes:
        concurrency: How many threads may use it at a time.
        batch_size: The most images that `detect_batch` takes; 1 where a batch is no faster.
    """

    concurrency: int
    batch_size: int

    @property
    def labels(self) -> Collection[str]:
        """The labels that its detections can have."""
        ...

    def detect_batch(self, images: Sequence[Image], limits: DetectionLimits = DEFAULT_LIMITS) -> list[list[Detection]]:
        """Find the objects in several images, in each by itself.

        Args:
            images: At most `batch_size`, each `(H, W, 3)` uint8 BGR, all of one size.
            limits: Which detections are kept.

        Returns:
            The objects of each image, in their order: the highest confidence first, boxes in pixels of the image. The
            same image always gives the same list, to the last bit, whatever other images are in the batch.
        """
        ...
