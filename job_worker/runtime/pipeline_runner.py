"""Running a pipeline on a video file: what a worker needs of whatever does it."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

__all__ = ["PipelineRunner", "RunOnFile", "results_document"]

RunOnFile = Callable[[str, Path], list[dict[str, Any]]]
"""`VideoFilePipelineService.run_on_file`: pipeline id and file in, one dict a frame out."""


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
            The results document, see `results_document`.

        Raises:
            JobFailed: The job cannot be done; the runner can do the next.
            Stopping: The run was given up.
        """

    def close(self) -> None:
        """Lets go of the models; the runner cannot be used again."""


def results_document(results: Sequence[Mapping[str, Any]]) -> bytes:
    """Returns what storage keeps: `{"results": [...]}`, the same bytes for the same results."""
    return json.dumps({"results": results}, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
