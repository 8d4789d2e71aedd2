"""The pipelines that look for objects, for text, or for both."""

from dataclasses import dataclass

from job_worker.detection.base import Detector
from job_worker.findings import picture_result
from job_worker.ocr.base import TextReader
from job_worker.video.frame import Image

__all__ = ["FrameAnalysis"]


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
    def pictures_at_once(self) -> int:
        """How many threads may call `analyse` at a time; see `Pipeline.pictures_at_once`."""
        return min(engine.pictures_at_once for engine in (self.detector, self.text_reader) if engine)

    def analyse(self, image: Image) -> dict[str, object]:
        """Analyse a picture by itself; see `Pipeline.analyse`."""
        return picture_result(
            image,
            detections=self.detector.detect(image) if self.detector else None,
            text_lines=self.text_reader.read(image) if self.text_reader else None,
        )
