"""What the two adapters make of their library's results, with the library replaced."""

import math
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from job_worker.detection.base import DetectionLimits
from job_worker.detection.image_size import ImageSize
from job_worker.detection.ultralytics_detector import UltralyticsDetector
from job_worker.errors import ModelLoadError
from job_worker.ocr.paddle_text_reader import PaddleTextReader
from shared.results import Detection, TextLine

pytestmark = [pytest.mark.unit, pytest.mark.worker]

IMAGE = np.zeros((100, 200, 3), np.uint8)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))


class FakeYolo:
    """Finds the same boxes in every image; out of memory from the call `fails_from` on."""

    def __init__(self, boxes: Any, task: str = "detect", fails_from: int = 1000) -> None:
        self._boxes = boxes
        self._calls_left = fails_from - 1
        self.task = task
        self.predictor = SimpleNamespace(model=SimpleNamespace(format="pt"), inference=None, postprocess=None)
        self.settings: dict[str, object] = {}
        self.names = {0: "person", 11: "stop sign"}

    def predict(self, images: list[object], **settings: object) -> list[SimpleNamespace]:
        if not self._calls_left:
            raise RuntimeError("out of memory")
        self._calls_left -= 1
        self.settings = settings
        return [SimpleNamespace(boxes=self._boxes, names=self.names) for _ in images]


def boxes(*rows: tuple[int, float, tuple[float, ...]]) -> SimpleNamespace:
    return SimpleNamespace(data=np.array([(*corners, score, class_id) for class_id, score, corners in rows]))


def detector(tmp_path: Path, model: FakeYolo, **settings: Any) -> UltralyticsDetector:
    return UltralyticsDetector(tmp_path, cache_folder=tmp_path, load=lambda _: model, **settings)


def text_reader(tmp_path: Path, page: object) -> PaddleTextReader:
    (tmp_path / "inference.yml").write_text("Global: {model_name: some}")
    model = SimpleNamespace(predict=lambda _: [page])
    return PaddleTextReader(tmp_path, tmp_path, cache_folder=tmp_path, load=lambda *_: model)


def page(*rows: tuple[str, float, list[list[int]]]) -> dict[str, list[Any]]:
    texts, scores, corners = zip(*rows, strict=True)
    return {"rec_texts": list(texts), "rec_scores": list(scores), "rec_polys": [np.array(c, np.int16) for c in corners]}


WIDE = [[10, 10], [90, 10], [90, 30], [10, 30]]
TALL = [[10, 10], [30, 10], [30, 90], [10, 90]]


def test_objects_are_ordered_by_confidence_and_equal_ones_by_place(tmp_path: Path) -> None:
    rows = boxes((0, 0.5, (7, 1, 9, 9)), (11, 0.9, (5, 5, 9, 9)), (0, 0.5, (2, 1, 9, 9)))
    assert detector(tmp_path, FakeYolo(rows)).detect(IMAGE) == [
        Detection(label="stop sign", class_id=11, confidence=0.9, box=(5.0, 5.0, 9.0, 9.0)),
        Detection(label="person", class_id=0, confidence=0.5, box=(2.0, 1.0, 9.0, 9.0)),
        Detection(label="person", class_id=0, confidence=0.5, box=(7.0, 1.0, 9.0, 9.0)),
    ]


def test_each_call_has_limits_of_its_own_on_one_model(tmp_path: Path) -> None:
    model = FakeYolo(boxes((0, 0.5, (1, 1, 2, 2)), (11, 0.9, (5, 5, 9, 9))))
    shared = detector(tmp_path, model, image_size=ImageSize.fixed(320))
    assert list(shared.labels) == ["person", "stop sign"]
    found = shared.detect(IMAGE, DetectionLimits(0.7, 0.2, frozenset({"person"})))
    assert [detection.label for detection in found] == ["person"]
    assert model.settings.items() >= {"conf": 0.7, "iou": 0.2, "imgsz": 320}.items()
    assert len(shared.detect(IMAGE, DetectionLimits(0.4, 0.6))) == 2
    assert model.settings.items() >= {"conf": 0.4, "iou": 0.6, "imgsz": 320}.items()


def test_each_image_of_a_batch_has_a_list_of_its_own(tmp_path: Path) -> None:
    batched = detector(tmp_path, FakeYolo(boxes((0, 0.5, (1, 1, 2, 2)))), batch_size=4)
    assert batched.batch_size == 4
    assert batched.detect_batch([IMAGE] * 3) == 3 * [batched.detect(IMAGE)]


def test_a_batch_that_is_too_large_for_the_device_is_known_at_the_start_and_says_what_helps(tmp_path: Path) -> None:
    def full() -> FakeYolo:
        return FakeYolo(boxes((0, 0.5, (1, 1, 2, 2))), fails_from=2)  # the first call is a single image

    with pytest.raises(ModelLoadError, match=r"out of memory\. .* host has; a smaller --gpu-batch takes less"):
        detector(tmp_path, full(), batch_size=64)
    with pytest.raises(ModelLoadError, match=r"out of memory\. .* host has\.$"):
        detector(tmp_path, full())


