"""Finding lines of text: a detection network of PaddleOCR's (DB) on OpenVINO."""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from job_worker.ocr.quadrilaterals import Logits, Quad, quads_in
from job_worker.openvino_models import Compute, ShapedModel, read_model
from job_worker.video.frame import Image

__all__ = ["TextDetector"]

SIDE_STEP = 32
"""Both sides of the network's input are multiples of this."""
MAX_SIDE = 4000
"""Larger pictures are scaled down to this, in pixels; PaddleOCR's limit."""
LEAST_HALF_PERIMETER = 64
"""A picture with less is padded before it is scaled, so that a line of one pixel does not become a square."""

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
"""Of the channels as they come, BGR, of 0 to 1: the network was trained so."""


class TextDetector:
    """Finds lines of text. For use from any number of threads.

    Args:
        folder: A PaddleOCR model folder: `inference.onnx`.
        compute: How it runs.
    """

    def __init__(self, folder: Path, compute: Compute) -> None:
        self._network = _without_upsampling(read_model(folder / "inference.onnx"))
        self._model = ShapedModel(self._shaped, compute)

    def find(self, image: Image, long_side: int = MAX_SIDE) -> list[Quad]:
        """Finds the lines in a picture.

        Args:
            image: `(H, W, 3)` uint8 BGR.
            long_side: A larger picture is looked at scaled down to this, in pixels.

        Returns:
            Their corners in pixels of `image`, in no particular order.
        """
        height, width, _ = image.shape
        return quads_in(self._logits(_scaled(_padded(image), min(long_side, MAX_SIDE))), width, height)

    def _logits(self, scaled: Image) -> Logits:
        height, width, _ = scaled.shape
        with self._model.inferred(scaled) as output:
            return _depth_to_space(output(0)[0], height, width)

    def _shaped(self, height: int, width: int) -> Any:
        """Returns the network for one size of picture, taking bytes: the scaling of values is part of it."""
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


def _padded(image: Image) -> Image:
    height, width, _ = image.shape
    if height + width >= LEAST_HALF_PERIMETER:
        return image
    padded = np.zeros((max(height, SIDE_STEP), max(width, SIDE_STEP), 3), np.uint8)
    padded[:height, :width] = image
    return padded


def _scaled(image: Image, long_side: int) -> Image:
    height, width, _ = image.shape
    ratio = min(long_side / max(height, width), 1.0)
    sides = [max(round(int(side * ratio) / SIDE_STEP) * SIDE_STEP, SIDE_STEP) for side in (width, height)]
    return image if sides == [width, height] else cast("Image", cv2.resize(image, sides))


def _depth_to_space(output: npt.NDArray[np.float32], height: int, width: int) -> Logits:
    """Puts the 16 channels of `_without_upsampling` into their places: `(16, H/4, W/4)` to `(H, W)`."""
    places = output.reshape(2, 2, 2, 2, height // 4, width // 4)
    return np.ascontiguousarray(places.transpose(4, 0, 2, 5, 1, 3).reshape(height, width), np.float32)


def _without_upsampling(network: Any) -> Any:
    """Rewrites the network's end without changing what it computes.

    It ends in two transposed convolutions with kernel 2 and stride 2 and a sigmoid. No output pixel of such a
    convolution depends on more than one input pixel, so the first is a pointwise one with a channel for each of four
    places, and the second a pointwise one within each of these groups: both at a quarter of the picture's size. What
    is left is to put 16 channels into their places. The sigmoid is left to the few pixels that need it.
    """
    import openvino
    from openvino import opset13

    first, second = [node for node in network.get_ordered_ops() if node.get_type_name() == _TRANSPOSED][-2:]
    kernel, last_kernel = (_constant(node.input_value(1).get_node()) for node in (first, second))
    channels_in, channels, *_ = kernel.shape
    # From (in, out, row, column) to (row, column, out, in): places first.
    pointwise = kernel.transpose(2, 3, 1, 0).reshape(4 * channels, channels_in, 1, 1)
    bias = np.tile(_bias_after(first), 4).reshape(1, -1, 1, 1)
    within_group = last_kernel.transpose(2, 3, 1, 0).reshape(4, channels, 1, 1)
    ones, zeros = [1, 1], [0, 0]
    middle = opset13.convolution(first.input_value(0), opset13.constant(pointwise), ones, zeros, zeros, ones)
    middle = opset13.relu(opset13.add(middle, opset13.constant(bias)))
    groups = opset13.constant(np.stack([within_group] * 4))
    logits = opset13.group_convolution(middle, groups, ones, zeros, zeros, ones)
    logits = opset13.add(logits, opset13.constant(_bias_after(second).reshape(1, 1, 1, 1)))
    return openvino.Model([opset13.result(logits)], network.get_parameters(), "detector")


_TRANSPOSED = "ConvolutionBackpropData"


def _constant(node: Any) -> npt.NDArray[np.float32]:
    while node.get_type_name() != "Constant":
        node = node.input_value(0).get_node()
    return np.asarray(node.data, np.float32)


def _bias_after(node: Any) -> npt.NDArray[np.float32]:
    """Returns the constant that is added next to what a node computes."""
    while node.get_type_name() != "Add":
        node = next(iter(node.output(0).get_target_inputs())).get_node()
    operands = [node.input_value(number).get_node() for number in (0, 1)]
    return next(_constant(operand) for operand in operands if operand.get_type_name() == "Constant").ravel()
