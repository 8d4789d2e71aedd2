"""The real models on real videos: what they find, that they always find the same, and how they fail."""

import itertools
import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from job_worker.analysis.engines import load_detector
from job_worker.analysis.frame_analysis import FrameAnalysis
from job_worker.analysis.video_file_pipeline_service import VideoFilePipelineService
from job_worker.detection.image_size import ImageSize
from job_worker.detection.ultralytics_backends import pin_backend
from job_worker.detection.ultralytics_detector import UltralyticsDetector, load_yolo
from job_worker.errors import JobCannotBeDone, ModelLoadError
from job_worker.ocr.bundled_models import bundled_text_models
from job_worker.ocr.paddle_text_reader import PaddleTextReader
from job_worker.settings import WorkerSettings
from shared.results import encode_frame
from shared.video.frame import Frame
from shared.video.reader import VideoReader

pytestmark = [pytest.mark.integration, pytest.mark.worker, pytest.mark.models]

SHARED = Path(__file__).resolve().parents[3] / "shared"
WEIGHTS = Path(os.environ.get("FOREGSYTE_TEST_WEIGHTS") or SHARED / "models" / "yolo11n_int8_openvino_model")
VIDEOS = Path(os.environ.get("FOREGSYTE_TEST_VIDEOS") or SHARED / "videos")
THREADS = 2


def video(name: str) -> Path:
    if not (VIDEOS / name).is_file():
        pytest.skip(f"{name} is not in {VIDEOS}; set FOREGSYTE_TEST_VIDEOS")
    return VIDEOS / name


def frame_of(name: str, index: int) -> Frame:
    return next(itertools.islice(VideoReader(video(name)), index, None))


@pytest.fixture(scope="module")
def network_calls() -> Iterator[list[str]]:
    """Collect every host that is looked up, and refuse all of them."""
    hosts: list[str] = []

    def refuse(host: str, *_: object, **__: object) -> None:
        hosts.append(host)
        raise socket.gaierror("no network in tests")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket, "getaddrinfo", refuse)
        yield hosts


@pytest.fixture(scope="module")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def weights() -> Path:
    if not WEIGHTS.exists():
        pytest.skip(f"no detector weights at {WEIGHTS}; set FOREGSYTE_TEST_WEIGHTS")
    return WEIGHTS


@pytest.fixture(scope="module")
def detector(network_calls: list[str], weights: Path, cache_folder: Path) -> UltralyticsDetector:
    return UltralyticsDetector(weights, device="cpu", threads=THREADS, cache_folder=cache_folder)


@pytest.fixture(scope="module")
def text_reader(network_calls: list[str], cache_folder: Path) -> PaddleTextReader:
    return PaddleTextReader(device="cpu", threads=THREADS, cache_folder=cache_folder)


def analyse(detector: UltralyticsDetector, text_reader: PaddleTextReader, frame: Frame) -> dict[str, Any]:
    [found] = FrameAnalysis(detector, text_reader).analyse_batch([frame.image])
    return dict(json.loads(encode_frame(frame.index, frame.timestamp_ms, found))["result"])


def labels(result: dict[str, Any]) -> list[str]:
    return [detection["label"] for detection in result["detections"]]


def test_an_image_that_is_too_wide_for_paddleocr_is_refused_with_what_reads_it(text_reader: PaddleTextReader) -> None:
    with pytest.raises(JobCannotBeDone, match=r"no frame wider or higher than 32766 pixels.*--text-engine auto"):
        text_reader.read(np.zeros((64, 40_000, 3), np.uint8))


def test_a_person_and_the_sign_in_a_shop_window_are_found(
    detector: UltralyticsDetector, text_reader: PaddleTextReader
) -> None:
    result = analyse(detector, text_reader, frame_of("people_walking_1080p.mp4", 0))
    assert labels(result).count("person") >= 7
    assert "30% off".replace(" ", "") in result["text"].replace(" ", "")
    assert result["text"].split("\n") == [line["text"] for line in result["text_lines"]]
    json.dumps(result, allow_nan=False)


