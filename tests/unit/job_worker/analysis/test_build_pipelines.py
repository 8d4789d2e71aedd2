"""The pipelines that the settings name: what each finds, and which of their models they share."""

from collections.abc import Callable, Iterable, Sequence
from typing import NoReturn

import msgspec
import numpy as np
import pytest

from job_worker.analysis.build_pipelines import build_pipelines
from job_worker.analysis.engines import Engines, load_text_reader
from job_worker.analysis.pipeline import Analysis, Pipeline
from job_worker.detection.base import DEFAULT_LIMITS, DetectionLimits
from job_worker.errors import ModelLoadError
from job_worker.settings import WorkerSettings
from shared.pipelines.catalogue import BUILT_IN_PIPELINES
from shared.results import Code, Detection, ImageResult, TextLine
from shared.video.image import Image
from tests.support.hosts import FakeHost

pytestmark = [pytest.mark.unit, pytest.mark.worker]

IMAGE = np.zeros((8, 8, 3), np.uint8)


class APersonAndADog:
    """A detector that records its images."""

    def __init__(self, concurrency: int = 4, batch_size: int = 1) -> None:
        self.concurrency = concurrency
        self.batch_size = batch_size
        self.labels = ("person", "dog")
        self.images: list[Image] = []

    def detect(self, image: Image, limits: DetectionLimits = DEFAULT_LIMITS) -> list[Detection]:
        self.images.append(image)
        confidences = {"person": 0.9, "dog": 0.4}
        return limits.select(
            Detection(label=label, class_id=number, confidence=confidences[label], box=(1, 1, 4, 4))
            for number, label in enumerate(self.labels)
            if confidences[label] >= limits.confidence
        )

    def detect_batch(self, images: Sequence[Image], limits: DetectionLimits = DEFAULT_LIMITS) -> list[list[Detection]]:
        assert len(images) <= self.batch_size
        return [self.detect(image, limits) for image in images]


class OneLine:
    def __init__(self, concurrency: int = 4) -> None:
        self.concurrency = concurrency
        self.images: list[Image] = []

    def read(self, image: Image, min_confidence: float = 0.5) -> list[TextLine]:
        self.images.append(image)
        line = TextLine(text="STOP", confidence=0.8, polygon=((0, 0), (4, 0), (4, 2), (0, 2)))
        return [line] if line.confidence >= min_confidence else []


class OneCode:
    concurrency = 4

    def __init__(self) -> None:
        self.seen: list[list[str]] = []

    def read(self, image: Image, detections: Iterable[Detection] = ()) -> list[Code]:
        self.seen.append([found.label for found in detections])
        return [Code(format="QRCode", text="a\nb", polygon=((0, 0), (4, 0), (4, 4), (0, 4)))]


def analysis(pipeline: Pipeline, image: Image = IMAGE) -> Analysis:
    [found] = pipeline.analyse_batch([image])
    return found


def must_not_load(settings: WorkerSettings) -> NoReturn:
    pytest.fail("a model was loaded that no pipeline uses")


def of_file(tables: dict[str, dict[str, object]], **values: object) -> WorkerSettings:
    return WorkerSettings.of(pipeline_tables=tables, **{"yolo_weights": "w.pt"} | values)


def built(
    pipelines: str | None = None,
    tables: dict[str, dict[str, object]] | None = None,
    detector: Callable[[WorkerSettings], APersonAndADog] = lambda _: APersonAndADog(),
    text_reader: Callable[[WorkerSettings], OneLine] = lambda _: OneLine(),
    code_reader: Callable[[WorkerSettings], OneCode] = lambda _: OneCode(),
    **values: object,
) -> dict[str, Pipeline]:
    chosen = {"pipelines": pipelines} if pipelines else {}
    return build_pipelines(of_file(tables or {}, **chosen, **values), Engines(detector, text_reader, code_reader))


def test_every_pipeline_of_the_catalogue_can_be_built() -> None:
    assert list(built()) == list(BUILT_IN_PIPELINES)


def test_a_model_that_no_pipeline_uses_is_not_loaded() -> None:
    assert list(built("ocr", detector=must_not_load)) == ["ocr"]
    assert list(built("yolo", text_reader=must_not_load)) == ["yolo"]


def names_in(found: Analysis) -> set[str]:
    return set(msgspec.to_builtins(found))


