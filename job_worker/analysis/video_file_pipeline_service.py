"""Run a pipeline over a video file."""

import json
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from job_worker.analysis.pipeline import Pipeline
from job_worker.analysis.scheduling import AnalysedFrame, analyse_frames
from job_worker.codes.base import is_full
from job_worker.errors import JobCannotBeDone
from shared.results import ImageResult, encode_frame
from shared.video.frame import Frame
from shared.video.reader import VideoReader

logger = logging.getLogger(__name__)


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
        """Return the results of a whole video as a list; see `encoded_frames`.

        Returns:
            One `{"frame_index": int, "result": {...}}` for each frame, in display order.
        """
        return [json.loads(frame) for frame in self.encoded_frames(pipeline_id, file_path)]

    def encoded_frames(self, pipeline_id: str, file_path: Path) -> Iterator[bytes]:
        """Analyse every frame of a video, each by itself; the same file always gives the same bytes.

        Args:
            pipeline_id: The pipeline.
            file_path: The video.

        Yields:
            The JSON of each frame, in display order.

        Raises:
            JobCannotBeDone: There is no such pipeline.
            VideoError: The file has no frame that can be decoded.
        """
        is_logged = False
        for frame in analyse_frames(self._open_video(file_path), self._find(pipeline_id)):
            if not is_logged and _is_full_of_codes(frame):
                context = {"pipeline": pipeline_id, "frame_index": frame.index}
                logger.warning("a frame has as many codes as are kept, others are left out", extra=context)
                is_logged = True
            yield encode_frame(frame.index, frame.timestamp_ms, frame.analysis)

    def _find(self, pipeline_id: str) -> Pipeline:
        if pipeline_id not in self._pipelines:
            known = ", ".join(sorted(self._pipelines))
            raise JobCannotBeDone(f"unknown pipeline {pipeline_id!r}; this worker runs: {known}")
        return self._pipelines[pipeline_id]


def _is_full_of_codes(frame: AnalysedFrame) -> bool:
    return isinstance(frame.analysis, ImageResult) and is_full(frame.analysis.codes or ())
