"""Which engine looks for objects, where, and in what batches: by the settings and by what the host has."""

from pathlib import Path
from typing import Any

import pytest

from job_worker.analysis import engines
from job_worker.analysis.engines import load_detector
from job_worker.detection import openvino_detector, ultralytics_detector
from job_worker.settings import WorkerSettings

pytestmark = [pytest.mark.unit, pytest.mark.worker]


class Loaded:
    """Stands in for either detector and remembers what it was told."""

    def __init__(self, engine: str, *_: object, **settings: Any) -> None:
        self.engine = engine
        self.settings = settings


@pytest.fixture
def has_gpu() -> bool:
    return True


@pytest.fixture(autouse=True)
def host(has_gpu: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A host with every library, with a GPU or without."""
    monkeypatch.setattr(engines, "NVIDIA_DEVICE", tmp_path if has_gpu else tmp_path / "absent")
    monkeypatch.setattr(engines.importlib.util, "find_spec", lambda _: True)
    monkeypatch.setattr(engines, "_torch_sees_gpu", lambda: has_gpu)
    for module, name in ((openvino_detector, "OpenVinoDetector"), (ultralytics_detector, "UltralyticsDetector")):
        monkeypatch.setattr(module, name, lambda *given, name=name, **settings: Loaded(name, *given, **settings))


@pytest.fixture
def network(tmp_path: Path) -> str:
    """A detector in OpenVINO's own form."""
    (tmp_path / "metadata.yaml").touch()
    return str(tmp_path)


def loaded(weights: str = "w.engine", **settings: object) -> Loaded:
    found = load_detector(WorkerSettings.of(yolo_weights=weights, **settings))
    assert isinstance(found, Loaded)
    return found


@pytest.mark.parametrize("device", ["auto", "cuda:0", "cuda:1"])
def test_a_gpu_is_used_where_there_is_one_and_in_batches(device: str) -> None:
    found = loaded("w.pt", device=device)
    assert (found.engine, found.settings["device"]) == ("UltralyticsDetector", device)
    assert found.settings["batch_size"] == 8


@pytest.mark.parametrize("has_gpu", [False])
def test_where_there_is_none_pictures_come_one_by_one() -> None:
    assert loaded(device="auto").settings["batch_size"] == 1


def test_a_cpu_that_is_asked_for_is_given_pictures_one_by_one() -> None:
    assert loaded(device="cpu").settings["batch_size"] == 1


def test_a_network_that_runs_on_no_gpu_is_run_by_the_fast_engine(network: str) -> None:
    assert loaded(network).engine == "OpenVinoDetector"
    assert loaded(network, detection_engine="ultralytics").settings["batch_size"] == 1


@pytest.mark.parametrize(
    ("gpu_batch", "image_size", "pictures"),
    [(8, 640, 8), (8, 320, 8), (8, 960, 3), (8, 1280, 2), (8, 4096, 1), (1, 640, 1)],
)
def test_a_batch_takes_no_more_memory_at_a_larger_image_size(gpu_batch: int, image_size: int, pictures: int) -> None:
    assert loaded(gpu_batch=gpu_batch, yolo_image_size=image_size).settings["batch_size"] == pictures
