"""Text reading by PaddleOCR's networks on OpenVINO: the fast engine."""

from collections.abc import Iterator

from job_worker.errors import ModelLoadError
from job_worker.findings import TextLine, one_line
from job_worker.ocr.bundled_models import TextModelFolders
from job_worker.ocr.quadrilaterals import corners_of_line, in_reading_order, straightened
from job_worker.ocr.text_detector import MAX_SIDE, TextDetector
from job_worker.ocr.text_recogniser import LineShape, TextRecogniser
from job_worker.openvino_models import Compute
from job_worker.vendor_libraries import reason_of
from job_worker.video.frame import Image

__all__ = ["OpenVinoTextReader"]


class OpenVinoTextReader:
    """Reads text with a PaddleOCR detection and recognition network. For use from any number of threads.

    Args:
        models: The two networks.
        compute: How they run.
        min_confidence: Lines that the model is less sure of are dropped, 0 to 1.
        long_side: Larger pictures are looked at scaled down to this, in pixels; what is found is read at full size.
        line_shape: How lines are brought into the recognition network's shape.

    Raises:
        ModelLoadError: A network cannot be loaded or does not run.
    """

    def __init__(
        self,
        models: TextModelFolders,
        compute: Compute,
        *,
        min_confidence: float = 0.5,
        long_side: int = MAX_SIDE,
        line_shape: LineShape = LineShape(),  # noqa: B008 (frozen)
    ) -> None:
        self.pictures_at_once = compute.threads
        self._min_confidence = min_confidence
        self._long_side = long_side
        try:
            self._detector = TextDetector(models.detection, compute)
            self._recogniser = TextRecogniser(models.recognition, compute, line_shape)
        except Exception as error:
            raise ModelLoadError(
                f"The text models {models.detection} and {models.recognition} cannot be loaded: {reason_of(error)}."
            ) from error

    def read(self, image: Image) -> list[TextLine]:
        """Read the text in a picture; see `TextReader.read`."""
        return list(self._lines(image))

    def _lines(self, image: Image) -> Iterator[TextLine]:
        for quad in in_reading_order(self._detector.find(image, self._long_side)):
            if (crop := straightened(image, quad)) is None:
                continue
            line = self._recogniser.read(crop)
            text = one_line(line.text)
            if text and line.confidence >= self._min_confidence:
                yield TextLine(text, line.confidence, corners_of_line(quad))