@pytest.mark.parametrize(
    ("pipeline_id", "keys"),
    [
        ("yolo", {"detections"}),
        ("ocr", {"text", "text_lines"}),
        ("yolo_ocr", {"detections", "text", "text_lines"}),
        ("codes", {"codes"}),
    ],
)
def test_a_pipeline_gives_only_what_it_looks_for(pipeline_id: str, keys: set[str]) -> None:
    detector, text_reader = APersonAndADog(), OneLine()
    pipelines = built(detector=lambda _: detector, text_reader=lambda _: text_reader)
    assert names_in(analysis(pipelines[pipeline_id])) == keys
    assert len(detector.images) == ("detections" in keys)
    assert len(text_reader.images) == ("text" in keys)


def test_the_built_in_pipelines_share_one_detector_and_one_text_reader() -> None:
    detectors, readers = [APersonAndADog()], [OneLine()]
    found, read = detectors[0].images, readers[0].images
    pipelines = built(detector=lambda _: detectors.pop(), text_reader=lambda _: readers.pop())
    for pipeline in pipelines.values():
        analysis(pipeline)
    assert all(image is IMAGE for image in found + read)
    assert (len(found), len(read)) == (2, 2)


@pytest.mark.parametrize(("detectors", "together"), [(1, 1 + 1 + 4), (4, 4), (8, 4)])
def test_a_pipeline_takes_as_many_images_at_once_as_keep_its_engines_busy(detectors: int, together: int) -> None:
    pipelines = built(detector=lambda _: APersonAndADog(detectors), text_reader=lambda _: OneLine(4))
    assert {name: pipeline.concurrency for name, pipeline in pipelines.items()} == {
        "yolo_ocr": together, "yolo": detectors, "ocr": 4, "codes": 4
    }  # fmt: skip


@pytest.mark.parametrize("texts_at_once", [1, 4])
def test_a_detector_that_takes_batches_gives_what_one_does_that_takes_single_images(texts_at_once: int) -> None:
    tables: dict[str, dict[str, object]] = {"dogs": {"kind": "yolo_ocr", "classes": ["dog"]}}
    images = [np.full_like(IMAGE, value) for value in range(3)]
    text_reader = OneLine(texts_at_once)
    in_batches = built(None, tables, detector=lambda _: APersonAndADog(batch_size=4), text_reader=lambda _: text_reader)
    for name, pipeline in built(None, tables).items():
        batched = in_batches[name]
        if name in ("ocr", "codes"):
            assert (batched.batch_size, batched.concurrency) == (1, texts_at_once if name == "ocr" else 4)
            continue
        assert batched.batch_size == 4
        assert batched.analyse_batch(images) == [analysis(pipeline, image) for image in images]


TABLES: dict[str, dict[str, object]] = {
    "signs": {"kind": "yolo", "weights": "signs.pt"},
    "sure_signs": {"kind": "yolo", "weights": "signs.pt", "confidence": 0.8, "iou": 0.5},
    "large_signs": {"kind": "yolo", "weights": "signs.pt", "image_size": 1280},
    "exact_signs": {"kind": "yolo", "weights": "signs.pt", "profile": "exact"},
    "people": {"kind": "yolo_ocr", "classes": ["person"]},
    "korean": {"kind": "ocr", "languages": ["ko"]},
    "sure_korean": {"kind": "ocr", "ocr_recognition_model": "korean_PP-OCRv5_mobile_rec", "ocr_confidence": 0.9},
    "german": {"kind": "ocr", "languages": ["de"]},
}


def test_equal_models_of_all_pipelines_are_loaded_once() -> None:
    detectors: list[tuple[object, ...]] = []
    readers: list[tuple[object, ...]] = []

    def detector(settings: WorkerSettings) -> APersonAndADog:
        detectors.append((settings.yolo_weights, settings.resolved_image_size.most, settings.profile.value))
        return APersonAndADog()

    def text_reader(settings: WorkerSettings) -> OneLine:
        readers.append((settings.ocr_detection_model, settings.ocr_recognition_model, settings.profile.value))
        return OneLine()

    assert list(built(None, TABLES, detector, text_reader)) == [*BUILT_IN_PIPELINES, *TABLES]
    assert sorted(detectors) == [
        ("signs.pt", 640, "balanced"),
        ("signs.pt", 640, "exact"),
        ("signs.pt", 1280, "balanced"),
        ("w.pt", 640, "balanced"),
    ]
    assert sorted(readers) == [("", "", "balanced"), ("", "korean_PP-OCRv5_mobile_rec", "balanced")]