def test_a_stop_sign_is_found_and_read_at_the_same_place(
    detector: UltralyticsDetector, text_reader: PaddleTextReader
) -> None:
    result = analyse(detector, text_reader, frame_of("stop_sign_road.mp4", 150))
    sign = next(found for found in result["detections"] if found["label"] == "stop sign")
    word = next(line for line in result["text_lines"] if line["text"] == "STOP")
    x1, y1, x2, y2 = sign["box"]
    centre_x, centre_y = np.mean(word["polygon"], axis=0)
    assert x1 < centre_x < x2
    assert y1 < centre_y < y2
    assert word["polygon"][0] == [min(x for x, _ in word["polygon"]), min(y for _, y in word["polygon"])]


@pytest.mark.parametrize("index", [0, 9, 19, 29])
def test_each_frame_of_the_counter_gives_its_own_number(text_reader: PaddleTextReader, index: int) -> None:
    frame = frame_of("counter_digits.mp4", index)
    lines = [line.text.replace(" ", "") for line in text_reader.read(frame.image)]
    assert lines == [f"Frame={index + 1}", f"PTS={index / 10}s"]


def test_nothing_is_found_in_a_blank_image(detector: UltralyticsDetector, text_reader: PaddleTextReader) -> None:
    for value in (0, 255):
        blank = Frame(0, 0.0, np.full((480, 640, 3), value, np.uint8))
        result = analyse(detector, text_reader, blank)
        assert result == {"detections": [], "text": "", "text_lines": [], "timestamp_ms": 0.0}


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 400), (1500, 2), (10, 12)])
def test_images_of_odd_shapes_are_no_trouble(
    detector: UltralyticsDetector, text_reader: PaddleTextReader, width: int, height: int
) -> None:
    frame = Frame(0, 0.0, np.full((height, width, 3), 127, np.uint8))
    assert analyse(detector, text_reader, frame)["text"] == ""


def test_colours_are_taken_as_blue_green_red(detector: UltralyticsDetector) -> None:
    # Ultralytics itself reads a file as BGR; a detector that swapped channels would differ from it here.
    image = frame_of("stop_sign_road.mp4", 150).image
    swapped = detector.detect(np.ascontiguousarray(image[..., ::-1]))
    straight = detector.detect(image)
    assert straight[0].label == "stop sign"
    assert straight != swapped
    assert straight[0].confidence > max(
        (found.confidence for found in swapped if found.label == "stop sign"), default=0
    )


@pytest.mark.corpus
def test_the_same_image_gives_the_same_result_again_and_from_other_instances(
    detector: UltralyticsDetector, text_reader: PaddleTextReader, weights: Path, cache_folder: Path
) -> None:
    frame = frame_of("stop_sign_road.mp4", 100)
    first = json.dumps(analyse(detector, text_reader, frame))
    analyse(detector, text_reader, frame_of("text_detection_demo.mp4", 120))
    assert json.dumps(analyse(detector, text_reader, frame)) == first
    other_detector = UltralyticsDetector(weights, device="cpu", threads=1, cache_folder=cache_folder)
    other_text_reader = PaddleTextReader(device="cpu", threads=1, cache_folder=cache_folder)
    assert json.dumps(analyse(other_detector, other_text_reader, frame)) == first


def test_a_whole_video_has_an_entry_for_every_frame(
    detector: UltralyticsDetector, text_reader: PaddleTextReader
) -> None:
    service = VideoFilePipelineService({"yolo": FrameAnalysis(detector)})
    results = service.run_on_file("yolo", video("tiny_320x240.mp4"))
    assert [entry["frame_index"] for entry in results] == list(range(len(results)))
    assert all(entry.keys() == {"frame_index", "result"} for entry in results)
    assert all(entry["result"].keys() == {"detections", "timestamp_ms"} for entry in results)


