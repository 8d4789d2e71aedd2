"""Runs a pipeline over a video file."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from job_worker.analysis.pipeline import Pipeline
from job_worker.analysis.scheduling import analyse_frames
from job_worker.errors import JobFailed
from job_worker.findings import frame_result
from shared.video.frame import Frame
from shared.video.reader import VideoReader

__all__ = ["VideoFilePipelineService"]


class VideoFilePipelineService:
    """Runs a pipeline over every frame of a video file.

    Args:
        pipelines: The pipelines by their ids.
        open_video: Returns the frames of a file in display order.
    """

    def __init__(
        self, pipelines: Mapping[str, Pipeline], open_video: Callable[[Path], Iterable[Frame]] = VideoReader
    ) -> None:
        self._pipelines = pipelines
        self._open_video = open_video

    def run_on_file(self, pipeline_id: str, file_path: Path) -> list[dict[str, Any]]:
        """Analyse every frame of a video, each by itself; the same file always gives the same list.

        Args:
            pipeline_id: The pipeline.
            file_path: The video.

        Returns:
            One `{"frame_index": int, "result": {...}}` for each frame, in display order.

        Raises:
            JobFailed: There is no such pipeline.
            VideoError: The file has no frame that can be decoded.
        """
        analysed = analyse_frames(self._open_video(file_path), self._find(pipeline_id))
        return [{"frame_index": frame.index, "result": frame_result(frame, analysis)} for frame, analysis in analysed]

    def _find(self, pipeline_id: str) -> Pipeline:
        if pipeline_id not in self._pipelines:
            known = ", ".join(sorted(self._pipelines))
            raise JobFailed(f"unknown pipeline {pipeline_id!r}; this worker runs: {known}")
        return self._pipelines[pipeline_id]
