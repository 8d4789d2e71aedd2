"""Finds lines of text with a detection network of PaddleOCR (DB) on OpenVINO."""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from job_worker.inference.openvino_models import PerShapeModel, Precision, read_model
from job_worker.ocr.network_rewrites import without_concatenations, without_upsampling
from job_worker.ocr.text_boxes import Logits, TextBox, find_text_boxes
from shared.video.frame import Image

SIDE_STEP = 32
"""Both sides of the network's input are multiples of this."""
MAX_SIDE = 4000
"""Larger images are scaled down to this, in pixels; PaddleOCR's limit."""
MIN_HALF_PERIMETER = 64
"""A smaller image is padded before it is scaled, so that a line of one pixel does not become a square."""

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
"""Mean and deviation of the channels in BGR order, with values from 0 to 1, as in the network's training."""


class TextDetector:
    """Finds lines of text. Thread-safe.

    Args:
        folder: A PaddleOCR model folder: `inference.onnx`.
        precision: The number type that it computes in.
    """

    def __init__(self, folder: Path, precision: Precision) -> None:
        self._network = without_concatenations(without_upsampling(read_model(folder / "inference.onnx")))
        self._model = PerShapeModel(self._with_input_size, precision)

    def find(self, image: Image, long_side: int = MAX_SIDE) -> list[TextBox]:
        """Find the lines in an image.

        Args:
            image: `(H, W, 3)` uint8 BGR.
            long_side: A larger image is scaled down to this for the search, in pixels.

        Returns:
            The lines in pixels of `image`, in no particular order.
        """
        height, width, _ = image.shape
        return find_text_boxes(self._logits(_scaled(_padded(image), min(long_side, MAX_SIDE))), width, height)

    def _logits(self, scaled: Image) -> Logits:
        height, width, _ = scaled.shape
        with self._model.inferred(scaled) as output:
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


def _padded(image: Image) -> Image:
    height, width, _ = image.shape
    if height + width >= MIN_HALF_PERIMETER:
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
    """Rearrange the 16 channels of `without_upsampling` into pixels: `(16, H/4, W/4)` to `(H, W)`."""
    places = output.reshape(2, 2, 2, 2, height // 4, width // 4)
    logits = np.empty((height // 4, 4, width // 4, 4), np.float32)
    for row in range(4):
        within_row = places[row // 2, :, row % 2].reshape(4, height // 4, width // 4)
        logits[:, row] = cv2.merge([*within_row])
    return logits.reshape(height, width)
