"""What a worker needs of whatever runs a pipeline on a video file."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

__all__ = ["EncodeFrames", "PipelineRunner"]

EncodeFrames = Callable[[str, Path], Iterator[bytes]]
"""`VideoFilePipelineService.encoded_frames`: pipeline id and file in, the JSON of each frame out."""


class PipelineRunner(Protocol):
    """Runs one job at a time."""

    def start(self, is_cancelled: Callable[[], bool]) -> None:
        """Load the models.

        Args:
            is_cancelled: Polled; once true, the start ends.

        Raises:
            ModelLoadError: One cannot be loaded.
            Cancelled: `is_cancelled` was true.
        """

    def run(self, pipeline_id: str, video: Path, is_cancelled: Callable[[], bool]) -> bytes:
        """Run the pipeline on the whole video.

        Args:
            pipeline_id: Which pipeline.
            video: The file.
            is_cancelled: Polled; once true, the run ends.

        Returns:
            The results document, see `shared.results`.

        Raises:
            JobFailed: The job cannot be done; the runner can do the next.
            Cancelled: `is_cancelled` was true.
        """

    def close(self) -> None:
        """Free the models; the runner cannot be used again."""
