"""Object detection by a YOLO network on OpenVINO: the fast engine."""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

import ast
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from job_worker.detection.base import DEFAULT_LIMITS, DetectionLimits, class_names, detection_of
from job_worker.detection.image_size import DEFAULT_IMAGE_SIZE, ImageSize
from job_worker.detection.letterbox import Letterbox, letterbox
from job_worker.detection.nms import ROW_COLUMNS, non_maximum_suppression
from job_worker.errors import ModelLoadError
from job_worker.inference.openvino_models import PerShapeModel, read_model
from job_worker.inference.vendor_libraries import first_line_of
from shared.pipelines.profiles import Precision
from shared.results import Detection
from shared.video.image import Image

METADATA_FILE = "metadata.yaml"
_TASKS_WITH_BOXES = ("segment", "pose")
"""The tasks, beside detection, of which Ultralytics gives boxes."""


class OpenVinoDetector:
    """Finds objects with a network that Ultralytics exported. Thread-safe.

    Args:
        weights: A `*_openvino_model` folder or an ONNX file.
        precision: The number type that it computes in.
        threads: CPU threads, at least 1. Each computes an image of its own, which is faster than several for one image.
        image_size: Long side of the network's input, rounded up to a multiple of its stride; a network exported for one
            size keeps that size.
        given: The weights as the user named them, for messages; None for `weights`.

    Raises:
        ModelLoadError: The network cannot be loaded or does not find objects.
    """

    batch_size = 1  # one image for each core is faster than several images in one request

    def __init__(
        self,
        weights: Path,
        precision: Precision,
        threads: int,
        image_size: ImageSize = DEFAULT_IMAGE_SIZE,
        given: str | None = None,
    ) -> None:
        self.concurrency = threads
        try:
            self._network = read_model(next(weights.glob("*.xml"), weights))
            self._names, self._stride = _described(weights, self._network)
            self._fixed_size = _fixed_size(self._network)
            self._image_size = image_size
            self._model = PerShapeModel(self._with_input_size, precision)
            self._check_output()
        except Exception as error:
            raise ModelLoadError(
                f"The detector's weights {given or weights} cannot be loaded: {first_line_of(error)}. Give a whole "
                "detection model as Ultralytics exports it."
            ) from error

    @property
    def labels(self) -> Collection[str]:
        """The labels that its detections can have."""
        return self._names.values()

    def detect(self, image: Image, limits: DetectionLimits = DEFAULT_LIMITS) -> list[Detection]:
        """Find the objects in one image.

        Args:
            image: `(H, W, 3)` uint8 BGR.
            limits: Which detections are kept.

        Returns:
            The objects, the highest confidence first, boxes in pixels of `image`.
        """
        boxed = self._letterbox(image)
        with self._model.inferred(boxed.image) as output:
            rows = boxed.scaled_back(non_maximum_suppression(output(0)[0], limits.confidence, limits.iou))
        return limits.select(detection_of(row, self._names) for row in rows.tolist())

    def detect_batch(self, images: Sequence[Image], limits: DetectionLimits = DEFAULT_LIMITS) -> list[list[Detection]]:
        """Find the objects in several images, one after the other.

        Args:
            images: Each `(H, W, 3)` uint8 BGR.
            limits: Which detections are kept.

        Returns:
            The objects of each image, in their order: the highest confidence first, boxes in pixels of the image.
        """
        return [self.detect(image, limits) for image in images]

    def _check_output(self) -> None:
        """Run the network once, on the smallest input, so that a network that does not run fails at start."""
        side = 2 * self._stride
        with self._model.inferred(np.zeros((*(self._fixed_size or (side, side)), 3), np.uint8)) as output:
            shape = output(0).shape
        if shape[-1] != ROW_COLUMNS and shape[1] != 4 + len(self._names):
            raise ValueError(f"it gives {shape[1] - 4} scores a box, and it names {len(self._names)} classes")

    def _letterbox(self, image: Image) -> Letterbox:
        if self._fixed_size:
            return letterbox(image, *self._fixed_size)
        side = -(-self._image_size.of(*image.shape[:2]) // self._stride) * self._stride  # as Ultralytics does
        return letterbox(image, side, side, self._stride)

    def _with_input_size(self, height: int, width: int) -> Any:
        """Return the network for one input size; it takes BGR bytes and scales the values itself."""
        import openvino
        from openvino.preprocess import ColorFormat, PrePostProcessor

        network = self._network.clone()
        if not self._fixed_size:
            network.reshape([1, 3, height, width])
        steps = PrePostProcessor(network)
        tensor = steps.input().tensor()
        tensor.set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC")).set_color_format(ColorFormat.BGR)
        steps.input().model().set_layout(openvino.Layout("NCHW"))
        values = steps.input().preprocess().convert_element_type(openvino.Type.f32)
        values.convert_color(ColorFormat.RGB).scale(255.0)
        return steps.build()


def is_runnable(weights: Path) -> bool:
    """Return whether this engine runs these weights without an export, judged by their file format."""
    return weights.suffix == ".onnx" or (weights / METADATA_FILE).is_file()


def _fixed_size(network: Any) -> tuple[int, int] | None:
    shape = network.input(0).partial_shape
    return None if shape.is_dynamic else (shape[2].get_length(), shape[3].get_length())


def _described(weights: Path, network: Any) -> tuple[dict[int, str], int]:
    """Return the names of the classes and the stride, which Ultralytics writes beside or into what it exports."""
    beside = weights / METADATA_FILE
    if beside.is_file():
        stated = yaml.safe_load(beside.read_text(encoding="utf-8"))
    else:  # an ONNX file carries it as strings
        stated = {name: network.get_rt_info(["framework", name]).astype(str) for name in ("task", "names", "stride")}
        stated["names"] = ast.literal_eval(stated["names"])
    task, names, stride = stated["task"], stated["names"], stated["stride"]
    if task != "detect":
        instead = "; --detection-engine ultralytics of the full worker runs it" if task in _TASKS_WITH_BOXES else ""
        raise ValueError(f"it is a model for the task {task}, not for detection{instead}")
    return class_names(names), int(stride)
