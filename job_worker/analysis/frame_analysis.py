"""The built-in pipelines: they find objects, read text, or do both."""

from collections.abc import Sequence
from dataclasses import dataclass

from job_worker.analysis.executors import image_executor
from job_worker.analysis.pipeline import Analysis
from job_worker.detection.base import DEFAULT_LIMITS, DetectionLimits, Detector
from job_worker.ocr.base import DEFAULT_MIN_CONFIDENCE, TextReader
from shared.results import ImageResult, TextLine
from shared.video.frame import Image


@dataclass(frozen=True, slots=True)
class FrameAnalysis:
    """A pipeline that finds objects, reads text, or does both.

    Attributes:
        detector: Finds the objects; None leaves them out of the result.
        text_reader: Reads the text; None leaves it out of the result.
        limits: Which detections are kept.
        min_text_confidence: Lines of text with a lower confidence are dropped, 0 to 1.
    """

    detector: Detector | None = None
    text_reader: TextReader | None = None
    limits: DetectionLimits = DEFAULT_LIMITS
    min_text_confidence: float = DEFAULT_MIN_CONFIDENCE

    @property
    def concurrency(self) -> int:
        """How many threads may call `analyse_batch` at a time: what every engine allows, or 1 in batches."""
        if self.batch_size > 1:
            return 1
        return min(engine.concurrency for engine in (self.detector, self.text_reader) if engine)

    @property
    def batch_size(self) -> int:
        """The most images that `analyse_batch` takes: as many as the detector."""
        return self.detector.batch_size if self.detector else 1

    def analyse_batch(self, images: Sequence[Image]) -> list[Analysis]:
        """Analyse images, each by itself.

        In batches, text is read on the CPU while the detector uses the GPU.

        Args:
            images: From 1 to `batch_size` images of one size, each `(H, W, 3)` uint8 BGR.

        Returns:
            One analysis for each image, in their order.
        """
        threads = self.text_reader.concurrency if self.text_reader and self.batch_size > 1 else 1
        with image_executor(threads) as executor:
            lines = executor.map(self._read, images)
            found = self.detector.detect_batch(images, self.limits) if self.detector else [None] * len(images)
            sizes = [image.shape[1::-1] for image in images]
            return [ImageResult.of(*size, *of_one) for size, *of_one in zip(sizes, found, lines, strict=True)]

    def _read(self, image: Image) -> list[TextLine] | None:
        return self.text_reader.read(image, self.min_text_confidence) if self.text_reader else None