def test_a_model_that_does_more_than_find_objects_gets_one_image_at_a_time(tmp_path: Path) -> None:
    model = FakeYolo(boxes((0, 0.5, (1, 1, 2, 2))), task="segment")
    assert detector(tmp_path, model, batch_size=4).batch_size == 1


def test_a_model_with_an_empty_label_is_refused_when_it_is_loaded(tmp_path: Path) -> None:
    model = FakeYolo(boxes())
    model.names = {0: "person", 1: ""}
    with pytest.raises(ModelLoadError, match="the label of its class 1 is empty"):
        detector(tmp_path, model)


def test_each_call_has_a_least_confidence_of_its_own(tmp_path: Path) -> None:
    reader = text_reader(tmp_path, page(("low", 0.4, WIDE), ("high", 0.9, TALL)))
    assert [line.text for line in reader.read(IMAGE, min_confidence=0.4)] == ["low", "high"]
    assert [line.text for line in reader.read(IMAGE)] == ["high"]


def test_the_detector_passes_its_settings_on(tmp_path: Path) -> None:
    model = FakeYolo(boxes((0, 0.5, (1, 1, 2, 2))))
    detector(tmp_path, model, device="cuda:1", image_size=ImageSize.fixed(320))
    assert model.settings.items() >= {"device": "cuda:1", "imgsz": 320}.items()
    detector(tmp_path, model)
    assert model.settings.items() >= {"device": None, "conf": 0.25, "iou": 0.7, "imgsz": 640}.items()


def test_a_model_that_gives_no_boxes_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="does not give boxes"):
        detector(tmp_path, FakeYolo(None))


def test_lines_keep_their_order_and_those_of_a_low_confidence_or_without_text_are_dropped(tmp_path: Path) -> None:
    left_out = ("low", 0.49, WIDE), ("none", math.nan, WIDE), (" \n", 0.9, WIDE)
    found = page(("second\0", 0.6, WIDE), *left_out, ("first", 1.0000001, WIDE))
    lines = text_reader(tmp_path, found).read(IMAGE)
    assert [(line.text, line.confidence) for line in lines] == [("second", 0.6), ("first", 1.0)]


def test_a_horizontal_line_starts_at_its_top_left_and_a_vertical_one_where_its_text_does(tmp_path: Path) -> None:
    lines = text_reader(tmp_path, page(("a", 0.9, WIDE), ("b", 0.9, TALL))).read(IMAGE)
    assert lines == [
        TextLine(text="a", confidence=0.9, polygon=((10, 10), (90, 10), (90, 30), (10, 30))),
        TextLine(text="b", confidence=0.9, polygon=((30, 10), (30, 90), (10, 90), (10, 10))),
    ]


@pytest.mark.parametrize(("device", "benchmarks"), [("cpu", True), ("cuda:0", False), ("auto", True)])
def test_text_models_on_a_gpu_do_not_benchmark_their_algorithms(
    device: str, benchmarks: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given: dict[str, Any] = {}

    def paddle_ocr(**settings: Any) -> SimpleNamespace:
        given.update(settings)
        return SimpleNamespace(predict=lambda _: [page(("a", 0.9, WIDE))])

    providers = SimpleNamespace(get_available_providers=lambda: ["CPUExecutionProvider"])
    monkeypatch.setitem(sys.modules, "paddleocr", SimpleNamespace(PaddleOCR=paddle_ocr))
    monkeypatch.setitem(sys.modules, "onnxruntime", providers)
    (tmp_path / "inference.yml").write_text("Global: {model_name: some}")
    PaddleTextReader(tmp_path, tmp_path, cache_folder=tmp_path, device=device)
    assert given["text_recognition_batch_size"] == 1
    options = given["engine_config"].get("provider_options", {})
    assert (options.get("cudnn_conv_algo_search") != "HEURISTIC") == benchmarks
    assert given["device"] == ("cpu" if benchmarks else "gpu:0")


@pytest.mark.parametrize("missing", ["models/none", Path("none")])
def test_a_text_model_folder_that_is_not_there_is_named(tmp_path: Path, missing: str | Path) -> None:
    with pytest.raises(ModelLoadError, match="none is not there: give the path"):
        PaddleTextReader(missing, missing, cache_folder=tmp_path)


@pytest.mark.parametrize("content", [None, "", "just text", "Global: {}", "Global: [", b"\xff"])
def test_a_folder_that_is_no_text_model_is_named(tmp_path: Path, content: str | bytes | None) -> None:
    if content is not None:
        (tmp_path / "inference.yml").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ModelLoadError, match=r"holds no usable inference.yml .*give a folder"):
        PaddleTextReader(tmp_path, tmp_path, cache_folder=tmp_path)
