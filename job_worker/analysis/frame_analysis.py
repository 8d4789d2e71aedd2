"""The pipelines that look for objects, for text, or for both."""

from collections.abc import Sequence
from dataclasses import dataclass

from job_worker.analysis.executors import working_on
from job_worker.detection.base import Detector
from job_worker.ocr.base import TextReader
from shared.results import Detection, ImageResult, TextLine
from shared.video.frame import Image

__all__ = ["BatchFrameAnalysis", "FrameAnalysis", "frame_analysis"]


@dataclass(frozen=True, slots=True)
class FrameAnalysis:
    """A pipeline that looks for objects, for text, or for both.

    Attributes:
        detector: Finds the objects; None leaves them out of the result.
        text_reader: Reads the text; None leaves it out of the result.
    """

    detector: Detector | None = None
    text_reader: TextReader | None = None

    @property
    def concurrency(self) -> int:
        """How many threads may call `analyse` at a time; see `Pipeline.concurrency`."""
        return min(engine.concurrency for engine in (self.detector, self.text_reader) if engine)

    def analyse(self, image: Image) -> ImageResult:
        """Analyse an image by itself; see `Pipeline.analyse`."""
        return _result(
            image,
            self.detector.detect(image) if self.detector else None,
            self.text_reader.read(image) if self.text_reader else None,
        )


@dataclass(frozen=True, slots=True)
class BatchFrameAnalysis:
    """A pipeline that looks for objects in several pictures at a time, and for text in each of them.

    Attributes:
        detector: Finds the objects.
        text_reader: Reads the text; None leaves it out of the result.
    """

    detector: Detector
    text_reader: TextReader | None = None

    @property
    def batch_size(self) -> int:
        """How many pictures `analyse_batch` is given at most; see `BatchPipeline.batch_size`."""
        return self.detector.batch_size

    def analyse_batch(self, images: Sequence[Image]) -> list[ImageResult]:
        """Analyse pictures, each by itself; see `BatchPipeline.analyse_batch`."""
        if self.text_reader is None:
            found = self.detector.detect_batch(images)
            return [_result(image, detections) for image, detections in zip(images, found, strict=True)]
        with working_on(self.text_reader.concurrency) as executor:
            read = executor.map(self.text_reader.read, images)  # on a CPU, while the detector is at work on a GPU
            found = self.detector.detect_batch(images)
            return [_result(*of_one) for of_one in zip(images, found, read, strict=True)]


def _result(
    image: Image, detections: Sequence[Detection] | None, text_lines: Sequence[TextLine] | None = None
) -> ImageResult:
    height, width = image.shape[:2]
    return ImageResult.of(width, height, detections, text_lines)


def frame_analysis(
    detector: Detector | None = None, text_reader: TextReader | None = None
) -> FrameAnalysis | BatchFrameAnalysis:
    """Returns the pipeline that gives a detector as many pictures at a time as it gains by."""
    if detector and detector.batch_size > 1:
        return BatchFrameAnalysis(detector, text_reader)
    return FrameAnalysis(detector, text_reader)
