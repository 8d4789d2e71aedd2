"""What a user would write: OpenCV reads, Ultralytics and PaddleOCR look at each frame, one after the other.

Not part of the product; it is what `benchmarks.pipeline` measures the product against. PaddleOCR runs the models of the
project's text reader, from the same files.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from job_worker.detection.bundled_detector import BUNDLED_CHECKPOINT
from job_worker.inference.vendor_libraries import prepare_vendor_libraries
from job_worker.ocr.bundled_models import bundled_text_models


class PlainScript:
    """The script, with its models loaded.

    Args:
        weights: Any weights that Ultralytics loads; None for the bundled ones.
    """

    def __init__(self, weights: str | None) -> None:
        prepare_vendor_libraries()
        from paddleocr import PaddleOCR
        from ultralytics.models.yolo import YOLO

        models = bundled_text_models()
        self._yolo = YOLO(weights or str(BUNDLED_CHECKPOINT), task="detect")
        self._ocr = PaddleOCR(
            text_detection_model_name="PP-OCRv6_small_det",
            text_detection_model_dir=str(models.detection),
            text_recognition_model_name="PP-OCRv6_small_rec",
            text_recognition_model_dir=str(models.recognition),
            use_doc_orientation_classify=False,
            use_doc_unwarping=False,
            use_textline_orientation=False,
            engine="onnxruntime",
        )

    def frames(self, video: Path) -> Iterator[dict[str, Any]]:
        """Yield the result of every frame that OpenCV reads."""
        import cv2

        capture = cv2.VideoCapture(str(video))
        while (read := capture.read())[0]:
            yield self.result(read[1])

    def result(self, image: Any) -> dict[str, Any]:
        """Return what is in an image, with the keys that the judge of the videos reads."""
        (found,) = cast("list[Any]", self._yolo.predict(image, verbose=False))
        boxes = found.boxes
        (page,) = self._ocr.predict(image)
        labels = [self._yolo.names[int(number)] for number in boxes.cls.tolist()]
        detections = zip(labels, boxes.conf.tolist(), boxes.xyxy.tolist(), strict=True)
        lines = zip(page["rec_texts"], page["rec_scores"], strict=True)
        return {
            "detections": [{"label": name, "confidence": value, "box": box} for name, value, box in detections],
            "text": "\n".join(page["rec_texts"]),
            "text_lines": [{"text": text, "confidence": float(value)} for text, value in lines],
        }
