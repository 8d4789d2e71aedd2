"""Rewritten networks compute what PaddleOCR's do."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import pytest
from openvino import Model, Type, opset13

from job_worker.inference.openvino_models import compile_model, read_model
from job_worker.ocr.bundled_models import TextModelFolders, bundled_text_models
from job_worker.ocr.network_rewrites import (
    without_concatenations,
    without_fused_convolutions,
    without_upsampling,
    without_zero_channels,
)
from shared.pipelines.profiles import Precision

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.integration, pytest.mark.worker, pytest.mark.models]


@pytest.fixture(scope="module")
def folders() -> TextModelFolders:
    return bundled_text_models()


def output_of(network: Any, data: np.ndarray) -> np.ndarray:
    with compile_model(network, Precision.f32).inferred(data) as output:
        return np.array(output())


def concatenations(network: Any) -> list[int]:
    """How many channels each of the network's concatenations of feature maps makes."""
    nodes = [node for node in network.get_ordered_ops() if node.get_type_name() == "Concat"]
    shapes = [node.output(0).get_partial_shape() for node in nodes]
    return [shape[1].get_length() for shape in shapes if shape.rank.get_length() == 4]


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (1, 3, height, width)).astype(np.float32)


@pytest.mark.parametrize(
    ("which", "change", "data", "channels"),
    [
        ("recognition", lambda network: network, noise(48, 200), [96]),
        ("detection", without_upsampling, noise(96, 160), [48, 96]),
    ],
)
def test_sums_of_convolutions_are_convolutions_of_concatenations(
    which: str, change: Callable[[Any], Any], data: np.ndarray, channels: list[int], folders: TextModelFolders
) -> None:
    file: Path = getattr(folders, which) / "inference.onnx"
    as_it_was, rewritten = change(read_model(file)), without_concatenations(change(read_model(file)))
    assert [count for count in concatenations(as_it_was) if count in channels] == channels
    assert not set(concatenations(rewritten)) & set(channels)
    expected = output_of(as_it_was, data)
    assert np.ptp(expected) > 0.5
    assert output_of(rewritten, data) == pytest.approx(expected, abs=1e-4)


def hidden_channels(network: Any) -> list[int]:
    """How many channels each pointwise convolution makes, in their order."""
    nodes = [node for node in network.get_ordered_ops() if node.get_type_name() == "Convolution"]
    kernels = [node.input_value(1).get_partial_shape().to_shape() for node in nodes]
    return [outputs for outputs, _, height, width in kernels if height == width == 1]


def test_channels_without_weights_are_left_out_and_the_same_is_computed(folders: TextModelFolders) -> None:
    file = folders.detection / "inference.onnx"
    as_it_was, rewritten = read_model(file), without_zero_channels(read_model(file))
    channels = zip(hidden_channels(as_it_was), hidden_channels(rewritten), strict=True)
    assert [(before, after) for before, after in channels if before != after] == [(768, 576), (768, 288)]
    expected = output_of(without_upsampling(as_it_was), noise(96, 160))
    assert np.ptp(expected) > 0.5
    assert output_of(without_upsampling(rewritten), noise(96, 160)) == pytest.approx(expected, abs=1e-5)


def test_the_heat_map_of_a_large_image_is_as_precise_as_that_of_onnx_runtime(folders: TextModelFolders) -> None:
    file, data = folders.detection / "inference.onnx", 2 * noise(1088, 1920)
    session = onnxruntime.InferenceSession(file)
    [expected] = session.run(None, {session.get_inputs()[0].name: data})
    assert np.ptp(expected) > 0.5
    network = without_fused_convolutions(read_model(file))
    network.reshape([*data.shape])
    assert np.abs(output_of(network, data) - expected).max() < 1e-4


@pytest.mark.parametrize("which", ["activation", "sum"])
def test_a_channel_without_weights_stays_where_its_value_is_not_that_of_an_activation_of_zero(which: str) -> None:
    data = opset13.parameter([1, 64, 4, 4], Type.f32)
    kernel = np.zeros((64, 64, 1, 1), np.float32)
    kernel[:20] = 1
    hidden = opset13.add(convolution(data, kernel), opset13.constant(np.zeros((1, 64, 1, 1), np.float32)))
    active = opset13.multiply(hidden, opset13.erf(hidden))
    followed = opset13.add(active, data) if which == "sum" else active
    network = Model([opset13.result(convolution(followed, np.ones((3, 64, 1, 1), np.float32)))], [data], which)
    assert hidden_channels(without_zero_channels(network)) == ([64, 3] if which == "sum" else [32, 3])


def convolution(data: Any, kernel: np.ndarray) -> Any:
    return opset13.convolution(data, opset13.constant(kernel), [1, 1], [0, 0], [0, 0], [1, 1])
