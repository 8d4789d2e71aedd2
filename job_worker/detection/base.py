"""What every object detector offers."""

from collections.abc import Collection, Sequence
from typing import Protocol, Self

from shared.results import Detection
from shared.video.frame import Image

__all__ = ["Detector"]


class Detector(Protocol):
    """Finds objects in one picture.

    Attributes:
        concurrency: How many threads may use it at a time.
        batch_size: How many pictures `detect_batch` is given at most; 1 where nothing is gained by more.
    """

    concurrency: int
    batch_size: int

    @property
    def labels(self) -> Collection[str]:
        """The labels that its detections can have."""
        ...

    def with_limits(self, confidence: float, iou: float) -> Self:
        """Returns a detector with other limits on the same network, which stays in memory once.

        Args:
            confidence: Objects that the model is less sure of are dropped, 0 to 1.
            iou: Of two boxes of a class that overlap more than this, the surer one stays, 0 to 1.
        """
        ...

    def detect(self, image: Image) -> list[Detection]:
        """Find the objects in a picture, by that picture alone.

        Args:
            image: `(H, W, 3)` uint8 BGR.

        Returns:
            The objects, surest first, boxes in pixels of `image`; the same picture gives the same list.
        """
        ...

    def detect_batch(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Find the objects in several pictures, in each by that picture alone.

        Args:
            images: At most `batch_size`, each `(H, W, 3)` uint8 BGR, all of one size.

        Returns:
            As `detect`, to the last bit, one list for each picture, in their order.
        """
        ...
