"""Reading one line of text: a recognition network of PaddleOCR's (CTC) on OpenVINO."""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt
import yaml

from job_worker.inference.image_cache import ImageCache
from job_worker.inference.openvino_models import Precision, compile_model, cpu_has_bf16, read_model
from job_worker.ocr.network_rewrites import without_concatenations
from job_worker.ocr.quantised import in_integers, ranges_for
from shared.video.frame import Image

__all__ = ["LineShape", "ReadLine", "TextRecogniser", "network_input"]

LINE_HEIGHT = 48
"""Rows of the network's input, in pixels."""
MOST_WIDTH = 3200
CONDENSED_FROM_WIDTH = 320
"""Lines up to this width are never condensed."""
HEAD_STEPS = 32
"""Steps (of 8 pixels) for which the last layer is computed at a time; their probabilities take 2.4 MB as floats."""
LINES_REMEMBERED = 512
"""Lines kept in case they come again; a screen full of text has some hundred."""
BLANK = 0
"""The network's number for no character."""


@dataclass(frozen=True, slots=True)
class ReadLine:
    """What a line says.

    Attributes:
        text: The characters; empty where there are none.
        confidence: Mean of the characters' probabilities, 0 to 1.
    """

    text: str
    confidence: float


@dataclass(frozen=True, slots=True)
class LineShape:
    """How lines are brought into the shape of the network's input, 48 rows of pixels.

    Attributes:
        least_width: Shorter lines are padded to this with grey, in pixels. The network was trained on 320.
        width_step: Widths are padded to a multiple of this, in pixels: the first line of a width costs half as much
            again as the next.
        condensed: Longer lines are condensed to this share of their width, 0 to 1.
    """

    least_width: int = 320
    width_step: int = 1
    condensed: float = 1.0


class TextRecogniser:
    """Reads lines, each at its own width: beside a wider one it would be padded, which changes what is read.

    For use from any number of threads.

    Args:
        folder: A PaddleOCR model folder: `inference.onnx`, and `inference.yml` with its alphabet.
        precision: What it computes in.
        shape: How lines are brought into its input's shape.
    """

    def __init__(self, folder: Path, precision: Precision, shape: LineShape) -> None:
        self._shape = shape
        config = yaml.safe_load((folder / "inference.yml").read_text(encoding="utf-8"))
        self._alphabet = ["", *config["PostProcess"]["character_dict"], " "]
        network = without_concatenations(read_model(folder / "inference.onnx"))
        in_bytes = precision is Precision.int8 and cpu_has_bf16()
        if in_bytes and (measured := ranges_for(folder / "inference.onnx")):
            network = in_integers(network, measured)
        self._network = _Network(network, precision)
        self._recent: ImageCache[ReadLine] = ImageCache(LINES_REMEMBERED)

    def read(self, line: Image) -> ReadLine:
        """Reads a line, or remembers it: on screens and slides most lines stay as they are, to the last bit.

        Args:
            line: `(H, W, 3)` uint8 BGR, upright.
        """
        return self._recent.result_of(line, self._read)

    def _read(self, line: Image) -> ReadLine:
        return self._decoded(*self._network.most_likely(network_input(line, self._shape)))

    def _decoded(self, characters: npt.NDArray[np.int32], probabilities: npt.NDArray[np.float32]) -> ReadLine:
        """Takes the steps apart as CTC says: a character lasts until another or a blank comes."""
        begins = characters != BLANK
        begins[1:] &= characters[1:] != characters[:-1]
        if not begins.any():
            return ReadLine("", 0.0)
        text = "".join(self._alphabet[number] for number in characters[begins].tolist())
        return ReadLine(text, min(float(probabilities[begins].mean()), 1.0))


class _Network:
    """The network in two parts: one for a line of any width, and its last layer, for some steps at a time.

    The last layer makes 18,710 probabilities a step of a few features. The largest of them is taken inside it, so that
    the others are never copied and do not leave the CPU's cache.
    """

    def __init__(self, network: Any, precision: Precision) -> None:
        self._features = compile_model(_without_head(network), precision)
        self._head = compile_model(_head(network), precision)

    def most_likely(self, prepared: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
        """Returns each step's most likely character, as its number, and its probability."""
        import openvino

        with self._features.inferred(prepared) as output, self._head.request() as head:
            features = output()[0]
            characters, probabilities = np.empty(len(features), np.int32), np.empty(len(features), np.float32)
            entering = np.empty((1, HEAD_STEPS, features.shape[1]), np.float32)
            head.set_input_tensor(openvino.Tensor(entering, shared_memory=True))
            probability, character = (head.get_output_tensor(number).data for number in (0, 1))
            for start in range(0, len(features), HEAD_STEPS):
                piece = features[start : start + HEAD_STEPS]
                entering[0, : len(piece)] = piece
                entering[0, len(piece) :] = 0
                head.infer()
                probabilities[start : start + HEAD_STEPS] = probability[0, : len(piece), 0]
                characters[start : start + HEAD_STEPS] = character[0, : len(piece), 0]
        return characters, probabilities


def _without_head(network: Any) -> Any:
    """Returns the network up to the features that its last layer takes: `(1, steps, features)`."""
    import openvino
    from openvino import opset13

    return openvino.Model([opset13.result(_head_input(network).get_source_output())], network.get_parameters(), "body")


def _head(network: Any) -> Any:
    """Returns the last layer, for a number of steps, with two outputs: the largest probability, and whose it is."""
    import openvino
    from openvino import opset13

    network = network.clone()
    entry = _head_input(network)
    *_, width = entry.get_partial_shape()
    features = opset13.parameter([1, HEAD_STEPS, width.get_length()], openvino.Type.f32)
    entry.replace_source_output(features.output(0))
    probabilities = network.output(0).get_node().input_value(0)
    most_likely = opset13.topk(probabilities, opset13.constant(np.int64(1)), -1, "max", "none")
    return openvino.Model([opset13.result(most_likely.output(number)) for number in (0, 1)], [features], "head")


def _head_input(network: Any) -> Any:
    """Returns the input at which the last layer, a product with a constant, takes its features."""
    entry = network.output(0).get_node().input(0)
    while (node := entry.get_source_output().get_node()).get_type_name() != "MatMul":
        entry = node.input(0)
    quantised = node.input_value(0).get_node()
    return quantised.input(0) if quantised.get_type_name() == "FakeQuantize" else node.input(0)


def network_input(line: Image, shape: LineShape) -> npt.NDArray[np.float32]:
    """Returns what the network takes for a line: `(1, 3, 48, W)` float32 BGR from -1 to 1."""
    ratio = line.shape[1] / line.shape[0]
    if LINE_HEIGHT * ratio > CONDENSED_FROM_WIDTH:
        ratio = max(ratio * shape.condensed, CONDENSED_FROM_WIDTH / LINE_HEIGHT)
    width = min(int(LINE_HEIGHT * max(shape.least_width / LINE_HEIGHT, ratio)), MOST_WIDTH)
    scaled_width = min(math.ceil(LINE_HEIGHT * ratio), width)
    padded_width = -(-width // shape.width_step) * shape.width_step
    scaled = cast("Image", cv2.resize(line, (scaled_width, LINE_HEIGHT)))
    prepared = np.zeros((1, 3, LINE_HEIGHT, padded_width), np.float32)
    np.multiply(scaled.transpose(2, 0, 1), np.float32(1 / 127.5), out=prepared[0, :, :, :scaled_width])
    prepared[0, :, :, :scaled_width] -= 1
    return prepared
