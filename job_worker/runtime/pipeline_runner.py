"""What a worker needs of whatever runs a pipeline on a video file."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

__all__ = ["PipelineRunner", "RunOnFile", "results_document"]

RunOnFile = Callable[[str, Path], list[dict[str, Any]]]
"""`VideoFilePipelineService.run_on_file`: pipeline id and file in, one dict a frame out."""


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
            The results document, see `results_document`.

        Raises:
            JobFailed: The job cannot be done; the runner can do the next.
            Cancelled: `is_cancelled` was true.
        """

    def close(self) -> None:
        """Free the models; the runner cannot be used again."""


def results_document(results: Sequence[Mapping[str, Any]]) -> bytes:
    """Return what storage keeps: `{"results": [...]}`, the same bytes for the same results."""
    return json.dumps({"results": results}, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