def backend_of(weights: Path, cache_folder: Path, **settings: Any) -> tuple[UltralyticsDetector, Any]:
    """Load a detector; returns it and the backend of its model."""
    models: list[Any] = []

    def load(path: Path) -> Any:
        models.append(load_yolo(path))
        return models[0]

    loaded = UltralyticsDetector(
        weights, device="cpu", threads=THREADS, cache_folder=cache_folder, load=load, **settings
    )
    return loaded, models[0].predictor.model.backend


def assert_f32_and_threads(backend: Any) -> None:
    compiled = backend.ov_compiled_model
    assert compiled.get_property("INFERENCE_PRECISION_HINT").to_string() == "f32"
    assert compiled.get_property("INFERENCE_NUM_THREADS") == THREADS


def test_openvino_computes_in_32_bit_floats_with_the_threads_it_is_given(weights: Path, cache_folder: Path) -> None:
    _, backend = backend_of(weights, cache_folder)
    assert_f32_and_threads(backend)


@pytest.mark.corpus
@pytest.mark.filterwarnings("ignore:.torch.jit.trace:FutureWarning")  # the exporter's own
def test_openvino_computes_in_32_bit_floats_after_it_recompiles_for_another_size(
    cache_folder: Path, tmp_path: Path, network_calls: list[str]
) -> None:
    import openvino
    from ultralytics import YOLO

    YOLO("yolo11n.yaml").save(tmp_path / "untrained.pt")
    folder = Path(YOLO(tmp_path / "untrained.pt").export(format="openvino", dynamic=True, imgsz=320))
    untrained, backend = backend_of(folder, cache_folder, image_size=ImageSize.fixed(320))
    # What Ultralytics does for int8 models on processors with AMX: a static model for each input size.
    backend.read_model = lambda: openvino.Core().read_model(folder / "untrained.xml")
    untrained.detect(np.zeros((64, 128, 3), np.uint8))
    assert backend.ov_compiled_model.input().shape == [1, 3, 160, 320]
    assert_f32_and_threads(backend)


