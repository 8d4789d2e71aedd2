"""What every object detector offers."""

from typing import Protocol

from job_worker.findings import Detection
from job_worker.video.frame import Image

__all__ = ["Detector"]


class Detector(Protocol):
    """Finds objects in one picture.

    Attributes:
        pictures_at_once: How many threads may use it at a time.
    """

    pictures_at_once: int

    def detect(self, image: Image) -> list[Detection]:
        """Find the objects in a picture, by that picture alone.

        Args:
            image: `(H, W, 3)` uint8 BGR.

        Returns:
            The objects, surest first, boxes in pixels of `image`; the same picture gives the same list.
        """
        ...
