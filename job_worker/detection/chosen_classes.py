"""A detector that keeps some of its classes."""

from collections.abc import Iterable, Sequence
from typing import Self

from job_worker.detection.base import Detector
from shared.results import Detection
from shared.video.frame import Image

__all__ = ["ChosenClasses"]


class ChosenClasses:
    """Finds what another detector finds, of some classes alone.

    Args:
        detector: The other.
        labels: The classes that are kept, by their labels.

    Raises:
        ValueError: The detector has no such class; the message lists those that it has.
    """

    def __init__(self, detector: Detector, labels: Iterable[str]) -> None:
        self.concurrency = detector.concurrency
        self.batch_size = detector.batch_size
        self.labels = frozenset(labels)
        self._detector = detector
        if unknown := self.labels - set(detector.labels):
            raise ValueError(
                f"no class {', '.join(map(repr, sorted(unknown)))}; the classes are {', '.join(detector.labels)}"
            )

    def with_limits(self, confidence: float, iou: float) -> Self:
        """Returns a detector with other limits; see `Detector.with_limits`."""
        return type(self)(self._detector.with_limits(confidence, iou), self.labels)

    def detect(self, image: Image) -> list[Detection]:
        """Find the objects of these classes in a picture; see `Detector.detect`."""
        return self._chosen(self._detector.detect(image))

    def detect_batch(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Find the objects of these classes in several pictures; see `Detector.detect_batch`."""
        return [self._chosen(found) for found in self._detector.detect_batch(images)]

    def _chosen(self, found: list[Detection]) -> list[Detection]:
        return [detection for detection in found if detection.label in self.labels]