def test_the_text_models_compute_with_the_threads_they_are_given(
    cache_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import onnxruntime

    sessions: list[onnxruntime.InferenceSession] = []

    class Recorded(onnxruntime.InferenceSession):
        def __init__(self, *given: Any, **settings: Any) -> None:
            super().__init__(*given, **settings)
            sessions.append(self)

    monkeypatch.setattr(onnxruntime, "InferenceSession", Recorded)
    PaddleTextReader(device="cpu", threads=THREADS, cache_folder=cache_folder)
    assert [session.get_session_options().intra_op_num_threads for session in sessions] == [THREADS, THREADS]


def test_an_onnx_detector_computes_with_the_threads_it_is_given(cache_folder: Path) -> None:
    model = SimpleNamespace(format="onnx", backend=SimpleNamespace(device=SimpleNamespace(type="cpu")))
    # Any ONNX file will do: only the settings of the session matter.
    pin_backend(model, bundled_text_models(cache_folder).detection / "inference.onnx", THREADS)
    assert model.backend.session.get_session_options().intra_op_num_threads == THREADS


def test_torch_and_opencv_keep_the_threads_they_are_given(weights: Path, cache_folder: Path) -> None:
    import cv2
    import torch

    UltralyticsDetector(weights, device="cpu", threads=THREADS, cache_folder=cache_folder)
    assert (torch.get_num_threads(), cv2.getNumThreads()) == (THREADS, THREADS)


def test_the_bundled_recogniser_knows_its_whole_alphabet(cache_folder: Path) -> None:
    import yaml

    folder = bundled_text_models(cache_folder).recognition
    alphabet = yaml.safe_load((folder / "inference.yml").read_text(encoding="utf-8"))["PostProcess"]["character_dict"]
    assert len(alphabet) == 18_708
    assert {len(character) for character in alphabet} == {1}


def test_a_torch_checkpoint_is_loaded_too(cache_folder: Path, tmp_path: Path) -> None:
    from ultralytics import YOLO

    YOLO("yolo11n.yaml").save(tmp_path / "untrained.pt")
    untrained = UltralyticsDetector(tmp_path / "untrained.pt", device="cpu", threads=THREADS, cache_folder=cache_folder)
    assert untrained.detect(np.zeros((48, 64, 3), np.uint8)) == []


def test_loading_and_running_the_models_looks_up_no_host(
    detector: UltralyticsDetector, text_reader: PaddleTextReader, network_calls: list[str]
) -> None:
    assert network_calls == []


@pytest.mark.parametrize("weights", ["models/yolo26n.pt", "unknown_model.pt", "http://example.com/yolo26n.pt"])
def test_missing_weights_are_named_without_a_network_access(
    network_calls: list[str], cache_folder: Path, weights: str
) -> None:
    before = list(network_calls)
    with pytest.raises(ModelLoadError, match=rf"weights {weights} are not there: give the path"):
        UltralyticsDetector(weights, cache_folder=cache_folder)
    assert network_calls == before


@pytest.mark.parametrize("engine", ["openvino", "ultralytics"])
def test_published_weights_that_cannot_be_downloaded_are_named(
    engine: str, network_calls: list[str], tmp_path: Path
) -> None:
    settings = WorkerSettings.of(yolo_weights="yolo26n.pt", detection_engine=engine, device="cpu", cache_dir=tmp_path)
    with pytest.raises(ModelLoadError, match=r"yolo26n.pt .* could not be downloaded: .* give its path"):
        load_detector(settings)
    assert network_calls
    network_calls.clear()
    assert [path for path in (tmp_path / "detection_models").iterdir() if path.is_file() or any(path.iterdir())] == []


@pytest.mark.corpus
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_published_weights_are_downloaded_once_for_both_engines(
    cache_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ultralytics import YOLO
    from ultralytics.utils import downloads

    YOLO("yolo26n.yaml").save(tmp_path / "untrained.pt")
    requested: list[str] = []

    def download(url: str, file: Path, **_: object) -> None:
        requested.append(url)
        file.parent.mkdir(exist_ok=True)
        shutil.copy(tmp_path / "untrained.pt", file)

    monkeypatch.setattr(downloads, "safe_download", download)
    for engine in ("ultralytics", "openvino"):
        settings = WorkerSettings.of(
            yolo_weights="yolo26n.pt", detection_engine=engine, device="cpu", cache_dir=tmp_path / "cache", threads=1
        )
        assert load_detector(settings).detect(np.zeros((48, 64, 3), np.uint8)) == []
    assert len(requested) == 1
    assert requested[0].endswith("/yolo26n.pt")


@pytest.mark.parametrize("name", ["damaged.pt", "damaged.onnx", "unknown.txt"])
def test_damaged_weights_are_named(cache_folder: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"nonsense" * 100)
    with pytest.raises(ModelLoadError, match=rf"{name} cannot be loaded on device cpu: .* Give a whole"):
        UltralyticsDetector(tmp_path / name, device="cpu", cache_folder=cache_folder)


def test_a_device_that_is_not_there_is_named(weights: Path, cache_folder: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"on device nonsense: .* a device that this host has"):
        UltralyticsDetector(weights, device="nonsense", cache_folder=cache_folder)
    with pytest.raises(ModelLoadError, match=r"on device nonsense: .* a device that this host has"):
        PaddleTextReader(device="nonsense", cache_folder=cache_folder)


def test_a_damaged_text_model_is_named(cache_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "detection"
    shutil.copytree(bundled_text_models(cache_folder).detection, folder)
    (folder / "inference.onnx").write_bytes(b"nonsense")
    with pytest.raises(ModelLoadError, match=r"detection and .* cannot be loaded .* Give two PaddleOCR model folders"):
        PaddleTextReader(folder, device="cpu", cache_folder=cache_folder)


def test_a_text_model_that_nobody_publishes_is_named(cache_folder: Path) -> None:
    with pytest.raises(ModelLoadError, match=r"text models unknown_model and .* cannot be loaded"):
        PaddleTextReader("unknown_model", cache_folder=cache_folder)
