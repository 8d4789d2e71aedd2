"""Rewritten networks compute what PaddleOCR's do."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from job_worker.inference.openvino_models import Precision, compile_model, read_model
from job_worker.ocr.bundled_models import TextModelFolders, bundled_text_models
from job_worker.ocr.network_rewrites import without_concatenations, without_upsampling

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
