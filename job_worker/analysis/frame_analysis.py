"""The built-in pipelines: they find objects, read text, or do both."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

from job_worker.analysis.pipeline import Analysis
from job_worker.detection.base import DEFAULT_LIMITS, DetectionLimits, Detector
from job_worker.ocr.base import DEFAULT_MIN_CONFIDENCE, TextReader
from shared.results import Detection, ImageResult, TextLine
from shared.video.frame import Image

WAITING_BATCHES = 2
"""Batches in flight besides those whose text is being read: one at the detector, one that is ready for it."""

Objects = Sequence[list[Detection] | None]
"""Those of each image; None where none are looked for."""


class FrameAnalysis:
    """A pipeline that finds objects, reads text, or does both.

    Where the detector takes batches, it has a thread of its own, and text is read in as many threads as its reader
    allows. Several batches are in flight, so that neither the detector nor a reading thread waits for the other.

    Args:
        detector: Finds the objects; None leaves them out of the result.
        text_reader: Reads the text; None leaves it out of the result.
        limits: Which detections are kept.
        min_text_confidence: Lines of text with a lower confidence are dropped, 0 to 1.
    """

    def __init__(
        self,
        detector: Detector | None = None,
        text_reader: TextReader | None = None,
        limits: DetectionLimits = DEFAULT_LIMITS,
        min_text_confidence: float = DEFAULT_MIN_CONFIDENCE,
    ) -> None:
        self._detector = detector
        self._text_reader = text_reader
        self._limits = limits
        self._min_text_confidence = min_text_confidence
        self._detecting = ThreadPoolExecutor(1, "detection")
        self._reading = ThreadPoolExecutor(text_reader.concurrency if text_reader else 1, "reading")

    @property
    def concurrency(self) -> int:
        """How many threads may call `analyse_batch` at a time."""
        if self.batch_size == 1:
            return min(engine.concurrency for engine in (self._detector, self._text_reader) if engine)
        readers = self._text_reader.concurrency if self._text_reader else 0
        return WAITING_BATCHES + -(-readers // self.batch_size)

    @property
    def batch_size(self) -> int:
        """The most images that `analyse_batch` takes: as many as the detector."""
        return self._detector.batch_size if self._detector else 1

    def analyse_batch(self, images: Sequence[Image]) -> list[Analysis]:
        """Analyse images, each by itself.

        Args:
            images: From 1 to `batch_size` images of one size, each `(H, W, 3)` uint8 BGR.

        Returns:
            One analysis for each image, in their order.
        """
        if self.batch_size == 1:
            return self._results(images, self._detect(images), map(self._read, images))
        detecting = self._detecting.submit(self._detect, images)
        lines = self._reading.map(self._read, images)
        return self._results(images, detecting.result(), lines)

    def _results(
        self, images: Sequence[Image], found: Objects, lines: Iterable[list[TextLine] | None]
    ) -> list[Analysis]:
        sizes = [image.shape[1::-1] for image in images]
        return [ImageResult.of(*size, *of_one) for size, *of_one in zip(sizes, found, lines, strict=True)]

    def _detect(self, images: Sequence[Image]) -> Objects:
        return self._detector.detect_batch(images, self._limits) if self._detector else [None] * len(images)

    def _read(self, image: Image) -> list[TextLine] | None:
        return self._text_reader.read(image, self._min_text_confidence) if self._text_reader else None
