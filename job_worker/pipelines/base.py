"""What every pipeline offers."""

from typing import Protocol

from job_worker.video.frame import Frame

__all__ = ["Pipeline"]


class Pipeline(Protocol):
    """Analyses one frame at a time; owned by one thread at a time."""

    def analyse(self, frame: Frame) -> dict[str, object]:
        """Analyse a frame by itself.

        Args:
            frame: The frame; no other frame has a say in its result.

        Returns:
            The frame's `result`, ready for JSON; the same frame gives the same result.
        """
        ...
