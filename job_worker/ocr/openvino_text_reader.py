"""Text reading with PaddleOCR's networks on OpenVINO: the fast engine."""

from collections.abc import Sequence

from job_worker.errors import ModelLoadError
from job_worker.inference.openvino_models import Precision
from job_worker.inference.vendor_libraries import first_line_of
from job_worker.ocr.base import DEFAULT_MIN_CONFIDENCE
from job_worker.ocr.bundled_models import TextModelFolders
from job_worker.ocr.text_boxes import TextBox, crop_line, is_covered, line_polygon, reading_order
from job_worker.ocr.text_detector import TextDetector
from job_worker.ocr.text_recogniser import TextRecogniser
from shared.pipelines.profiles import ProfileNumbers
from shared.results import TextLine, one_line
from shared.video.frame import Image


class OpenVinoTextReader:
    """Reads text with a PaddleOCR detection and recognition network. Thread-safe.

    Args:
        models: The two networks.
        numbers: Precision, in what sizes of an image text is looked for, and how lines are resized. An image is never
            scaled up, and lines are read at full resolution. A small image shows large letters that are missed in a
            large one.
        threads: CPU threads, at least 1. Each computes an image of its own, which is faster than several for one image.

    Raises:
        ModelLoadError: A network cannot be loaded or does not run.
    """

    def __init__(self, models: TextModelFolders, numbers: ProfileNumbers, threads: int) -> None:
        self.concurrency = threads
        self._long_sides = numbers.text_long_sides
        try:
            self._detector = TextDetector(models.detection, Precision(numbers.precision))
            self._recogniser = TextRecogniser(models.recognition, numbers)
        except Exception as error:
            raise ModelLoadError(
                f"The text models {models.detection} and {models.recognition} cannot be loaded: {first_line_of(error)}."
            ) from error

    def read(self, image: Image, min_confidence: float = DEFAULT_MIN_CONFIDENCE) -> list[TextLine]:
        """Read the text in one image.

        Args:
            image: `(H, W, 3)` uint8 BGR.
            min_confidence: Lines with a lower confidence are dropped, 0 to 1; one of them at a larger size does not
                keep the same line from being read at a smaller one.

        Returns:
            The lines in reading order, polygons in pixels of `image`.
        """
        boxes: list[TextBox] = []
        lines: list[TextLine] = []
        for long_side in self._sides_for(image):
            uncovered = [box for box in self._detector.find(image, long_side) if not is_covered(box, boxes)]
            new = [(box, line) for box in uncovered if (line := self._line(image, box, min_confidence))]
            boxes += [box for box, _ in new]
            lines += [line for _, line in new]
        return [lines[number] for number in reading_order(boxes)]

    def _sides_for(self, image: Image) -> Sequence[int]:
        first, *others = self._long_sides
        return [first, *(side for side in others if side < max(image.shape))]

    def _line(self, image: Image, box: TextBox, min_confidence: float) -> TextLine | None:
        """Read one line; None if it has no text or its confidence is too low."""
        crop = crop_line(image, box)
        if crop is None:
            return None
        read = self._recogniser.read(crop)
        text = one_line(read.text)
        if not text or read.confidence < min_confidence:
            return None
        return TextLine(text=text, confidence=read.confidence, polygon=line_polygon(box))
