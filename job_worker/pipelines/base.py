"""What every pipeline offers."""

from typing import Protocol

from job_worker.video.frame import Image

__all__ = ["Pipeline"]


class Pipeline(Protocol):
    """Analyses one picture at a time."""

    @property
    def pictures_at_once(self) -> int:
        """How many threads may call `analyse` at a time; where it is 1, all calls come from one thread."""

    def analyse(self, image: Image) -> dict[str, object]:
        """Analyse the picture of a frame by itself.

        Args:
            image: `(H, W, 3)` uint8 BGR; no other picture has a say in its result.

        Returns:
            The frame's `result` but for its time, ready for JSON; the same picture gives the same result.
        """
        ...
