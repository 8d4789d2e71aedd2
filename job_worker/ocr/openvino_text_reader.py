"""Text reading with PaddleOCR's networks on OpenVINO: the fast engine on a CPU."""

from job_worker.ocr.bundled_models import TextModelFolders
from job_worker.ocr.line_reader import LineReader, model_errors_translated
from job_worker.ocr.openvino_text_networks import OpenVinoCharacters, OpenVinoHeatMap
from job_worker.ocr.text_detector import TextDetector
from job_worker.ocr.text_recogniser import TextRecogniser
from shared.pipelines.profiles import ProfileNumbers


class OpenVinoTextReader(LineReader):
    """Reads text with a PaddleOCR detection and recognition network. Thread-safe.

    Args:
        models: The two networks.
        numbers: Precision, in what sizes of an image text is looked for, and how lines are resized.
        threads: CPU threads, at least 1. Each computes an image of its own, which is faster than several for one image.

    Raises:
        ModelLoadError: A network cannot be loaded or does not run.
    """

    def __init__(self, models: TextModelFolders, numbers: ProfileNumbers, threads: int) -> None:
        with model_errors_translated(models):
            detector = TextDetector(OpenVinoHeatMap(models.detection, numbers.precision), numbers.text_short_side)
            characters = OpenVinoCharacters(models.recognition, numbers.precision)
            recogniser = TextRecogniser(characters, models.recognition, numbers)
        super().__init__(detector, recogniser, numbers, threads)
