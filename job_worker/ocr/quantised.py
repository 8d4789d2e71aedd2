"""Quantises the text recogniser to 8-bit integers, which some CPUs multiply fastest.

The network comes with the project's dependencies in 32-bit floats. Quantisation needs the activation ranges of its
largest layers, measured on rendered lines by `python -m training.text_ranges` and stored with the bundled models.
Weights are rounded per channel to 255 levels around zero, activations to 256 levels over their range (Jacob et al.,
"Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018). The other layers
stay in floats.
"""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

__all__ = ["RANGES_FILE", "ActivationRanges", "is_worth_quantising", "quantise", "ranges_for"]

RANGES_FILE = Path(__file__).parent.parent / "bundled" / "text_ranges.yaml"

MIN_CHANNELS = 192
"""Pointwise convolutions with at least this many channels on both sides take most of the time."""

MIN_CLASSES = 1000
"""A product with at least this many columns is the last layer, which classifies the characters."""

INPUT_LEVELS = 256
WEIGHT_LEVELS = 255


@dataclass(frozen=True, slots=True)
class ActivationRanges:
    """The activation ranges of the quantised layers of a network.

    Attributes:
        sha256: Hash of the network's file.
        ranges: The least and the largest input value of a layer, by the layer's name.
    """

    sha256: str
    ranges: dict[str, tuple[float, float]]


def ranges_for(model: Path) -> ActivationRanges | None:
    """Return the ranges that were measured for a network's file; None for another file."""
    measured = ActivationRanges(**yaml.safe_load(RANGES_FILE.read_text(encoding="utf-8")))
    return measured if hashlib.sha256(model.read_bytes()).hexdigest() == measured.sha256 else None


def is_worth_quantising(node: Any) -> bool:
    """Return whether a node of a network is a layer that integers make faster."""
    if node.get_type_name() == "MatMul":
        return int(node.input_value(1).get_partial_shape()[-1].get_max_length()) >= MIN_CLASSES
    if node.get_type_name() != "Convolution":
        return False
    channels_out, channels_in, *kernel = node.input_value(1).get_partial_shape().get_max_shape()
    return bool(kernel == [1, 1] and min(channels_out, channels_in) >= MIN_CHANNELS)


def quantise(network: Any, measured: ActivationRanges) -> Any:
    """Mark the layers that compute in integers, in place, and return the network."""
    from openvino import opset13

    for node in network.get_ordered_ops():
        if node.get_friendly_name() not in measured.ranges:
            continue
        low, high = (np.float32(value) for value in measured.ranges[node.get_friendly_name()])
        activations = opset13.fake_quantize(node.input_value(0), low, high, low, high, INPUT_LEVELS)
        weights = node.input_value(1)
        summed_axes = 0 if node.get_type_name() == "MatMul" else (1, 2, 3)
        largest = np.abs(weights.get_node().data).max(axis=summed_axes, keepdims=True).astype(np.float32)
        rounded = opset13.fake_quantize(weights, -largest, largest, -largest, largest, WEIGHT_LEVELS)
        node.input(0).replace_source_output(activations.output(0))
        node.input(1).replace_source_output(rounded.output(0))
    return network
