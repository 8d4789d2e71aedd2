"""Text reading by PaddleOCR's networks on OpenVINO: the fast engine."""

import copy
from collections.abc import Sequence
from typing import Self

from job_worker.errors import ModelLoadError
from job_worker.inference.openvino_models import Compute
from job_worker.inference.vendor_libraries import reason_of
from job_worker.ocr.bundled_models import TextModelFolders
from job_worker.ocr.quadrilaterals import Quad, corners_of_line, is_covered, reading_order, straightened
from job_worker.ocr.text_detector import MAX_SIDE, TextDetector
from job_worker.ocr.text_recogniser import LineShape, TextRecogniser
from shared.results import TextLine, one_line
from shared.video.frame import Image

__all__ = ["OpenVinoTextReader"]


class OpenVinoTextReader:
    """Reads text with a PaddleOCR detection and recognition network. For use from any number of threads.

    Args:
        models: The two networks.
        compute: How they run.
        min_confidence: Lines that the model is less sure of are dropped, 0 to 1.
        long_sides: The sizes at which a picture is looked at, in pixels, the largest first; it is never scaled up. What
            is found is read at full size. Large letters are found in a small picture that are missed in a large one.
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
        long_sides: Sequence[int] = (MAX_SIDE,),
        line_shape: LineShape = LineShape(),  # noqa: B008 (frozen)
    ) -> None:
        self.concurrency = compute.threads
        self._min_confidence = min_confidence
        self._long_sides = long_sides
        try:
            self._detector = TextDetector(models.detection, compute.precision)
            self._recogniser = TextRecogniser(models.recognition, compute.precision, line_shape)
        except Exception as error:
            raise ModelLoadError(
                f"The text models {models.detection} and {models.recognition} cannot be loaded: {reason_of(error)}."
            ) from error

    def with_confidence(self, min_confidence: float) -> Self:
        """Returns a reader with another limit on the same networks; see `TextReader.with_confidence`."""
        other = copy.copy(self)
        other._min_confidence = min_confidence
        return other

    def read(self, image: Image) -> list[TextLine]:
        """Read the text in a picture; see `TextReader.read`."""
        quads: list[Quad] = []
        lines: list[TextLine] = []
        for long_side in self._sides_for(image):
            found = self._detector.find(image, long_side)
            new = [(quad, line) for quad in found if not is_covered(quad, quads) and (line := self._line(image, quad))]
            quads += [quad for quad, _ in new]
            lines += [line for _, line in new]
        return [lines[number] for number in reading_order(quads)]

    def _sides_for(self, image: Image) -> Sequence[int]:
        first, *others = self._long_sides
        return [first, *(side for side in others if side < max(image.shape))]

    def _line(self, image: Image, quad: Quad) -> TextLine | None:
        """Reads one line; None where there is none, or the model is not sure of it."""
        crop = straightened(image, quad)
        if crop is None:
            return None
        read = self._recogniser.read(crop)
        text = one_line(read.text)
        if not text or read.confidence < self._min_confidence:
            return None
        return TextLine(text=text, confidence=read.confidence, polygon=corners_of_line(quad))
