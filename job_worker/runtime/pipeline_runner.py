"""What a worker needs of whatever runs a pipeline on a video file."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

EncodeFrames = Callable[[str, Path], Iterator[bytes]]
"""`VideoFilePipelineService.encoded_frames`: pipeline id and file in, the JSON of each frame out."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a pipeline on one video.

    Attributes:
        pipeline_id: Which pipeline.
        video: The file.
        results: Where the results document is written, see `shared.results`.
        max_results_bytes: The largest document; None where there is no limit.
    """

    pipeline_id: str
    video: Path
    results: Path
    max_results_bytes: int | None = None


class PipelineRunner(Protocol):
    """Runs one job at a time."""

    def start(self, is_cancelled: Callable[[], bool]) -> None:
        """Load the models.

        Args:
            is_cancelled: Polled; once true, the start ends.

        Raises:
            ModelLoadError: One cannot be loaded.
            HostUnusable: No process can be started for them.
            Cancelled: `is_cancelled` was true.
        """

    def run(self, run: Run, is_cancelled: Callable[[], bool]) -> None:
        """Run the pipeline on the whole video and write the results document.

        Args:
            run: What to do.
            is_cancelled: Polled; once true, the run ends.

        Raises:
            JobCannotBeDone: The job cannot be done; the runner can do the next.
            HostUnusable: This host has no room for the results, or cannot run the pipeline now.
            ModelLoadError: A model can no longer be loaded.
            ProcessUnkillable: The process in which it ran does not end; the runner cannot be used again.
            Cancelled: `is_cancelled` was true.
        """

    def close(self) -> None:
        """Free the models and delete temporary files; the next run loads the models again."""
