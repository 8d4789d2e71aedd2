"""Reading lines: in parts, in 16-bit floats, and from the cache, with the text of the whole network."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.text_clip import WORDS
from job_worker.inference.openvino_models import CompiledModel
from job_worker.ocr.bundled_models import bundled_text_models
from job_worker.ocr.openvino_text_networks import HEAD_STEPS, OpenVinoCharacters
from job_worker.ocr.text_recogniser import ReadLine, TextRecogniser
from shared.pipelines.profiles import PROFILES, Profile
from shared.video.image import Image

pytestmark = [pytest.mark.integration, pytest.mark.worker, pytest.mark.models]


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


def recogniser(folder: Path, profile: Profile, head_steps: int = HEAD_STEPS) -> TextRecogniser:
    numbers = PROFILES[profile]
    return TextRecogniser(OpenVinoCharacters(folder, numbers.precision, head_steps), folder, numbers)


@pytest.fixture
def floats(folder: Path) -> TextRecogniser:
    return recogniser(folder, Profile.exact)


def read(chosen: TextRecogniser) -> list[ReadLine]:
    return [chosen.read(line(text)) for text in TEXTS]


@pytest.mark.parametrize("steps", [1, 7, 500])
def test_the_last_layer_in_parts_of_any_length_gives_the_same(steps: int, folder: Path, floats: TextRecogniser) -> None:
    expected = [floats.read(line(text)) for text in TEXTS[::5]]
    assert [found.text for found in expected] == TEXTS[::5]
    in_parts = recogniser(folder, Profile.exact, steps)
    for text, whole in zip(TEXTS[::5], expected, strict=True):
        found = in_parts.read(line(text))
        assert found.text == whole.text
        assert found.confidence == pytest.approx(whole.confidence, abs=1e-4)


@pytest.fixture
def requests(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The inference requests that are used, in their order."""
    used: list[Any] = []
    request_of = CompiledModel.request

    @contextmanager
    def noted(model: CompiledModel) -> Iterator[Any]:
        with request_of(model) as request:
            used.append(request)
            yield request

    monkeypatch.setattr(CompiledModel, "request", noted)
    return used


@pytest.mark.corpus
def test_lines_of_the_fast_profile_say_what_they_say_in_32_bit_floats(folder: Path, floats: TextRecogniser) -> None:
    fast = recogniser(folder, Profile.fast)
    expected = [found.text for found in read(floats)]
    found = read(fast)
    assert sum(one.text == other for one, other in zip(found, expected, strict=True)) >= 0.95 * len(TEXTS)
    assert sum(one.text == text for one, text in zip(found, TEXTS, strict=True)) >= 0.9 * len(TEXTS)
    assert {one.confidence > 0.9 for one in found} == {True}


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
