"""Object detection by Ultralytics: any model file or folder that it loads."""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from job_worker.detection.base import DEFAULT_LIMITS, DetectionLimits, class_names, detection_of
from job_worker.detection.image_size import DEFAULT_IMAGE_SIZE, ImageSize
from job_worker.detection.ultralytics_backends import pin_backend
from job_worker.detection.ultralytics_batches import use_full_batches
from job_worker.detection.ultralytics_weights import find_weights
from job_worker.errors import ModelLoadError
from job_worker.inference.captures import GPU_LOCK
from job_worker.inference.threads import limit_threads
from job_worker.inference.vendor_libraries import first_line_of, prepare_vendor_libraries, user_cache_folder
from shared.results import Detection
from shared.video.image import Image


def load_yolo(path: Path) -> Any:
    """Return the `YOLO` object of Ultralytics for a model file or folder."""
    from ultralytics.models.yolo import YOLO

    return YOLO(str(path))


class UltralyticsDetector:
    """Finds objects with a YOLO model.

    Ultralytics fits the image into the model's input (a letterbox) and returns boxes in pixels of the image. The model
    runs in 32-bit floats: on OpenVINO every host gives the same results but for roundings; on a GPU every run gives the
    same, for one kind of GPU and one batch size. Not thread-safe.

    Args:
        weights: A model file or folder (`.pt`, `.onnx`, `*_openvino_model`, `.engine`, ...), or the bare name of one
            that Ultralytics publishes (`yolo26n.pt`), which is downloaded once.
        device: `"cpu"`, `"cuda:0"` and so on, or `"auto"`: the first GPU that torch can use, else the CPU.
        image_size: Long side of the model's input; a model exported for one size keeps that size.
        threads: CPU threads for one image.
        batch_size: Number of images of a batch; smaller batches are filled up. A model that does more than find objects
            always takes 1. Memory depends on this and on `image_size` alone, and a full batch runs at start.
        cache_folder: Folder for downloads and for Ultralytics' own settings; None for the user's cache folder.
        load: Loads the model from its path.

    Raises:
        ModelLoadError: The model cannot be loaded, does not run, or does not find objects.
    """

    concurrency = 1

    def __init__(
        self,
        weights: str | Path,
        *,
        device: str = "auto",
        image_size: ImageSize = DEFAULT_IMAGE_SIZE,
        threads: int = 1,
        batch_size: int = 1,
        cache_folder: Path | None = None,
        load: Callable[[Path], Any] = load_yolo,
    ) -> None:
        cache_folder = cache_folder or user_cache_folder()
        prepare_vendor_libraries(cache_folder)
        limit_threads(threads)
        path = find_weights(weights, cache_folder)
        self._image_size = image_size
        self._settings = {
            "device": None if device == "auto" else device,
            "verbose": False,
            "save": False,
        }
        blank = np.zeros((image_size.most, image_size.most, 3), np.uint8)
        try:
            self._model = load(path)
            self.detect(blank)
            self._labels = class_names(self._model.names).values()
            pin_backend(self._model.predictor.model, path, threads)
            self.batch_size = batch_size if self._model.task == "detect" else 1
            use_full_batches(self._model.predictor, self.batch_size)
            self.detect(blank)
        except Exception as error:
            less = "; a smaller --gpu-batch takes less of its memory" if batch_size > 1 else ""
            raise ModelLoadError(
                f"The detector's weights {weights} cannot be loaded on device {device}: {first_line_of(error)}. Give a "
                f"whole detection model that Ultralytics loads, and a device that this host has{less}."
            ) from error
        limit_threads(threads)

    @property
    def labels(self) -> Collection[str]:
        """The labels that its detections can have."""
        return self._labels

    def detect(self, image: Image, limits: DetectionLimits = DEFAULT_LIMITS) -> list[Detection]:
        """Find the objects in one image.

        Args:
            image: `(H, W, 3)` uint8 BGR.
            limits: Which detections are kept.

        Returns:
            The objects, the highest confidence first, boxes in pixels of `image`.
        """
        (found,) = self.detect_batch([image], limits)
        return found

    def detect_batch(self, images: Sequence[Image], limits: DetectionLimits = DEFAULT_LIMITS) -> list[list[Detection]]:
        """Find the objects in several images, in each by itself.

        Args:
            images: At most `batch_size`, each `(H, W, 3)` uint8 BGR, all of one size.
            limits: Which detections are kept.

        Returns:
            What `detect` returns for each image, to the last bit, in their order.
        """
        side = self._image_size.of(*images[0].shape[:2])
        with GPU_LOCK:
            results = self._model.predict(
                list(images), imgsz=side, conf=limits.confidence, iou=limits.iou, **self._settings
            )
            return [limits.select(_detections(result)) for result in results]


def _detections(result: Any) -> list[Detection]:
    if result.boxes is None:
        raise ValueError("the model does not give boxes")
    return [detection_of(row, result.names) for row in result.boxes.data.tolist()]
