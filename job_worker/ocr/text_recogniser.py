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

from job_worker.openvino_models import Compute, compile_model, read_model
from job_worker.video.frame import Image

__all__ = ["LineShape", "ReadLine", "TextRecogniser"]

LINE_HEIGHT = 48
"""Rows of the network's input, in pixels."""
MOST_WIDTH = 3200
CONDENSED_FROM_WIDTH = 320
"""Lines up to this width are never condensed."""
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

    The largest of the network's 18,710 probabilities a step is taken inside the network, so that the rest is never
    copied. For use from any number of threads.

    Args:
        folder: A PaddleOCR model folder: `inference.onnx`, and `inference.yml` with its alphabet.
        compute: How it runs.
        shape: How lines are brought into its input's shape.
    """

    def __init__(self, folder: Path, compute: Compute, shape: LineShape) -> None:
        self._shape = shape
        config = yaml.safe_load((folder / "inference.yml").read_text(encoding="utf-8"))
        self._alphabet = ["", *config["PostProcess"]["character_dict"], " "]
        self._model = compile_model(_with_most_likely(read_model(folder / "inference.onnx")), compute)

    def read(self, line: Image) -> ReadLine:
        """Reads a line.

        Args:
            line: `(H, W, 3)` uint8 BGR, upright.
        """
        with self._model.inferred(_prepared(line, self._shape)) as output:
            probabilities, characters = output(0)[0, :, 0], output(1)[0, :, 0]
            return self._decoded(characters, probabilities)

    def _decoded(self, characters: npt.NDArray[np.int32], probabilities: npt.NDArray[np.float32]) -> ReadLine:
        """Takes the steps apart as CTC says: a character lasts until another or a blank comes."""
        begins = characters != BLANK
        begins[1:] &= characters[1:] != characters[:-1]
        if not begins.any():
            return ReadLine("", 0.0)
        text = "".join(self._alphabet[number] for number in characters[begins])
        return ReadLine(text, min(float(probabilities[begins].mean()), 1.0))


def _with_most_likely(network: Any) -> Any:
    """Returns the network with two outputs a step: the largest probability, and which character it is of."""
    import openvino
    from openvino import opset13

    probabilities = network.output(0).get_node().input_value(0)
    most_likely = opset13.topk(probabilities, opset13.constant(np.int64(1)), -1, "max", "none")
    results = [opset13.result(most_likely.output(number)) for number in (0, 1)]
    return openvino.Model(results, network.get_parameters(), "recogniser")


def _prepared(line: Image, shape: LineShape) -> npt.NDArray[np.float32]:
    """Returns the network's input: `(1, 3, 48, W)` float32 BGR from -1 to 1."""
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
