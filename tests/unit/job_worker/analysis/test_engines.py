"""Which engine finds objects and which reads text, and in what batches: by the settings and by what the host has."""

import os
from pathlib import Path

import pytest

from job_worker.analysis.engines import (
    detection_batch_size,
    detection_engine,
    load_detector,
    text_engine,
    torch_device,
)
from job_worker.errors import ModelLoadError
from job_worker.inference.host import Host
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


@pytest.mark.parametrize("device", ["auto", "cuda:0", "cuda:1", "1"])
def test_a_gpu_is_used_where_there_is_one_and_in_batches(device: str) -> None:
    chosen = settings(device=device)
    assert detection_engine(chosen, WITH_GPU) == "ultralytics"
    assert detection_batch_size(chosen, WITH_GPU) == 16
    assert text_engine(chosen, WITH_GPU) == "torch"
    assert torch_device(chosen, WITH_GPU) == {"auto": "cuda:0", "1": "cuda:1"}.get(device, device)


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


def test_the_bundled_detector_runs_on_the_gpu_whatever_is_in_the_current_folder(
    network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(network)
    assert detection_engine(settings(""), WITH_GPU) == "ultralytics"
    assert detection_batch_size(settings(""), WITH_GPU) == 16


@pytest.mark.parametrize("device", ["auto", "cuda:0"])
def test_an_onnx_file_is_run_by_the_fast_engine_unless_onnx_runtime_can_use_the_gpu(device: str) -> None:
    chosen, able = settings("signs.onnx", device=device), FakeHost(has_gpu=True, has_cuda_for_onnxruntime=True)
    assert (detection_engine(chosen, WITH_GPU), detection_batch_size(chosen, WITH_GPU)) == ("openvino", 1)
    assert (detection_engine(chosen, able), detection_batch_size(chosen, able)) == ("ultralytics", 16)


def test_the_log_says_that_an_onnx_file_runs_on_the_cpu(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    for engine in ("auto", "ultralytics"):
        chosen = settings(str(tmp_path / "signs.onnx"), cache_dir=tmp_path, detection_engine=engine)
        with caplog.at_level("INFO"), pytest.raises(ModelLoadError):
            load_detector(chosen, WITH_GPU)
    assert caplog.messages == ["objects are found by openvino on cpu", "objects are found by ultralytics on cpu"]


def test_weights_that_a_named_gpu_does_not_run_are_warned_of(network: str, caplog: pytest.LogCaptureFixture) -> None:
    chosen = settings(network, cache_dir=Path(network), device="cuda:0")
    with caplog.at_level("WARNING"), pytest.raises(ModelLoadError):
        load_detector(chosen, WITH_GPU)
    with pytest.raises(ModelLoadError):  # it names the engine that uses no GPU
        load_detector(chosen.model_copy(update={"detection_engine": "openvino"}), WITH_GPU)
    assert caplog.messages == ["objects are found on the CPU and not on cuda:0, which does not run these weights"]


def test_a_named_gpu_that_is_not_there_is_refused_also_with_weights_that_no_gpu_runs(network: str) -> None:
    class OneGpu(FakeHost):
        def gpu_memory_bytes(self, device: str) -> int:
            raise ModelLoadError(f"no {device}")

    with pytest.raises(ModelLoadError, match=r"^no cuda:99$"):
        load_detector(settings(network, device="cuda:99"), OneGpu(has_gpu=True))
    with pytest.raises(ModelLoadError, match=r"^torch is not installed: .*, or choose --device auto or cpu\.$"):
        load_detector(settings(network, device="cuda:99"), FakeHost(has_libraries=False))


def test_the_onnx_runtime_of_the_worker_uses_no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    assert not Host().has_cuda_for_onnxruntime(tmp_path)


@pytest.mark.parametrize("engine", ["auto", "openvino", "ultralytics"])
def test_a_file_of_a_network_for_openvino_is_refused_with_its_folder(engine: str) -> None:
    chosen = WorkerSettings.of(yolo_weights="mine_openvino_model/mine.xml", detection_engine=engine)
    with pytest.raises(ModelLoadError, match=r"mine\.xml are one file .*: give its folder, mine_openvino_model\.$"):
        load_detector(chosen, FakeHost())


def test_an_engine_that_is_named_is_taken() -> None:
    chosen = settings(detection_engine="openvino", text_engine="openvino")
    assert (detection_engine(chosen, WITH_GPU), text_engine(chosen, WITH_GPU)) == ("openvino", "openvino")
    chosen = settings(detection_engine="ultralytics", text_engine="paddleocr")
    assert (detection_engine(chosen, WITHOUT_GPU), text_engine(chosen, WITHOUT_GPU)) == ("ultralytics", "paddleocr")


def test_objects_are_found_on_the_cpu_where_a_gpu_that_no_setting_names_does_not_run_the_detector(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    without_ultralytics, caches = FakeHost(has_gpu=True, has_libraries=False), {"cache_dir": tmp_path, "threads": 1}
    with caplog.at_level("INFO"):
        detector = load_detector(settings("", **caches), without_ultralytics)
    assert type(detector).__name__ == "OpenVinoDetector"
    assert caplog.messages == [
        "objects are found by ultralytics on cuda:0",
        "objects are found on the CPU, since the GPU does not run the networks",
        "objects are found by openvino on cpu",
    ]
    for named in ({"device": "cuda:0"}, {"detection_engine": "ultralytics"}):
        with pytest.raises(ModelLoadError):
            load_detector(settings("", **caches, **named), without_ultralytics)


@pytest.mark.parametrize("model", ["ocr_detection_model", "ocr_recognition_model"])
def test_a_text_model_that_is_named_is_run_by_paddleocr(model: str) -> None:
    assert text_engine(settings(**{model: "models/mine"}), WITHOUT_GPU) == "paddleocr"


@pytest.mark.parametrize(
    ("gpu_batch", "image_size", "memory_gib", "images"),
    [(8, 640, 80, 8), (32, 768, 80, 32), (16, 640, 8, 10), (16, 1280, 8, 2), (16, 640, 0.5, 1), (1, 640, 80, 1)],
)
def test_a_batch_is_as_large_as_the_settings_say_or_as_the_memory_of_the_gpu_allows(
    gpu_batch: int, image_size: int, memory_gib: float, images: int
) -> None:
    chosen = settings(gpu_batch=gpu_batch, yolo_image_size=image_size)
    assert detection_batch_size(chosen, FakeHost(has_gpu=True, gpu_memory_gib=memory_gib)) == images
