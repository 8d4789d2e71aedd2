"""Schedules the analysis of a video's frames: concurrent, in batches, in order, with bounded memory.

Frames are independent of each other, so analysing whole frames concurrently uses the cores better than threads within
one frame. A frame whose image equals a recent one takes its result: encoders repeat still images, often a few in turn.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field

from job_worker.analysis.executors import image_executor
from job_worker.analysis.pipeline import Analysis, Pipeline
from job_worker.inference.image_cache import cached_by_image
from shared.video.frame import Frame, Image

MAX_BYTES_AHEAD = 512 << 20
"""The most bytes of images that wait or are being analysed; a larger image is analysed alone."""
CACHED_IMAGES = 16
"""Number of recent images whose results are kept in case they repeat."""


def analyse_frames(
    frames: Iterable[Frame], pipeline: Pipeline, max_bytes_ahead: int = MAX_BYTES_AHEAD
) -> Iterator[tuple[Frame, Analysis]]:
    """Analyse every frame of a video.

    Args:
        frames: The frames, read in the calling thread, at most a batch per thread ahead of the analysis.
        pipeline: What analyses the images. A batch is smaller than its `batch_size` if the images are large, repeat or
            change their size.
        max_bytes_ahead: The most bytes of images that wait or are being analysed.

    Yields:
        Each frame with its analysis, in order.
    """
    max_ahead = pipeline.concurrency * pipeline.batch_size
    ahead: deque[tuple[Frame, _Ticket]] = deque()
    bytes_ahead = 0
    with image_executor(pipeline.concurrency) as executor:
        batcher = _Batcher(pipeline, executor)
        ticket_for = cached_by_image(batcher.add, CACHED_IMAGES)
        for frame in frames:
            ahead.append((frame, ticket_for(frame.image)))
            bytes_ahead += frame.image.nbytes
            while len(ahead) > max_ahead or bytes_ahead > max_bytes_ahead:
                oldest, ticket = ahead.popleft()
                bytes_ahead -= oldest.image.nbytes
                yield oldest, batcher.result(ticket)
        for frame, ticket in ahead:
            yield frame, batcher.result(ticket)


@dataclass(slots=True, eq=False)
class _Batch:
    """Images that are analysed by one call; they are dropped when it starts."""

    images: list[Image] = field(default_factory=list)
    analyses: Future[list[Analysis]] | None = None


_Ticket = tuple[_Batch, int]
"""A batch and the position of an image in it."""


class _Batcher:
    """Collects images into batches and submits each batch when it is full or its first result is needed."""

    def __init__(self, pipeline: Pipeline, executor: Executor) -> None:
        self._pipeline = pipeline
        self._executor = executor
        self._open = _Batch()

    def add(self, image: Image) -> _Ticket:
        if self._open.images and self._open.images[0].shape != image.shape:
            self._submit()  # the images of a batch must fit into one array
        batch = self._open
        batch.images.append(image)
        ticket = batch, len(batch.images) - 1
        if len(batch.images) == self._pipeline.batch_size:
            self._submit()
        return ticket

    def result(self, ticket: _Ticket) -> Analysis:
        batch, position = ticket
        analyses = batch.analyses or self._submit()
        return analyses.result()[position]

    def _submit(self) -> Future[list[Analysis]]:
        batch, self._open = self._open, _Batch()
        images, batch.images = batch.images, []
        batch.analyses = self._executor.submit(self._pipeline.analyse_batch, images)
        return batch.analyses
