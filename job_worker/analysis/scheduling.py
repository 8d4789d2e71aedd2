"""Analysing the frames of a video side by side, with the results in the frames' order and memory bounded.

Frames do not depend on each other, so whole frames side by side use the cores better than threads within one frame. A
frame whose picture equals that of a frame shortly before takes its result: encoders repeat still pictures, often a few
in turn.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future

from job_worker.analysis.executors import working_on
from job_worker.analysis.pipeline import Analysis
from job_worker.inference.image_cache import ImageCache
from shared.video.frame import Frame, Image

__all__ = ["analysed_in_batches", "analysed_in_order"]

MAX_BYTES_AHEAD = 512 << 20
"""Pictures that wait or are worked on take at most this, or else are only one."""
PICTURES_REMEMBERED = 16
"""Results kept for pictures that come again."""


def analysed_in_order(
    frames: Iterable[Frame], analyse: Callable[[Image], Analysis], concurrency: int
) -> Iterator[tuple[Frame, Analysis]]:
    """Analyses every frame.

    Args:
        frames: Read in the calling thread, a few ahead of what is analysed.
        analyse: Works on one picture; called from so many threads, or from the calling one where that is 1.
        concurrency: How many pictures may be worked on at a time, at least 1.

    Yields:
        Each frame with what was found in it, in order.
    """
    with working_on(concurrency) as executor:
        yield from _in_order(frames, lambda image: executor.submit(analyse, image), concurrency)


def analysed_in_batches(
    frames: Iterable[Frame], analyse_batch: Callable[[Sequence[Image]], Sequence[Analysis]], batch_size: int
) -> Iterator[tuple[Frame, Analysis]]:
    """Analyses every frame, several pictures at a time, all in the calling thread.

    Args:
        frames: Read a batch ahead of what is analysed.
        analyse_batch: Works on several pictures of one size; a batch of large pictures, or of a video that repeats
            itself, is smaller than others.
        batch_size: How many it is given at most, at least 1.

    Yields:
        Each frame with what was found in it, in order.
    """
    batch = _Batch(analyse_batch, batch_size)
    yield from _in_order(frames, batch.add, batch_size, batch.analyse)


def _in_order(
    frames: Iterable[Frame],
    start: Callable[[Image], "Future[Analysis]"],
    frames_ahead: int,
    finish: Callable[[], None] = lambda: None,
) -> Iterator[tuple[Frame, Analysis]]:
    """Yields each frame with what was found in it, having started a few more.

    Args:
        frames: The frames.
        start: Starts the work on a picture.
        frames_ahead: How many are started before the first of them is waited for.
        finish: Called before a result is waited for that is not there.
    """
    recent: ImageCache[Future[Analysis]] = ImageCache(PICTURES_REMEMBERED)
    ahead: deque[tuple[Frame, Future[Analysis]]] = deque()
    for frame in frames:
        ahead.append((frame, recent.result_of(frame.image, start)))
        if len(ahead) > frames_ahead or len(ahead) * frame.image.nbytes > MAX_BYTES_AHEAD:
            yield _oldest(ahead, finish)
    while ahead:
        yield _oldest(ahead, finish)


def _oldest(ahead: "deque[tuple[Frame, Future[Analysis]]]", finish: Callable[[], None]) -> tuple[Frame, Analysis]:
    frame, future = ahead.popleft()
    if not future.done():
        finish()
    return frame, future.result()


class _Batch:
    """Pictures that wait to be analysed together."""

    def __init__(self, analyse_batch: Callable[[Sequence[Image]], Sequence[Analysis]], size: int) -> None:
        self._analyse_batch = analyse_batch
        self._size = size
        self._waiting: list[tuple[Image, Future[Analysis]]] = []

    def add(self, image: Image) -> "Future[Analysis]":
        if self._waiting and self._waiting[0][0].shape != image.shape:
            self.analyse()  # so that the pictures of a batch can be one array
        future: Future[Analysis] = Future()
        self._waiting.append((image, future))
        if len(self._waiting) == self._size:
            self.analyse()
        return future

    def analyse(self) -> None:
        waiting, self._waiting = self._waiting, []
        results = self._analyse_batch([image for image, _ in waiting])
        for (_, future), result in zip(waiting, results, strict=True):
            future.set_result(result)
