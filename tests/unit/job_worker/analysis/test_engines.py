"""Which engine finds objects and which reads text, and in what batches: by the settings and by what the host has."""

from pathlib import Path

import pytest

from job_worker.analysis.engines import detection_batch_size, detection_engine, text_engine
from job_worker.settings import WorkerSettings
from tests.support.hosts import FakeHost

pytestmark = [pytest.mark.unit, pytest.mark.worker]

WITH_GPU, WITHOUT_GPU = FakeHost(has_gpu=True), FakeHost(has_gpu=False)


@pytest.fixture
def network(tmp_path: Path) -> str:
    """A detector in OpenVINO's own format."""
    (tmp_path / "metadata.yaml").touch()
    return str(tmp_path)


def settings(weights: str = "w.pt", **values: object) -> WorkerSettings:
    return WorkerSettings.of(yolo_weights=weights, **values)


@pytest.mark.parametrize("device", ["auto", "cuda:0", "cuda:1"])
def test_a_gpu_is_used_where_there_is_one_and_in_batches(device: str) -> None:
    chosen = settings(device=device)
    assert detection_engine(chosen, WITH_GPU) == "ultralytics"
    assert detection_batch_size(chosen, WITH_GPU) == 8
    assert text_engine(chosen, WITH_GPU) == "paddleocr"


@pytest.mark.parametrize(("device", "host"), [("auto", WITHOUT_GPU), ("cpu", WITHOUT_GPU), ("cpu", WITH_GPU)])
def test_on_a_cpu_the_fast_engines_take_images_one_by_one(device: str, host: FakeHost) -> None:
    chosen = settings(device=device)
    assert detection_engine(chosen, host) == "openvino"
    assert detection_batch_size(chosen, host) == 1
    assert text_engine(chosen, host) == "openvino"


def test_weights_that_openvino_does_not_run_are_run_by_ultralytics() -> None:
    chosen = settings("w.engine")
    assert detection_engine(chosen, WITHOUT_GPU) == "ultralytics"
    assert detection_batch_size(chosen, WITHOUT_GPU) == 1


def test_a_network_that_runs_on_no_gpu_is_run_by_the_fast_engine(network: str) -> None:
    assert detection_engine(settings(network), WITH_GPU) == "openvino"
    assert detection_batch_size(settings(network, detection_engine="ultralytics"), WITH_GPU) == 1


def test_an_engine_that_is_named_is_taken() -> None:
    chosen = settings(detection_engine="openvino", text_engine="openvino")
    assert (detection_engine(chosen, WITH_GPU), text_engine(chosen, WITH_GPU)) == ("openvino", "openvino")
    chosen = settings(detection_engine="ultralytics", text_engine="paddleocr")
    assert (detection_engine(chosen, WITHOUT_GPU), text_engine(chosen, WITHOUT_GPU)) == ("ultralytics", "paddleocr")


@pytest.mark.parametrize("model", ["ocr_detection_model", "ocr_recognition_model"])
def test_a_text_model_that_is_named_is_run_by_paddleocr(model: str) -> None:
    assert text_engine(settings(**{model: "models/mine"}), WITHOUT_GPU) == "paddleocr"


@pytest.mark.parametrize(
    ("gpu_batch", "image_size", "images"),
    [(8, 640, 8), (8, 320, 8), (8, 960, 3), (8, 1280, 2), (8, 4096, 1), (1, 640, 1)],
)
def test_a_batch_takes_no_more_memory_at_a_larger_image_size(gpu_batch: int, image_size: int, images: int) -> None:
    chosen = settings(gpu_batch=gpu_batch, yolo_image_size=image_size)
    assert detection_batch_size(chosen, WITH_GPU) == images
