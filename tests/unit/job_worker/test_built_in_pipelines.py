from typing import NoReturn

import numpy as np
import pytest

from job_worker.findings import Detection, TextLine
from job_worker.pipelines.built_in import build_pipelines
from job_worker.video.frame import Image
from shared.pipelines import BUILT_IN_PIPELINES

pytestmark = [pytest.mark.unit, pytest.mark.worker]

IMAGE = np.zeros((8, 8, 3), np.uint8)


class OnePerson:
    def __init__(self, pictures_at_once: int = 4) -> None:
        self.pictures_at_once = pictures_at_once
        self.images: list[Image] = []

    def detect(self, image: Image) -> list[Detection]:
        self.images.append(image)
        return [Detection("person", 0, 0.9, (1, 1, 4, 4))]


class OneLine:
    def __init__(self, pictures_at_once: int = 4) -> None:
        self.pictures_at_once = pictures_at_once
        self.images: list[Image] = []

    def read(self, image: Image) -> list[TextLine]:
        self.images.append(image)
        return [TextLine("STOP", 0.8, ((0, 0), (4, 0), (4, 2), (0, 2)))]


def must_not_load() -> NoReturn:
    pytest.fail("a model was loaded that no pipeline uses")


def test_every_pipeline_of_the_catalogue_can_be_built() -> None:
    assert list(build_pipelines(BUILT_IN_PIPELINES, OnePerson, OneLine)) == list(BUILT_IN_PIPELINES)


def test_a_model_that_no_pipeline_uses_is_not_loaded() -> None:
    assert list(build_pipelines(["ocr"], must_not_load, OneLine)) == ["ocr"]
    assert list(build_pipelines(["yolo"], OnePerson, must_not_load)) == ["yolo"]


@pytest.mark.parametrize(
    ("pipeline_id", "keys"),
    [
        ("yolo", {"detections"}),
        ("ocr", {"text", "text_lines"}),
        ("yolo_ocr", {"detections", "text", "text_lines"}),
    ],
)
def test_a_pipeline_gives_only_what_it_looks_for(pipeline_id: str, keys: set[str]) -> None:
    detector, text_reader = OnePerson(), OneLine()
    assert (
        build_pipelines(BUILT_IN_PIPELINES, lambda: detector, lambda: text_reader)[pipeline_id].analyse(IMAGE).keys()
        == keys
    )
    assert len(detector.images) == ("detections" in keys)
    assert len(text_reader.images) == ("text" in keys)


def test_all_pipelines_share_one_detector_and_one_text_reader() -> None:
    detector, text_reader = OnePerson(), OneLine()
    for pipeline in build_pipelines(BUILT_IN_PIPELINES, lambda: detector, lambda: text_reader).values():
        pipeline.analyse(IMAGE)
    assert all(image is IMAGE for image in detector.images + text_reader.images)
    assert (len(detector.images), len(text_reader.images)) == (2, 2)


def test_a_pipeline_takes_as_many_pictures_at_once_as_its_every_engine_does() -> None:
    pipelines = build_pipelines(BUILT_IN_PIPELINES, lambda: OnePerson(1), lambda: OneLine(4))
    assert {name: pipeline.pictures_at_once for name, pipeline in pipelines.items()} == {
        "yolo_ocr": 1, "yolo": 1, "ocr": 4
    }  # fmt: skip
