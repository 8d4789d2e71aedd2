"""Running a pipeline on a video file: what a worker needs of whatever does it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

__all__ = ["EncodeFrames", "PipelineRunner"]

EncodeFrames = Callable[[str, Path], Iterator[bytes]]
"""`VideoFilePipelineService.encoded_frames`: pipeline id and file in, the JSON of each frame out."""


class PipelineRunner(Protocol):
    """Runs one job at a time."""

    def start(self, must_abandon: Callable[[], bool]) -> None:
        """Loads the models.

        Args:
            must_abandon: Asked now and then; once true, the start is given up.

        Raises:
            ModelLoadError: One cannot be loaded.
            Stopping: The start was given up.
        """

    def run(self, pipeline_id: str, video: Path, must_abandon: Callable[[], bool]) -> bytes:
        """Runs the pipeline on the whole video.

        Args:
            pipeline_id: Which pipeline.
            video: The file.
            must_abandon: Asked now and then; once true, the run is given up.

        Returns:
            The results document, see `shared.results`.

        Raises:
            JobFailed: The job cannot be done; the runner can do the next.
            Stopping: The run was given up.
        """

    def close(self) -> None:
        """Lets go of the models; the runner cannot be used again."""
