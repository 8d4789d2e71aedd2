"""Object detection by a YOLO network on OpenVINO: the fast engine."""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

import ast
import copy
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, cast

import numpy as np
import yaml

from job_worker.detection.letterbox import Letterbox, letterbox
from job_worker.detection.nms import ROW_COLUMNS, non_maximum_suppression
from job_worker.errors import ModelLoadError
from job_worker.inference.openvino_models import Compute, ShapedModel, read_model
from job_worker.inference.vendor_libraries import reason_of
from shared.results import Box, Detection
from shared.video.frame import Image

__all__ = ["OpenVinoDetector", "is_runnable"]

METADATA_FILE = "metadata.yaml"


@dataclass(frozen=True, slots=True)
class _Description:
    """What Ultralytics writes beside a network it exports."""

    task: str
    names: dict[int, str]
    stride: int


class OpenVinoDetector:
    """Finds objects with a network that Ultralytics exported. For use from any number of threads.

    Args:
        weights: A `*_openvino_model` folder or an ONNX file.
        compute: How it runs.
        confidence: Objects that the model is less sure of are dropped, 0 to 1.
        iou: Of two boxes of a class that overlap more than this, the surer one stays, 0 to 1.
        image_size: Long side of the network's input in pixels; a network exported for one size keeps that size.

    Raises:
        ModelLoadError: The network cannot be loaded or does not find objects.
    """

    batch_size = 1  # pictures side by side on the cores cost less than several in one request

    def __init__(
        self, weights: Path, compute: Compute, *, confidence: float = 0.25, iou: float = 0.7, image_size: int = 640
    ) -> None:
        self.concurrency = compute.threads
        self._confidence = confidence
        self._iou = iou
        try:
            self._network = read_model(next(weights.glob("*.xml"), weights))
            self._description = _description(weights, self._network)
            self._fixed_size = _fixed_size(self._network)
            self._image_size = image_size
            self._model = ShapedModel(self._shaped, compute.precision)
            self._try()
        except Exception as error:
            raise ModelLoadError(
                f"The detector's weights {weights} cannot be loaded: {reason_of(error)}. Give a whole detection model "
                "as Ultralytics exports it."
            ) from error

    @property
    def labels(self) -> Collection[str]:
        """The labels that its detections can have; see `Detector.labels`."""
        return self._description.names.values()

    def with_limits(self, confidence: float, iou: float) -> Self:
        """Returns a detector with other limits on the same network; see `Detector.with_limits`."""
        other = copy.copy(self)
        other._confidence, other._iou = confidence, iou
        return other

    def detect(self, image: Image) -> list[Detection]:
        """Find the objects in a picture; see `Detector.detect`."""
        boxed = self._letterbox(image)
        with self._model.inferred(boxed.image) as output:
            rows = boxed.scaled_back(non_maximum_suppression(output(0)[0], self._confidence, self._iou))
        found = [self._detection(row) for row in rows.tolist()]
        # The network's own order depends on ties in its scores; this one does not.
        return sorted(found, key=lambda detection: (-detection.confidence, detection.box, detection.class_id))

    def detect_batch(self, images: Sequence[Image]) -> list[list[Detection]]:
        """Find the objects in several pictures; see `Detector.detect_batch`."""
        return [self.detect(image) for image in images]

    def _try(self) -> None:
        """Runs the network once, on the smallest input, so that one that does not run is known at the start."""
        side = 2 * self._description.stride
        with self._model.inferred(np.zeros((*(self._fixed_size or (side, side)), 3), np.uint8)) as output:
            shape = output(0).shape
        if shape[-1] != ROW_COLUMNS and shape[1] != 4 + len(self._description.names):
            names = len(self._description.names)
            raise ValueError(f"it gives {shape[1] - 4} scores a box, and its description names {names} classes")

    def _letterbox(self, image: Image) -> Letterbox:
        if self._fixed_size:
            return letterbox(image, *self._fixed_size)
        return letterbox(image, self._image_size, self._image_size, self._description.stride)

    def _detection(self, row: list[float]) -> Detection:
        *corners, score, class_id = row
        name = self._description.names[int(class_id)]
        box = cast("Box", tuple(corners))
        return Detection(label=name, class_id=int(class_id), confidence=min(score, 1.0), box=box)

    def _shaped(self, height: int, width: int) -> Any:
        """Returns the network for one size of input, taking BGR bytes: the scaling of values is part of it."""
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
    """Tells whether this engine runs these weights as they are, by their form alone."""
    return weights.suffix == ".onnx" or (weights / METADATA_FILE).is_file()


def _fixed_size(network: Any) -> tuple[int, int] | None:
    shape = network.input(0).partial_shape
    return None if shape.is_dynamic else (shape[2].get_length(), shape[3].get_length())


def _description(weights: Path, network: Any) -> _Description:
    beside = weights / METADATA_FILE
    if beside.is_file():
        stated = yaml.safe_load(beside.read_text(encoding="utf-8"))
        task, names, stride = stated["task"], stated["names"], stated["stride"]
    else:  # an ONNX file carries it as strings
        told = {name: network.get_rt_info(["framework", name]).astype(str) for name in ("task", "names", "stride")}
        task, names, stride = told["task"], ast.literal_eval(told["names"]), told["stride"]
    if task != "detect":
        raise ValueError(f"it is a model for the task {task}, not for detection")
    return _Description(task, {int(number): str(name) for number, name in dict(names).items()}, int(stride))
