"""Reading lines: in parts, in integers, and from the cache, with the text of the whole network in floats."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.text_clip import WORDS
from job_worker.analysis.engines import line_resize
from job_worker.inference.openvino_models import CompiledModel, Precision, compile_model, cpu_has_bf16, read_model
from job_worker.ocr.bundled_models import bundled_text_models
from job_worker.ocr.quantised import quantise, ranges_for
from job_worker.ocr.text_recogniser import LineResize, ReadLine, TextRecogniser
from shared.pipelines.profiles import Profile
from shared.video.frame import Image

pytestmark = [pytest.mark.integration, pytest.mark.worker, pytest.mark.models]

RESIZE = line_resize(Profile.balanced)


def line(text: str, size: float = 1.1) -> Image:
    """A line as it is cut out of a frame, with a little light from one side."""
    (width, height), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_DUPLEX, size, 2)
    ground = np.linspace(40, 90, width + 16, dtype=np.uint8)
    image = np.repeat(np.broadcast_to(ground[None, :, None], (height + below + 12, width + 16, 1)), 3, axis=2).copy()
    cv2.putText(image, text, (8, height + 5), cv2.FONT_HERSHEY_DUPLEX, size, (235, 235, 235), 2, cv2.LINE_AA)
    return image


TEXTS = [" ".join(WORDS[start : start + count]) for count in (1, 2, 5, 8) for start in range(0, 24, 3)]


@pytest.fixture(scope="module")
def folder() -> Path:
    return bundled_text_models().recognition


@pytest.fixture
def floats(folder: Path) -> TextRecogniser:
    return TextRecogniser(folder, Precision.f32, LineResize())


def read(recogniser: TextRecogniser) -> list[ReadLine]:
    return [recogniser.read(line(text)) for text in TEXTS]


@pytest.mark.parametrize("steps", [1, 7, 500])
def test_the_last_layer_in_parts_of_any_length_gives_the_same(steps: int, folder: Path, floats: TextRecogniser) -> None:
    expected = [floats.read(line(text)) for text in TEXTS[::5]]
    assert [found.text for found in expected] == TEXTS[::5]
    in_parts = TextRecogniser(folder, Precision.f32, LineResize(), head_steps=steps)
    for text, whole in zip(TEXTS[::5], expected, strict=True):
        found = in_parts.read(line(text))
        assert found.text == whole.text
        assert found.confidence == pytest.approx(whole.confidence, abs=1e-4)


def test_there_are_ranges_for_the_network_that_is_installed_and_for_no_other(folder: Path, tmp_path: Path) -> None:
    measured = ranges_for(folder / "inference.onnx")
    assert measured is not None, "the network has changed: run python -m training.text_ranges"
    names = {node.get_friendly_name() for node in read_model(folder / "inference.onnx").get_ops()}
    assert set(measured.ranges) <= names
    other = tmp_path / "inference.onnx"
    other.write_bytes((folder / "inference.onnx").read_bytes() + b" ")
    assert ranges_for(other) is None


def layers_in_bytes(request: Any) -> set[str]:
    """The convolutions of a compiled model that compute in integers, by name."""
    return {
        node.get_friendly_name()
        for node in request.get_compiled_model().get_runtime_model().get_ops()
        if node.get_rt_info()["layerType"].astype(str) == "Convolution"
        and node.get_rt_info()["runtimePrecision"].astype(str) in {"u8", "i8"}
    }


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The inference requests that are used, in their order."""
    used: list[Any] = []
    monkeypatch.setattr(CompiledModel, "wrap_request", lambda _, request: (used.append(request), request)[1])
    return used


def test_the_named_layers_compute_in_integers_and_no_others_do(folder: Path) -> None:
    if not cpu_has_bf16():
        pytest.skip("optional: this CPU does not compute in 16-bit floats, and so not in bytes")
    measured = ranges_for(folder / "inference.onnx")
    assert measured is not None
    network = quantise(read_model(folder / "inference.onnx"), measured)
    network.reshape([1, 3, 48, 320])
    with compile_model(network, Precision.int8).request() as request:
        in_bytes = layers_in_bytes(request)
    assert in_bytes == {name for name in measured.ranges if name.startswith("Conv")}
    assert len(in_bytes) == 19


def test_in_integers_lines_say_what_they_say_in_floats(folder: Path, floats: TextRecogniser) -> None:
    in_integers = TextRecogniser(folder, Precision.int8, RESIZE)
    expected = [found.text for found in read(floats)]
    found = read(in_integers)
    assert sum(one.text == other for one, other in zip(found, expected, strict=True)) >= 0.95 * len(TEXTS)
    assert sum(one.text == text for one, text in zip(found, TEXTS, strict=True)) >= 0.9 * len(TEXTS)
    assert {one.confidence > 0.9 for one in found} == {True}


def test_on_a_cpu_that_would_overflow_there_are_no_integers(folder: Path, requests: list[Any]) -> None:
    TextRecogniser(folder, Precision.int8, RESIZE, has_bf16=lambda: False).read(line("14:35"))
    assert requests
    assert not set().union(*map(layers_in_bytes, requests))


def test_a_line_that_stays_is_read_once(floats: TextRecogniser, requests: list[Any]) -> None:
    image = line("14:35")
    first = floats.read(image)
    assert first.text == "14:35"
    needed = len(requests)
    assert needed > 0
    assert floats.read(image.copy()) == first
    assert len(requests) == needed
    image[3, 3] += 1
    floats.read(image)
    assert len(requests) == 2 * needed
