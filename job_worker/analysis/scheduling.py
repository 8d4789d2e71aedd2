"""Schedule the analysis of a video's frames: concurrent, in batches, in order, with bounded memory.

Frames are independent of each other, so analysing whole frames concurrently uses the cores better than threads within
one frame. A frame whose image equals a recent one takes its result: encoders repeat still images, often a few in turn.
Reading goes on while any thread has nothing to do: neither a frame that takes long nor images that repeat hold it up.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field

from job_worker.analysis.executors import image_executor
from job_worker.analysis.pipeline import Analysis, Pipeline
from job_worker.inference.image_cache import cached_by_image
from shared.video.frame import Frame
from shared.video.image import Image

MAX_BYTES_AHEAD = 512 << 20
"""The most bytes of images that wait or are being analysed; a larger image is analysed alone."""
MAX_RESULTS_AHEAD = 256
"""How many results wait for that of a frame before them."""
CACHED_IMAGES = 16
"""Number of recent images whose results are kept in case they repeat."""


@dataclass(frozen=True, slots=True)
class AnalysedFrame:
    """A frame, without its image, and what was found in it."""

    index: int
    timestamp_ms: float
    analysis: Analysis


def analyse_frames(
    frames: Iterable[Frame], pipeline: Pipeline, max_bytes_ahead: int = MAX_BYTES_AHEAD
) -> Iterator[AnalysedFrame]:
    """Analyse every frame of a video.

    Args:
        frames: The frames, read in the calling thread, at most one image ahead of the threads that analyse.
        pipeline: What analyses the images. A batch is smaller than its `batch_size` if the images are large, repeat or
            change their size.
        max_bytes_ahead: The most bytes of images that wait or are being analysed.

    Yields:
        Each frame with its analysis, in order.
    """
    with image_executor(pipeline.concurrency) as executor:
        batcher = _Batcher(pipeline, executor, max_bytes_ahead)
        waiting: deque[_Waiting] = deque()
        ticket_for = cached_by_image(batcher.add, CACHED_IMAGES)
        for frame in frames:
            waiting.append(_Waiting(frame.index, frame.timestamp_ms, ticket_for(frame.image)))
            batcher.make_room()
            while waiting and (waiting[0].is_done or len(waiting) > batcher.max_images + MAX_RESULTS_AHEAD):
                yield waiting.popleft().analysed(batcher)
        for one in waiting:
            yield one.analysed(batcher)


@dataclass(slots=True, eq=False)
class _Batch:
    """Images that are analysed by one call; they are dropped when it starts."""

    images: list[Image] = field(default_factory=list)
    count: int = 0
    bytes: int = 0
    analyses: Future[list[Analysis]] | None = None


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A frame whose result was not yielded yet, its batch, and the position of its image in that."""

    index: int
    timestamp_ms: float
    ticket: tuple[_Batch, int]

    @property
    def is_done(self) -> bool:
        analyses = self.ticket[0].analyses
        return analyses is not None and analyses.done()

    def analysed(self, batcher: "_Batcher") -> AnalysedFrame:
        """Return the frame with its result, once that is there."""
        batch, position = self.ticket
        analyses = batch.analyses or batcher.submit()
        return AnalysedFrame(self.index, self.timestamp_ms, analyses.result()[position])


class _Batcher:
    """Collects images into batches and submits each batch when it is full or its first result is needed.

    Which images share a batch depends on the video alone, and never on how fast the others are.
    """

    def __init__(self, pipeline: Pipeline, executor: Executor, max_bytes: int) -> None:
        self.max_images = pipeline.concurrency * pipeline.batch_size
        self._pipeline = pipeline
        self._executor = executor
        self._max_bytes = max_bytes
        self._open = _Batch()
        self._running: list[_Batch] = []

    def add(self, image: Image) -> tuple[_Batch, int]:
        """Return the batch that the image will be analysed in, and its position there."""
        if self._open.images and not self._fits(image):
            self.submit()
        batch = self._open
        batch.images.append(image)
        batch.count, batch.bytes = batch.count + 1, batch.bytes + image.nbytes
        if batch.count == self._pipeline.batch_size:
            self.submit()
        return batch, batch.count - 1

    def _fits(self, image: Image) -> bool:
        """Return whether the image can join the open batch: those of a batch must fit into one array."""
        is_large = (self._open.bytes + image.nbytes) * self._pipeline.concurrency > self._max_bytes
        return not is_large and self._open.images[0].shape == image.shape

    def submit(self) -> Future[list[Analysis]]:
        """Have the images that were collected analysed."""
        batch, self._open = self._open, _Batch()
        images, batch.images = batch.images, []
        batch.analyses = self._executor.submit(self._pipeline.analyse_batch, images)
        self._running.append(batch)
        return batch.analyses

    def make_room(self) -> None:
        """Wait while more images are being analysed than there are threads for, or more bytes."""
        while self._is_full():
            if not self._running:
                self.submit()
            wait([batch.analyses for batch in self._running if batch.analyses], return_when=FIRST_COMPLETED)

    def _is_full(self) -> bool:
        self._running = [batch for batch in self._running if batch.analyses and not batch.analyses.done()]
        ahead = [*self._running, self._open]
        images, size_bytes = sum(batch.count for batch in ahead), sum(batch.bytes for batch in ahead)
        return images > self.max_images or size_bytes > self._max_bytes
