"""Object detection by Ultralytics: any model file or folder that it loads."""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

import copy
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Self, cast

import numpy as np

from job_worker.detection.ultralytics_batches import keep_pictures_apart
from job_worker.detection.ultralytics_weights import located
from job_worker.errors import ModelLoadError
from job_worker.inference.threads import limit_threads
from job_worker.inference.vendor_libraries import prepare_vendor_libraries, reason_of, user_cache_folder
from shared.results import Box, Detection
from shared.video.frame import Image

__all__ = ["UltralyticsDetector"]


class UltralyticsDetector:
    """Finds objects with a YOLO model.

    Ultralytics fits the picture into the model's input (a letterbox) and gives boxes in pixels of the picture. On
    OpenVINO the model runs in 32-bit floats everywhere, so that every host gives the same answer; on a GPU too, where
    the answer is the same on every run for one kind of GPU and one size of batch. Not for use by two threads at once.

    Args:
        weights: A model file or folder (`.pt`, `.onnx`, `*_openvino_model`, `.engine`, ...), or the bare name of one
            that Ultralytics publishes (`yolo26n.pt`), which is downloaded once.
        device: `"cpu"`, `"cuda:0"` and so on, or `"auto"`: the first GPU that torch can use, else the CPU.
        confidence: Objects that the model is less sure of are dropped, 0 to 1.
        iou: Of two boxes of a class that overlap more than this, the surer one stays, 0 to 1.
        image_size: Long side of the model's input in pixels; a model exported for one size keeps that size.
        threads: CPU threads for one picture.
        batch_size: How many pictures the network is given at once, of which those that are missing are filled up; 1 for
            a model that does more than find objects. How much memory it needs depends on this and `image_size`
            alone, and it is tried at the start.
        cache_folder: Where a download and Ultralytics' own settings go; None for the user's cache folder.

    Raises:
        ModelLoadError: The model cannot be loaded, does not run, or does not find objects.
    """

    concurrency = 1

    def __init__(
        self,
        weights: str | Path,
        *,
        device: str = "auto",
        confidence: float = 0.25,
        iou: float = 0.7,
        image_size: int = 640,
        threads: int = 1,
        batch_size: int = 1,
        cache_folder: Path | None = None,
    ) -> None:
        cache_folder = cache_folder or user_cache_folder()
        prepare_vendor_libraries(cache_folder)
        limit_threads(threads)
        path = located(weights, cache_folder)
        self._settings = {
            "conf": confidence,
            "iou": iou,
            "imgsz": image_size,
            "device": None if device == "auto" else device,
            "verbose": False,
            "save": False,
        }
        try:
            self._model = _load(path)
            self.detect(_blank_image(image_size))
            _pin_backend(self._model.predictor.model, path, threads)
            self.batch_size = batch_size if self._model.task == "detect" else 1
            keep_pictures_apart(self._model.predictor, self.batch_size)
            self.detect(_blank_image(image_size))
        except Exception as error:
            less = "; a smaller --gpu-batch takes less of its memory" if batch_size > 1 else ""
            raise ModelLoadError(
                f"The detector's weights {weights} cannot be loaded on device {device}: {reason_of(error)}. Give a "
                f"whole detection model that Ultralytics loads, and a device that this host has{less}."
            ) from error
        limit_threads(threads)

    @property
    def labels(self) -> Collection[str]:
        """The labels that its detections can have; see `Detector.labels`."""
        names: dict[int, str] = self._model.names
        return names.values()

    def with_limits(self, confidence: float, iou: float) -> Self:
        """Returns a detector with other limits on the same model; see `Detector.with_limits`."""
        other = copy.copy(self)
        other._settings = self._settings | {"conf": confidence, "iou": iou}
        return other

    def detect(self, image: Image) -> list[Detection]:
        """Find the objects in a picture; see `Detector.detect`."""
        (found,) = self.detect_batch([image])
        return found

    def detect_batch(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Find the objects in several pictures; see `Detector.detect_batch`."""
        return [_detections(result) for result in self._model.predict(list(images), **self._settings)]


def _load(path: Path) -> Any:
    from ultralytics.models.yolo import YOLO

    return YOLO(str(path))


def _pin_backend(model: Any, path: Path, threads: int) -> None:
    """Give the runtime under Ultralytics the precision and the threads that Ultralytics has no setting for."""
    if model.format == "openvino":
        _pin_openvino(model.backend, path, threads)
    elif model.format == "onnx" and model.backend.device.type == "cpu":
        _pin_onnxruntime(model.backend, path, threads)


def _pin_openvino(backend: Any, path: Path, threads: int) -> None:
    # Ultralytics leaves the precision to OpenVINO, which takes bf16 on CPUs that have it. It compiles, and compiles
    # again for other input sizes, through this one attribute of its backend.
    import openvino

    core = openvino.Core()
    config = {
        "PERFORMANCE_HINT": "LATENCY",
        "EXECUTION_MODE_HINT": openvino.properties.hint.ExecutionMode.ACCURACY,
        "INFERENCE_PRECISION_HINT": openvino.Type.f32,
        "INFERENCE_NUM_THREADS": threads,
        "ENABLE_CPU_PINNING": False,  # else two workers end up on the same core
    }
    backend.compile_model = partial(core.compile_model, device_name="CPU", config=config)
    backend.ov_compiled_model = backend.compile_model(core.read_model(next(path.glob("*.xml"), path)))


def _pin_onnxruntime(backend: Any, path: Path, threads: int) -> None:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    backend.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _blank_image(size: int) -> Image:
    return np.zeros((size, size, 3), np.uint8)


def _detections(result: Any) -> list[Detection]:
    if result.boxes is None:
        raise ValueError("the model does not give boxes")
    rows = zip(result.boxes.cls.tolist(), result.boxes.conf.tolist(), result.boxes.xyxy.tolist(), strict=True)
    found = [_detection(int(class_id), score, corners, result.names) for class_id, score, corners in rows]
    # The model's own order depends on ties in its scores; this one does not.
    return sorted(found, key=lambda detection: (-detection.confidence, detection.box, detection.class_id))


def _detection(class_id: int, confidence: float, corners: list[float], names: dict[int, str]) -> Detection:
    box = cast("Box", tuple(corners))
    return Detection(label=names[class_id], class_id=class_id, confidence=min(confidence, 1.0), box=box)
