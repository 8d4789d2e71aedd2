"""Read the text in images: find lines at one size or several, and read each line."""

from collections.abc import Iterator
from contextlib import contextmanager

from job_worker.errors import ModelLoadError
from job_worker.inference.vendor_libraries import first_line_of
from job_worker.ocr.base import DEFAULT_MIN_CONFIDENCE, line_of
from job_worker.ocr.bundled_models import TextModelFolders
from job_worker.ocr.missed_type import shows_missed_type
from job_worker.ocr.text_boxes import TextBox, crop_line, is_covered, line_polygon, reading_order
from job_worker.ocr.text_detector import MAX_LONG_SIDE, TextDetector
from job_worker.ocr.text_recogniser import TextRecogniser
from shared.pipelines.profiles import ProfileNumbers
from shared.results import TextLine
from shared.video.image import Image


@contextmanager
def model_errors_translated(models: TextModelFolders) -> Iterator[None]:
    """Name the models in the error when one of them cannot be loaded.

    Raises:
        ModelLoadError: The block raised an error.
    """
    try:
        yield
    except Exception as error:
        raise ModelLoadError(
            f"The text models {models.detection} and {models.recognition} cannot be loaded: {first_line_of(error)}."
        ) from error


class LineReader:
    """Reads text with a detector and a recogniser. As thread-safe as these are.

    Args:
        detector: Finds lines.
        recogniser: Reads a line.
        numbers: In what sizes of an image text is looked for. Lines are read at full resolution. A small image shows
            large letters that are missed in a large one.
        concurrency: How many threads may use it at a time.
    """

    def __init__(
        self, detector: TextDetector, recogniser: TextRecogniser, numbers: ProfileNumbers, concurrency: int
    ) -> None:
        self._detector = detector
        self._recogniser = recogniser
        self._numbers = numbers
        self.concurrency = concurrency

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
        for found in self._looks(image):
            uncovered = [box for box in found if not is_covered(box, boxes)]
            new = [(box, line) for box in uncovered if (line := self._line(image, box, min_confidence))]
            boxes += [box for box, _ in new]
            lines += [line for _, line in new]
        return [lines[number] for number in reading_order(boxes)]

    def _looks(self, image: Image) -> Iterator[list[TextBox]]:
        """Yield the lines found at each size of the image, those of the largest first."""
        first, *others = self._numbers.text_long_sides
        found = self._detector.find(image, first)
        finer = int(min(max(image.shape), MAX_LONG_SIDE) * self._numbers.small_type_scale)
        if finer > first and shows_missed_type(image, finer, found):
            yield self._detector.find(image, finer)
        yield found
        for side in others:
            if side < max(image.shape):
                yield self._detector.find(image, side)

    def _line(self, image: Image, box: TextBox, min_confidence: float) -> TextLine | None:
        """Read one line; None if it has no text or its confidence is too low."""
        crop = crop_line(image, box)
        if crop is None:
            return None
        read = self._recogniser.read(crop)
        return line_of(read.text, read.confidence, line_polygon(box), min_confidence)