@pytest.mark.parametrize("kind", ["yolo_ocr", "yolo", "ocr", "codes"])
@pytest.mark.parametrize("batch_size", [1, 4])
def test_any_named_pipeline_reads_codes_where_its_table_says_so(kind: str, batch_size: int) -> None:
    reader = OneCode()
    made = built(
        None, {"coded": {"kind": kind, "codes": True}},
        detector=lambda _: APersonAndADog(batch_size=batch_size), code_reader=lambda _: reader,
    )  # fmt: skip
    plain, coded = analysis(made[kind]), analysis(made["coded"])
    assert names_in(coded) == names_in(plain) | {"codes"}
    [code] = coded.codes  # type: ignore[union-attr,misc]
    assert code == Code(format="QRCode", text="a\nb", polygon=((0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)))
    assert reader.seen[-1] == (["person", "dog"] if kind.startswith("yolo") else [])


def labels(pipeline: Pipeline) -> list[object]:
    found = analysis(pipeline)
    assert isinstance(found, ImageResult)
    return [detection.label for detection in found.detections or ()]


def text_of(pipeline: Pipeline) -> object:
    found = analysis(pipeline)
    assert isinstance(found, ImageResult)
    return found.text


def test_pipelines_on_one_network_have_limits_of_their_own() -> None:
    tables: dict[str, dict[str, object]] = {
        "sure": {"kind": "yolo", "confidence": 0.8},
        "all": {"kind": "yolo", "confidence": 0.1},
        "sure_text": {"kind": "ocr", "ocr_confidence": 0.9},
    }
    detector, text_reader = APersonAndADog(), OneLine()
    pipelines = built(None, tables, lambda _: detector, lambda _: text_reader, yolo_confidence=0.3)
    assert labels(pipelines["sure"]) == ["person"]
    assert labels(pipelines["all"]) == labels(pipelines["yolo"]) == ["person", "dog"]
    assert len(detector.images) == 3
    assert [text_of(pipelines[name]) for name in ("sure_text", "ocr")] == ["", "STOP"]


def test_a_pipeline_keeps_the_classes_that_it_names() -> None:
    tables: dict[str, dict[str, object]] = {"dogs": {"kind": "yolo", "classes": ["dog"]}}
    pipelines = built(None, tables)
    assert labels(pipelines["dogs"]) == ["dog"]
    assert labels(pipelines["yolo"]) == ["person", "dog"]


def test_a_class_that_the_weights_do_not_have_is_named_with_those_that_they_have() -> None:
    tables: dict[str, dict[str, object]] = {"cats": {"kind": "yolo", "classes": ["cat", "dog"], "weights": "animals"}}
    with pytest.raises(
        ModelLoadError, match=r"pipeline 'cats': .*weights animals have no class 'cat'; the classes are person, dog"
    ):
        built("cats", tables)


def test_a_class_that_the_bundled_detector_does_not_have_is_named_too() -> None:
    tables: dict[str, dict[str, object]] = {"cats": {"kind": "yolo", "classes": ["cat"]}}
    with pytest.raises(ModelLoadError, match=r"pipeline 'cats': The bundled detector has no class 'cat'; the classes"):
        built("cats", tables, yolo_weights="")


def fails(_: WorkerSettings) -> NoReturn:
    raise ModelLoadError("The detector's weights signs.pt are not there.")


def test_a_model_that_cannot_be_loaded_is_named_with_the_pipeline_of_the_file() -> None:
    with pytest.raises(ModelLoadError, match=r"^pipeline 'signs': The detector's weights signs\.pt are not there\.$"):
        built("signs", TABLES, detector=fails)
    with pytest.raises(ModelLoadError, match=r"^The detector's weights"):
        built("yolo", TABLES, detector=fails)


def test_a_pipeline_that_is_not_configured_is_not_built() -> None:
    assert list(built("german,ocr", TABLES, detector=must_not_load)) == ["german", "ocr"]


@pytest.mark.parametrize(
    ("pipeline", "instead"), [("korean", "the bundled text models"), ("german", "--text-engine openvino")]
)
def test_a_worker_that_cannot_run_a_text_model_says_what_would_do_instead(pipeline: str, instead: str) -> None:
    light = FakeHost(has_libraries=False)
    settings = of_file(TABLES, pipelines=pipeline, text_engine="paddleocr")
    with pytest.raises(ModelLoadError, match=rf"pipeline '{pipeline}': paddleocr is not installed.*choose {instead}"):
        build_pipelines(settings, Engines(load_text_reader=lambda of: load_text_reader(of, light)))


def test_a_library_of_the_system_that_an_engine_lacks_is_named() -> None:
    def load(_: WorkerSettings) -> NoReturn:
        raise ImportError("libgomp.so.1: cannot open shared object file: No such file or directory")

    with pytest.raises(ModelLoadError, match=r"^the system has no library libgomp\.so\.1: install its package"):
        build_pipelines(WorkerSettings.of(pipelines="codes"), Engines(load_code_reader=load))
