"""In which sizes of an image text is looked for; what is found in them: test_fast_engines, benchmarks.quality."""

import math
from pathlib import Path

import cv2
import numpy as np
import pytest

from job_worker.ocr.line_reader import LineReader
from job_worker.ocr.text_boxes import Logits
from job_worker.ocr.text_detector import TextDetector
from job_worker.ocr.text_recogniser import MostLikely, PreparedLine, TextRecogniser
from shared.pipelines.profiles import PROFILES, Profile
from shared.video.image import Image

pytestmark = [pytest.mark.unit, pytest.mark.worker]

HD, WQHD, UHD = (1080, 1920), (1440, 2560), (2160, 3840)
"""Heights and widths."""


def screen(size: tuple[int, int], text: str = "Calendar  14:35:20") -> Image:
    """A flat image with small type at its top left, and with the frame of a window."""
    image = np.full((*size, 3), 40, np.uint8)
    cv2.rectangle(image, (300, 300), (900, 900), (230, 230, 230), 2)
    cv2.putText(image, text, (40, 60), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (230, 230, 230), 1, cv2.LINE_AA)
    return image


class Looks:
    """Reads images, and returns the long sides of those in which text was looked for."""

    def __init__(self, models: Path) -> None:
        self._models = models

    def __call__(self, image: Image, profile: Profile = Profile.balanced, *, finds_all: bool = False) -> list[int]:
        sizes: list[int] = []

        def heat_map(scaled: Image) -> Logits:
            sizes.append(max(scaled.shape))
            logits = np.full(scaled.shape[:2], -5, np.float32)
            if finds_all:
                logits[: scaled.shape[0] // 8, : scaled.shape[1] // 4] = 5
            return logits

        def nothing(_: PreparedLine) -> MostLikely:
            return np.zeros(4, np.int32), np.zeros(4, np.float32)

        numbers = PROFILES[profile]
        recogniser = TextRecogniser(nothing, self._models, numbers)
        LineReader(TextDetector(heat_map, numbers.text_short_side), recogniser, numbers, 1).read(image)
        return sizes


@pytest.fixture
def models(tmp_path: Path) -> Path:
    (tmp_path / "inference.yml").write_text("PostProcess: {character_dict: [a]}")
    return tmp_path


@pytest.fixture
def looked_at(models: Path) -> Looks:
    return Looks(models)


def test_small_type_on_a_large_screen_is_looked_for_at_the_scale_of_1080p(looked_at: Looks) -> None:
    assert looked_at(screen(UHD)) == [960, 1920, 512]
    assert looked_at(screen(UHD[::-1])) == [960, 1920, 512]
    assert looked_at(screen(WQHD)) == [960, 1280, 512]
    assert looked_at(screen(WQHD), Profile.fast) == [640, 864]


def test_an_image_up_to_1080p_is_looked_at_as_ever(looked_at: Looks) -> None:
    assert looked_at(screen(HD)) == looked_at(screen(HD[::-1])) == [960, 512]
    assert looked_at(screen(HD), Profile.fast) == [640]


def test_a_large_image_without_small_type_is_looked_at_as_a_small_one(looked_at: Looks) -> None:
    assert looked_at(screen(UHD, text="")) == [960, 512]
    edges = np.repeat(np.repeat(np.random.default_rng(0).integers(0, 255, (20, 40), np.uint8), 108, 0), 96, 1)
    assert looked_at(cv2.cvtColor(edges, cv2.COLOR_GRAY2BGR)) == [960, 512]


def test_type_that_was_found_at_once_is_not_looked_for_again(looked_at: Looks) -> None:
    assert looked_at(screen(UHD), finds_all=True) == [960, 512]


def test_an_image_that_is_larger_still_is_looked_at_as_large_as_paddleocr_could(looked_at: Looks) -> None:
    assert looked_at(screen((1000, 8000))) == [960, 1984, 512]


def test_exact_looks_once_as_paddleocr_does(looked_at: Looks) -> None:
    assert looked_at(screen(UHD), Profile.exact) == [3840]


@pytest.mark.parametrize(
    ("height", "width", "enlarged"),
    [(900, 40, 1440), (20, 600, 1920), (8, 3000, 4000), (33, 31, 64), (5, 5, 64), (64, 900, 896)],
)
def test_exact_alone_enlarges_what_has_a_short_side_as_paddleocr_does(
    height: int, width: int, enlarged: int, looked_at: Looks
) -> None:
    image = np.zeros((height, width, 3), np.uint8)
    assert looked_at(image, Profile.exact) == [enlarged]
    assert max(looked_at(image, Profile.balanced)) <= 960


@pytest.mark.parametrize(("probability", "read"), [(0.9, ["a"]), (1.0000001, ["a"]), (0.4, []), (math.nan, [])])
def test_a_line_of_a_low_confidence_or_of_none_is_dropped(probability: float, read: list[str], models: Path) -> None:
    def heat_map(scaled: Image) -> Logits:
        logits = np.full(scaled.shape[:2], -5, np.float32)
        logits[16:48, 16:96] = 5
        return logits

    def most_likely(_: PreparedLine) -> MostLikely:
        return np.ones(1, np.int32), np.full(1, probability, np.float32)

    numbers = PROFILES[Profile.fast]
    reader = LineReader(TextDetector(heat_map), TextRecogniser(most_likely, models, numbers), numbers, 1)
    lines = reader.read(np.zeros((64, 128, 3), np.uint8))
    assert [line.within(128, 64).text for line in lines] == read
