"""The text recogniser in 8-bit integers, where a CPU multiplies those fastest.

The network comes with the project's dependencies in 32-bit floats. What makes it one in integers is small: the range of
values that enter each of its largest layers, measured on rendered lines by `python -m training.text_ranges` and kept
with the bundled models. Weights are rounded a channel at a time, to 255 levels about zero; what enters, to 256 levels
over its range (Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference", 2018). The other layers stay in floats.
"""

# ruff: noqa: PLC0415 - the heavy libraries are loaded when a model is, not when this module is

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

__all__ = ["RANGES_FILE", "LayerRanges", "in_integers", "is_quantised_layer", "ranges_for"]

RANGES_FILE = Path(__file__).parent.parent / "bundled" / "text_ranges.yaml"

LEAST_CHANNELS = 192
"""Pointwise convolutions with at least so many channels on either side are most of the work."""

LEAST_CLASSES = 1000
"""A product with at least so many columns is the last layer, which tells the characters apart."""

INPUT_LEVELS = 256
WEIGHT_LEVELS = 255


@dataclass(frozen=True, slots=True)
class LayerRanges:
    """What enters the quantised layers of a network.

    Attributes:
        sha256: Of the network's file.
        ranges: The least and the largest value that enters a layer, by the layer's name.
    """

    sha256: str
    ranges: dict[str, tuple[float, float]]


def ranges_for(model: Path) -> LayerRanges | None:
    """Returns the ranges that were measured for a network's file; None for another file."""
    measured = LayerRanges(**yaml.safe_load(RANGES_FILE.read_text(encoding="utf-8")))
    return measured if hashlib.sha256(model.read_bytes()).hexdigest() == measured.sha256 else None


def is_quantised_layer(node: Any) -> bool:
    """Whether a node of a network is one that is worth computing in integers."""
    if node.get_type_name() == "MatMul":
        return int(node.input_value(1).get_partial_shape()[-1].get_max_length()) >= LEAST_CLASSES
    if node.get_type_name() != "Convolution":
        return False
    channels_out, channels_in, *kernel = node.input_value(1).get_partial_shape().get_max_shape()
    return bool(kernel == [1, 1] and min(channels_out, channels_in) >= LEAST_CHANNELS)


def in_integers(network: Any, measured: LayerRanges) -> Any:
    """Marks the layers that are to compute in integers, in place, and returns the network."""
    from openvino import opset13

    for node in network.get_ordered_ops():
        if node.get_friendly_name() not in measured.ranges:
            continue
        low, high = (np.float32(value) for value in measured.ranges[node.get_friendly_name()])
        entering = opset13.fake_quantize(node.input_value(0), low, high, low, high, INPUT_LEVELS)
        weights = node.input_value(1)
        added_over = 0 if node.get_type_name() == "MatMul" else (1, 2, 3)
        largest = np.abs(weights.get_node().data).max(axis=added_over, keepdims=True).astype(np.float32)
        rounded = opset13.fake_quantize(weights, -largest, largest, -largest, largest, WEIGHT_LEVELS)
        node.input(0).replace_source_output(entering.output(0))
        node.input(1).replace_source_output(rounded.output(0))
    return network
