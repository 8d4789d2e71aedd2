"""Reads one line of text with a recognition network of PaddleOCR (CTC) on OpenVINO."""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt
import yaml

from job_worker.inference.image_cache import cached_by_image
from job_worker.inference.openvino_models import Precision, compile_model, read_model
from job_worker.ocr.network_rewrites import without_concatenations
from shared.pipelines.profiles import ProfileNumbers
from shared.video.frame import Image

LINE_HEIGHT = 48
"""Height of the network's input, in pixels."""
MAX_WIDTH = 3200
SCALED_FROM_WIDTH = 320
"""Lines up to this width keep their proportions."""
HEAD_STEPS = 32
"""Time steps (of 8 pixels) for which the last layer is computed at once; their probabilities take 2.4 MB as floats."""
CACHED_LINES = 512
"""Number of recent lines that are kept in case they repeat; a screen full of text has some hundred."""
BLANK = 0
"""The network's index for no character."""


@dataclass(frozen=True, slots=True)
class ReadLine:
    """The text of a line.

    Attributes:
        text: The characters; empty if there are none.
        confidence: Mean of the characters' probabilities, 0 to 1.
    """

    text: str
    confidence: float


class TextRecogniser:
    """Reads lines, each at its own width: in a batch it would be padded to the widest one, which changes the text.

    Thread-safe.

    Args:
        folder: A PaddleOCR model folder: `inference.onnx`, and `inference.yml` with its alphabet.
        numbers: The precision, and how lines are resized for the network's input.
        head_steps: Time steps for which the last layer is computed at once.

    Attributes:
        read: Reads a line: `(H, W, 3)` uint8 BGR, upright. Results are cached, because on screens and slides most lines
            stay the same to the last bit.
    """

    def __init__(self, folder: Path, numbers: ProfileNumbers, *, head_steps: int = HEAD_STEPS) -> None:
        self._numbers = numbers
        config = yaml.safe_load((folder / "inference.yml").read_text(encoding="utf-8"))
        self._alphabet = ["", *config["PostProcess"]["character_dict"], " "]
        network = without_concatenations(read_model(folder / "inference.onnx"))
        self._network = _Network(network, Precision(numbers.precision), head_steps)
        self.read = cached_by_image(self._read, CACHED_LINES)

    def _read(self, line: Image) -> ReadLine:
        return self._decoded(*self._network.most_likely(_network_input(line, self._numbers)))

    def _decoded(self, characters: npt.NDArray[np.int32], probabilities: npt.NDArray[np.float32]) -> ReadLine:
        """Decode the time steps by CTC: a character lasts until another character or a blank."""
        begins = characters != BLANK
        begins[1:] &= characters[1:] != characters[:-1]
        if not begins.any():
            return ReadLine("", 0.0)
        text = "".join(self._alphabet[number] for number in characters[begins].tolist())
        return ReadLine(text, min(float(probabilities[begins].mean()), 1.0))


class _Network:
    """The network in two parts: its body for lines of any width, and its last layer (head) for some steps at a time.

    The head computes 18,710 probabilities for each step from a few features. Their maximum is taken inside it, so that
    the others are never copied and stay in the CPU's cache.
    """

    def __init__(self, network: Any, precision: Precision, head_steps: int) -> None:
        self._head_steps = head_steps
        self._body = compile_model(_body(network), precision)
        self._head = compile_model(_head(network, head_steps), precision)

    def most_likely(self, prepared: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Return the index of each step's most likely character, and its probability."""
        import openvino

        with self._body.inferred(prepared) as output, self._head.request() as head:
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


def _network_input(line: Image, numbers: ProfileNumbers) -> npt.NDArray[np.float32]:
    """Return the network's input for a line: `(1, 3, 48, W)` float32 BGR from -1 to 1."""
    ratio = line.shape[1] / line.shape[0]
    if LINE_HEIGHT * ratio > SCALED_FROM_WIDTH:
        ratio = max(ratio * numbers.line_width_scale, SCALED_FROM_WIDTH / LINE_HEIGHT)
    width = min(int(LINE_HEIGHT * max(numbers.min_line_width / LINE_HEIGHT, ratio)), MAX_WIDTH)
    scaled_width = min(math.ceil(LINE_HEIGHT * ratio), width)
    padded_width = -(-width // numbers.line_width_step) * numbers.line_width_step
    scaled = cast("Image", cv2.resize(line, (scaled_width, LINE_HEIGHT)))
    prepared = np.zeros((1, 3, LINE_HEIGHT, padded_width), np.float32)
    np.multiply(scaled.transpose(2, 0, 1), np.float32(1 / 127.5), out=prepared[0, :, :, :scaled_width])
    prepared[0, :, :, :scaled_width] -= 1
    return prepared
