"""PaddleOCR's text networks on OpenVINO."""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from job_worker.inference.openvino_models import PerShapeModel, compile_model, read_model
from job_worker.ocr.network_rewrites import (
    with_less_to_compute,
    without_concatenations,
    without_fused_convolutions,
)
from job_worker.ocr.text_boxes import Logits
from job_worker.ocr.text_detector import DEVIATION, MEAN
from job_worker.ocr.text_recogniser import MostLikely, PreparedLine
from shared.pipelines.profiles import Precision
from shared.video.image import Image

HEAD_STEPS = 32
"""Time steps (of 8 pixels) for which the last layer is computed at once; their probabilities take 2.4 MB as floats."""


class OpenVinoHeatMap:
    """The network that finds lines. Thread-safe.

    Args:
        folder: A PaddleOCR model folder: `inference.onnx`.
        precision: The number type that it computes in.
    """

    def __init__(self, folder: Path, precision: Precision) -> None:
        network = with_less_to_compute(read_model(folder / "inference.onnx"))
        self._network = without_fused_convolutions(without_concatenations(network))
        self._model = PerShapeModel(self._with_input_size, precision)

    def __call__(self, image: Image) -> Logits:
        """Return the heat map of an image whose sides are multiples of 32."""
        height, width, _ = image.shape
        with self._model.inferred(image) as output:
            return _depth_to_space(output(0)[0], height, width)

    def _with_input_size(self, height: int, width: int) -> Any:
        """Return the network for one input size; it takes BGR bytes and normalises the values itself."""
        import openvino
        from openvino.preprocess import PrePostProcessor

        network = self._network.clone()
        network.reshape([1, 3, height, width])
        steps = PrePostProcessor(network)
        steps.input().tensor().set_element_type(openvino.Type.u8).set_layout(openvino.Layout("NHWC"))
        steps.input().model().set_layout(openvino.Layout("NCHW"))
        values = steps.input().preprocess().convert_element_type(openvino.Type.f32)
        values.mean([255 * mean for mean in MEAN]).scale([255 * deviation for deviation in DEVIATION])
        return steps.build()


def _depth_to_space(output: npt.NDArray[np.float32], height: int, width: int) -> Logits:
    """Rearrange the 16 channels of `without_upsampling` into pixels: `(16, H/4, W/4)` to `(H, W)`."""
    places = output.reshape(2, 2, 2, 2, height // 4, width // 4)
    logits = np.empty((height // 4, 4, width // 4, 4), np.float32)
    for row in range(4):
        within_row = places[row // 2, :, row % 2].reshape(4, height // 4, width // 4)
        logits[:, row] = cv2.merge([*within_row])
    return logits.reshape(height, width)


class OpenVinoCharacters:
    """The network in two parts: its body for lines of any width, and its last layer (head) for some steps at a time.

    The head computes 18,710 probabilities for each step from a few features. Their maximum is taken inside it, so that
    the others are never copied and stay in the CPU's cache. Thread-safe.

    Args:
        folder: A PaddleOCR model folder: `inference.onnx`.
        precision: The number type that it computes in.
        head_steps: Time steps for which the last layer is computed at once.
    """

    def __init__(self, folder: Path, precision: Precision, head_steps: int = HEAD_STEPS) -> None:
        network = without_concatenations(read_model(folder / "inference.onnx"))
        self._head_steps = head_steps
        self._body = compile_model(_body(network), precision)
        self._head = compile_model(_head(network, head_steps), precision)

    def __call__(self, line: PreparedLine) -> MostLikely:
        """Return what each time step of a line most likely is."""
        import openvino

        with self._body.inferred(line) as output, self._head.request() as head:
            features = output()[0]
            characters, probabilities = np.empty(len(features), np.int32), np.empty(len(features), np.float32)
            steps = self._head_steps
            chunk = np.empty((1, steps, features.shape[1]), np.float32)
            head.set_input_tensor(openvino.Tensor(chunk, shared_memory=True))
            probability, character = (head.get_output_tensor(number).data for number in (0, 1))
            for start in range(0, len(features), steps):
                part = features[start : start + steps]
                chunk[0, : len(part)] = part
                chunk[0, len(part) :] = 0
                head.infer()
                probabilities[start : start + steps] = probability[0, : len(part), 0]
                characters[start : start + steps] = character[0, : len(part), 0]
        return characters, probabilities


def _body(network: Any) -> Any:
    """Return the network up to the input of its last layer: `(1, steps, features)`."""
    import openvino
    from openvino import opset13

    return openvino.Model([opset13.result(_head_input(network).get_source_output())], network.get_parameters(), "body")


def _head(network: Any, steps: int) -> Any:
    """Return the last layer for a number of steps, with two outputs: the largest probability and its index."""
    import openvino
    from openvino import opset13

    network = network.clone()
    entry = _head_input(network)
    *_, width = entry.get_partial_shape()
    features = opset13.parameter([1, steps, width.get_length()], openvino.Type.f32)
    entry.replace_source_output(features.output(0))
    probabilities = network.output(0).get_node().input_value(0)
    most_likely = opset13.topk(probabilities, opset13.constant(np.int64(1)), -1, "max", "none")
    return openvino.Model([opset13.result(most_likely.output(number)) for number in (0, 1)], [features], "head")


def _head_input(network: Any) -> Any:
    """Return the input of the last layer, a product with a constant, at which it takes its features."""
    entry = network.output(0).get_node().input(0)
    while (node := entry.get_source_output().get_node()).get_type_name() != "MatMul":
        entry = node.input(0)
    return node.input(0)
