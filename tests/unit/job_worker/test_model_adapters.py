"""What the two adapters make of their library's answers, with the library replaced."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

import numpy as np
import pytest

from job_worker.detection import ultralytics_detector
from job_worker.detection.ultralytics_detector import UltralyticsDetector
from job_worker.errors import ModelLoadError
from job_worker.ocr import paddle_text_reader
from job_worker.ocr.paddle_text_reader import PaddleTextReader
from shared.results import Detection, TextLine

pytestmark = [pytest.mark.unit, pytest.mark.worker]

IMAGE = np.zeros((100, 200, 3), np.uint8)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))


class FakeYolo:
    """Answers every picture with the same boxes."""

    def __init__(self, boxes: Any, task: str = "detect") -> None:
        self._boxes = boxes
        self.task = task
        self.predictor = SimpleNamespace(model=SimpleNamespace(format="pt"), inference=None, postprocess=None)
        self.settings: dict[str, object] = {}
        self.names = {0: "person", 11: "stop sign"}

    def predict(self, images: list[object], **settings: object) -> list[SimpleNamespace]:
        self.settings = settings
        return [SimpleNamespace(boxes=self._boxes, names=self.names) for _ in images]


def boxes(*rows: tuple[int, float, tuple[float, ...]]) -> SimpleNamespace:
    classes, scores, corners = zip(*rows, strict=True)
    return SimpleNamespace(cls=np.array(classes, np.float32), conf=np.array(scores), xyxy=np.array(corners))


def detector(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, model: FakeYolo, **settings: Any) -> UltralyticsDetector:
    monkeypatch.setattr(ultralytics_detector, "_load", lambda _: model)
    return UltralyticsDetector(tmp_path, cache_folder=tmp_path, **settings)


def text_reader(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: object, **settings: Any) -> PaddleTextReader:
    (tmp_path / "inference.yml").write_text("Global: {model_name: some}")
    monkeypatch.setattr(paddle_text_reader, "_load", lambda *_: SimpleNamespace(predict=lambda _: [page]))
    return PaddleTextReader(tmp_path, tmp_path, cache_folder=tmp_path, **settings)


def page(*rows: tuple[str, float, list[list[int]]]) -> dict[str, list[Any]]:
    texts, scores, corners = zip(*rows, strict=True)
    return {"rec_texts": list(texts), "rec_scores": list(scores), "rec_polys": [np.array(c, np.int16) for c in corners]}


WIDE = [[10, 10], [90, 10], [90, 30], [10, 30]]
TALL = [[10, 10], [30, 10], [30, 90], [10, 90]]


def test_objects_come_surest_first_and_equally_sure_ones_by_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = boxes((0, 0.5, (7, 1, 9, 9)), (11, 0.9, (5, 5, 9, 9)), (0, 0.5, (2, 1, 9, 9)))
    assert detector(monkeypatch, tmp_path, FakeYolo(rows)).detect(IMAGE) == [
        Detection(label="stop sign", class_id=11, confidence=0.9, box=(5.0, 5.0, 9.0, 9.0)),
        Detection(label="person", class_id=0, confidence=0.5, box=(2.0, 1.0, 9.0, 9.0)),
        Detection(label="person", class_id=0, confidence=0.5, box=(7.0, 1.0, 9.0, 9.0)),
    ]


def test_other_limits_leave_the_model_and_the_other_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = FakeYolo(boxes((0, 0.5, (1, 1, 2, 2))))
    first = detector(monkeypatch, tmp_path, model, confidence=0.4, iou=0.6, image_size=320)
    other = first.with_limits(0.7, 0.2)
    assert list(other.labels) == list(first.labels) == ["person", "stop sign"]
    other.detect(IMAGE)
    assert model.settings.items() >= {"conf": 0.7, "iou": 0.2, "imgsz": 320}.items()
    first.detect(IMAGE)
    assert model.settings.items() >= {"conf": 0.4, "iou": 0.6}.items()


def test_each_picture_of_a_batch_has_a_list_of_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    batched = detector(monkeypatch, tmp_path, FakeYolo(boxes((0, 0.5, (1, 1, 2, 2)))), batch_size=4)
    assert batched.batch_size == batched.with_limits(0.1, 0.1).batch_size == 4
    assert batched.detect_batch([IMAGE] * 3) == 3 * [batched.detect(IMAGE)]


def test_a_batch_that_is_too_large_for_the_device_is_known_at_the_start_and_says_what_helps(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = FakeYolo(boxes((0, 0.5, (1, 1, 2, 2))))
    monkeypatch.setattr(ultralytics_detector, "keep_pictures_apart", fails("out of memory"))
    with pytest.raises(ModelLoadError, match=r"out of memory\. .* host has; a smaller --gpu-batch takes less"):
        detector(monkeypatch, tmp_path, model, batch_size=64)
    with pytest.raises(ModelLoadError, match=r"out of memory\. .* host has\.$"):
        detector(monkeypatch, tmp_path, model)


def fails(reason: str) -> Callable[..., NoReturn]:
    def fail(*_: object) -> NoReturn:
        raise RuntimeError(reason)

    return fail


def test_a_model_that_does_more_than_find_objects_is_given_one_picture_at_a_time(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = FakeYolo(boxes((0, 0.5, (1, 1, 2, 2))), task="segment")
    assert detector(monkeypatch, tmp_path, model, batch_size=4).batch_size == 1


def test_a_reader_with_another_confidence_reads_with_the_same_models(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = text_reader(monkeypatch, tmp_path, page(("low", 0.4, WIDE), ("high", 0.9, TALL)))
    assert [line.text for line in first.with_confidence(0.3).read(IMAGE)] == ["low", "high"]
    assert [line.text for line in first.read(IMAGE)] == ["high"]


def test_the_detector_passes_its_settings_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    model = FakeYolo(boxes((0, 0.5, (1, 1, 2, 2))))
    detector(monkeypatch, tmp_path, model, device="cuda:1", confidence=0.4, iou=0.6, image_size=320)
    assert model.settings.items() >= {"device": "cuda:1", "conf": 0.4, "iou": 0.6, "imgsz": 320}.items()
    detector(monkeypatch, tmp_path, model)
    assert model.settings.items() >= {"device": None, "conf": 0.25, "iou": 0.7, "imgsz": 640}.items()


def test_a_model_that_gives_no_boxes_is_refused_at_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="does not give boxes"):
        detector(monkeypatch, tmp_path, FakeYolo(None))


def test_lines_keep_their_order_and_those_too_unsure_or_empty_are_dropped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = page(("second\0", 0.6, WIDE), ("unsure", 0.49, WIDE), (" \n", 0.9, WIDE), ("first", 1.0000001, WIDE))
    lines = text_reader(monkeypatch, tmp_path, found).read(IMAGE)
    assert [(line.text, line.confidence) for line in lines] == [("second", 0.6), ("first", 1.0)]


def test_the_least_confidence_can_be_chosen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = page(("a", 0.3, WIDE), ("b", 0.2, WIDE))
    lines = text_reader(monkeypatch, tmp_path, found, min_confidence=0.25).read(IMAGE)
    assert [line.text for line in lines] == ["a"]


def test_a_lying_line_starts_at_its_top_left_and_a_standing_one_where_its_text_does(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    lines = text_reader(monkeypatch, tmp_path, page(("a", 0.9, WIDE), ("b", 0.9, TALL))).read(IMAGE)
    assert lines == [
        TextLine(text="a", confidence=0.9, polygon=((10, 10), (90, 10), (90, 30), (10, 30))),
        TextLine(text="b", confidence=0.9, polygon=((30, 10), (30, 90), (10, 90), (10, 10))),
    ]


@pytest.mark.parametrize(("device", "raced"), [("cpu", True), ("cuda:0", False), ("auto", True)])
def test_text_models_on_a_gpu_do_not_race_their_algorithms(
    device: str, raced: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
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
    options = given["engine_config"].get("provider_options", {})
    assert (options.get("cudnn_conv_algo_search") != "HEURISTIC") == raced
    assert given["device"] == ("cpu" if raced else "gpu:0")


@pytest.mark.parametrize("missing", ["models/none", Path("none")])
def test_a_text_model_folder_that_is_not_there_is_named(tmp_path: Path, missing: str | Path) -> None:
    with pytest.raises(ModelLoadError, match="none is not there: give the path"):
        PaddleTextReader(missing, missing, cache_folder=tmp_path)


@pytest.mark.parametrize("content", [None, "", "just words", "Global: {}", "Global: [", b"\xff"])
def test_a_folder_that_is_no_text_model_is_named(tmp_path: Path, content: str | bytes | None) -> None:
    if content is not None:
        (tmp_path / "inference.yml").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ModelLoadError, match=r"holds no usable inference.yml .*give a folder"):
        PaddleTextReader(tmp_path, tmp_path, cache_folder=tmp_path)
