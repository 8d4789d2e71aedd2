"""Text reading with PaddleOCR on ONNX Runtime."""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import yaml

from job_worker.errors import JobCannotBeDone, ModelLoadError
from job_worker.inference.threads import limit_threads
from job_worker.inference.vendor_libraries import first_line_of, prepare_vendor_libraries
from job_worker.ocr.base import DEFAULT_MIN_CONFIDENCE, line_of
from job_worker.ocr.bundled_models import bundled_text_models
from job_worker.ocr.text_boxes import line_polygon
from shared.results import TextLine
from shared.video.image import MAX_WARP_SIDE_PIXELS, Image


def load_paddleocr(models: dict[str, str], device: str, threads: int) -> Any:
    """Return a `PaddleOCR` object on ONNX Runtime.

    Args:
        models: Its arguments that name the models.
        device: `"cpu"`, `"cuda:0"` and so on, or `"auto"`.
        threads: CPU threads for one image.
    """
    from paddleocr import PaddleOCR

    logging.getLogger("paddlex").setLevel(logging.ERROR)
    paddle_device = _paddle_device(device)
    return PaddleOCR(
        **models,
        engine="onnxruntime",
        engine_config=_engine_config(paddle_device, threads),
        device=paddle_device,
        text_recognition_batch_size=1,
        use_doc_orientation_classify=False,
        use_doc_unwarping=False,
        use_textline_orientation=False,
    )


class PaddleTextReader:
    """Reads text with a PaddleOCR detection and recognition model.

    Text detection runs on the image at full size (PaddleOCR's default, up to 4000 pixels a side), and each line is
    recognised alone: in a batch it would be padded to the widest one, which changes what is read. Not thread-safe.

    Args:
        detection_model: A PaddleOCR model folder (`inference.onnx` and `inference.yml`), or the name of a PaddleOCR
            model, which is downloaded once; None for the bundled one.
        recognition_model: The same for recognition.
        device: `"cpu"`, `"cuda:0"` and so on, or `"auto"`: the first GPU that ONNX Runtime can use, else the CPU.
        threads: CPU threads for one image.
        cache_folder: Folder for the bundled models; None for the user's cache folder.
        load: Loads the models; see `load_paddleocr` for its arguments.

    Raises:
        ModelLoadError: A model cannot be loaded or does not run.
    """

    concurrency = 1

    def __init__(
        self,
        detection_model: str | Path | None = None,
        recognition_model: str | Path | None = None,
        *,
        device: str = "auto",
        threads: int = 1,
        cache_folder: Path | None = None,
        load: Callable[[dict[str, str], str, int], Any] = load_paddleocr,
    ) -> None:
        prepare_vendor_libraries(cache_folder)
        limit_threads(threads)
        if not detection_model or not recognition_model:
            bundled = bundled_text_models(cache_folder)
            detection_model = detection_model or bundled.detection
            recognition_model = recognition_model or bundled.recognition
        models = _model_arguments("text_detection", detection_model)
        models |= _model_arguments("text_recognition", recognition_model)
        try:
            self._ocr = load(models, device, threads)
            self.read(_warm_up_image())
        except Exception as error:
            raise ModelLoadError(
                f"The text models {detection_model} and {recognition_model} cannot be loaded on device {device}: "
                f"{first_line_of(error)}. Give two PaddleOCR model folders with inference.onnx and inference.yml, or "
                "none for the bundled models, and a device that this host has; a model given by name needs the network "
                "the first time."
            ) from error
        limit_threads(threads)

    def read(self, image: Image, min_confidence: float = DEFAULT_MIN_CONFIDENCE) -> list[TextLine]:
        """Read the text in one image.

        Args:
            image: `(H, W, 3)` uint8 BGR.
            min_confidence: Lines with a lower confidence are dropped, 0 to 1.

        Returns:
            The lines in reading order, polygons in pixels of `image`.

        Raises:
            JobCannotBeDone: The image is wider or higher than PaddleOCR's coordinates, which have 16 bits.
        """
        if max(image.shape) > MAX_WARP_SIDE_PIXELS:
            raise JobCannotBeDone(
                f"PaddleOCR reads no frame wider or higher than {MAX_WARP_SIDE_PIXELS} pixels; a worker with "
                "--text-engine auto does"
            )
        (page,) = self._ocr.predict(image)
        found = zip(page["rec_texts"], page["rec_scores"], page["rec_polys"], strict=True)
        lines = (line_of(text, float(score), line_polygon(box), min_confidence) for text, score, box in found)
        return [line for line in lines if line]


def _model_arguments(part: str, model: str | Path) -> dict[str, str]:
    folder = Path(model)
    if folder.is_dir():
        return {f"{part}_model_name": _model_name(folder), f"{part}_model_dir": str(folder)}
    if isinstance(model, Path) or len(folder.parts) > 1:
        raise ModelLoadError(
            f"The text model {model} is not there: give the path of a PaddleOCR model folder, or leave it empty for "
            "the bundled model."
        )
    return {f"{part}_model_name": model}


def _model_name(folder: Path) -> str:
    try:
        config = yaml.safe_load((folder / "inference.yml").read_text(encoding="utf-8"))
        return str(config["Global"]["model_name"])
    except (OSError, ValueError, yaml.YAMLError, LookupError, TypeError) as error:
        raise ModelLoadError(
            f"The text model folder {folder} holds no usable inference.yml ({type(error).__name__}): give a folder as "
            "PaddleOCR exports it, or leave it empty for the bundled model."
        ) from error


def _engine_config(paddle_device: str, threads: int) -> dict[str, object]:
    config: dict[str, object] = {"intra_op_num_threads": threads, "inter_op_num_threads": 1}
    if paddle_device.startswith("gpu"):
        # The default is a benchmark between algorithms, whose winner can differ from run to run.
        config["provider_options"] = {"cudnn_conv_algo_search": "HEURISTIC", "use_tf32": "0"}
    return config


def _paddle_device(device: str) -> str:
    import onnxruntime

    if device == "auto":
        return "gpu:0" if "CUDAExecutionProvider" in onnxruntime.get_available_providers() else "cpu"
    return device.replace("cuda", "gpu")


def _warm_up_image() -> Image:
    # With text, so that recognition runs too and both models are known to work before the first job.
    import cv2

    image = np.full((96, 320, 3), 255, np.uint8)
    return cast("Image", cv2.putText(image, "WARM UP", (20, 64), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (0, 0, 0), 3))
