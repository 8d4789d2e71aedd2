"""The OpenVINO engines against the reference ones on real images, and that speed costs no determinism."""

import itertools
import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import cast

import cv2
import numpy as np
import pytest
import yaml

from job_worker.analysis.build_pipelines import build_pipelines
from job_worker.analysis.engines import load_detector, load_text_reader
from job_worker.analysis.video_file_pipeline_service import VideoFilePipelineService
from job_worker.detection import openvino_export
from job_worker.detection.base import DetectionLimits
from job_worker.detection.image_size import ImageSize
from job_worker.detection.openvino_detector import OpenVinoDetector
from job_worker.detection.openvino_export import runnable_weights
from job_worker.detection.ultralytics_detector import UltralyticsDetector
from job_worker.errors import ModelLoadError
from job_worker.inference.host import Host
from job_worker.ocr.bundled_models import TextModelFolders, bundled_text_models
from job_worker.ocr.openvino_text_reader import OpenVinoTextReader
from job_worker.ocr.paddle_text_reader import PaddleTextReader
from job_worker.settings import WorkerSettings
from shared.pipelines.profiles import PROFILES, Precision, Profile
from shared.results import TextLine
from shared.video.image import Image
from shared.video.reader import VideoReader
from tests.conftest import TINY_MP4
from tests.support.checkpoints import write_checkpoint
from tests.support.hosts import FakeHost

pytestmark = [pytest.mark.integration, pytest.mark.worker, pytest.mark.models]

THREADS = 2
EXACT = PROFILES[Profile.exact]

# Text of many kinds: a plate, captions, an upright screen, a shop window; then road signs, a slanted word, and more.
SAMPLES = (
    ("car_num_plate_uz.mp4", 130),
    ("cricket_ball_tracking.mp4", 2),
    ("mde_ftyp3gp5.mp4", 12),
    ("people_walking_1080p.mp4", 0),
)
MORE_SAMPLES = (
    ("basketball_ball_tracking.mp4", 46),
    ("dashcam_0.mp4", 165),
    ("fragmented_cea608_captions.mp4", 30),
    ("multi_video_tracks_auxiliary.mp4", 1),
    ("rotated_issue134.mp4", 150),
    ("subtitle_remover_test2.mp4", 60),
    ("text_detection_demo.mp4", 45),
    ("text_detection_demo.mp4", 345),
)


def single_frames(folder: Path, samples: Sequence[tuple[str, int]]) -> dict[str, Image]:
    """Return single frames of videos, by video and index."""
    return {
        f"{name} {index}": next(itertools.islice(VideoReader(folder / name), index, None)).image
        for name, index in samples
    }


@pytest.fixture(scope="module")
def images(corpus: Path) -> dict[str, Image]:
    return single_frames(corpus, SAMPLES)


@pytest.fixture(params=[SAMPLES, pytest.param(MORE_SAMPLES, marks=pytest.mark.corpus)], ids=["some", "more"])
def compared(request: pytest.FixtureRequest, corpus: Path) -> dict[str, Image]:
    """The images on which ours are compared with the reference."""
    return single_frames(corpus, request.param)


@pytest.fixture(scope="module")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def models(cache_folder: Path) -> TextModelFolders:
    return bundled_text_models(cache_folder)


@pytest.fixture(scope="module")
def text_reader(models: TextModelFolders) -> OpenVinoTextReader:
    return OpenVinoTextReader(models, EXACT, THREADS)


@pytest.fixture(scope="module")
def detector(yolo_weights: Path) -> OpenVinoDetector:
    return OpenVinoDetector(yolo_weights, Precision.f32, THREADS)


@pytest.fixture(scope="module")
def paddle_reader(cache_folder: Path) -> PaddleTextReader:
    return PaddleTextReader(device="cpu", threads=THREADS, cache_folder=cache_folder)


def assert_same_lines(name: str, found: list[TextLine], expected: list[TextLine]) -> None:
    assert [line.text for line in found] == [line.text for line in expected], name
    assert [line.polygon for line in found] == [line.polygon for line in expected], name
    confidences = [line.confidence for line in expected]
    assert [line.confidence for line in found] == pytest.approx(confidences, abs=1e-3), name


def test_exact_text_is_that_of_paddleocr(
    compared: dict[str, Image], text_reader: OpenVinoTextReader, paddle_reader: PaddleTextReader
) -> None:
    lines = 0
    for name, image in compared.items():
        found, expected = (reader.read(image, min_confidence=0.0) for reader in (text_reader, paddle_reader))
        assert_same_lines(name, found, expected)
        lines += len(found)
    assert lines > 15


def images_with_a_short_side() -> dict[str, Image]:
    """Return images that PaddleOCR enlarges before it looks for text."""
    column = np.full((900, 40, 3), 255, np.uint8)
    for number, letter in enumerate("VERTICAL TEXT HERE"):
        cv2.putText(column, letter, (5, 45 + 48 * number), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (0, 0, 0), 2, cv2.LINE_AA)
    screen = np.full((360, 640, 3), 255, np.uint8)
    for number, size in enumerate((1.0, 0.6, 2.2, 0.8)):
        cv2.putText(screen, "Hello World 42", (20, 60 + 80 * number), cv2.FONT_HERSHEY_SIMPLEX, size, (0, 0, 0), 2)
    sizes = ((31, 33), (20, 600), (3000, 8), (40, 54), (60, 60), (5, 5))
    return {"column": column} | {
        f"{width}x{height}": cast("Image", cv2.resize(screen, (width, height), interpolation=cv2.INTER_AREA))
        for width, height in sizes
    }


@pytest.mark.corpus
def test_exact_text_of_images_with_a_short_side_is_that_of_paddleocr(
    text_reader: OpenVinoTextReader, paddle_reader: PaddleTextReader, cache_folder: Path
) -> None:
    on_torch = load_text_reader(settings("", cache_folder, text_engine="torch", device="cpu", profile="exact"))
    lines = 0
    for name, image in images_with_a_short_side().items():
        expected = paddle_reader.read(image, min_confidence=0.0)
        for ours in (text_reader, on_torch):
            assert_same_lines(f"{name} {type(ours).__name__}", ours.read(image, min_confidence=0.0), expected)
        lines += len(expected)
    assert lines > 15


def test_boxes_are_those_of_ultralytics(
    compared: dict[str, Image], detector: OpenVinoDetector, yolo_weights: Path, cache_folder: Path
) -> None:
    reference = UltralyticsDetector(yolo_weights, device="cpu", threads=THREADS, cache_folder=cache_folder)
    found = {name: detector.detect(image) for name, image in compared.items()}
    assert found == {name: reference.detect(image) for name, image in compared.items()}
    assert sum(map(len, found.values())) > 3


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("checkpoint") / "untrained.pt")


@pytest.mark.corpus
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_torch_checkpoint_is_exported_once_and_gives_the_boxes_that_ultralytics_gives(
    checkpoint: Path, images: dict[str, Image], tmp_path: Path
) -> None:
    folder = runnable_weights(str(checkpoint), 320, tmp_path)
    made_at = folder.stat().st_mtime_ns
    assert runnable_weights(str(checkpoint), 320, tmp_path) == folder
    assert folder.stat().st_mtime_ns == made_at
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    ours = OpenVinoDetector(folder, Precision.f32, THREADS, image_size=ImageSize.fixed(320))
    reference = UltralyticsDetector(folder, device="cpu", image_size=ImageSize.fixed(320), cache_folder=tmp_path)
    limits = DetectionLimits(confidence=0.501)
    for name in ("people_walking_1080p.mp4 0", "mde_ftyp3gp5.mp4 12"):
        found, expected = (detector.detect(images[name], limits) for detector in (ours, reference))
        assert len(found) == len(expected) > 0
        for one, other in zip(found, expected, strict=True):
            assert one.class_id == other.class_id
            assert (*one.box, one.confidence) == pytest.approx((*other.box, other.confidence), abs=0.01)


@pytest.mark.parametrize(
    "profile",
    [Profile.fast, *(pytest.param(profile, marks=pytest.mark.corpus) for profile in (Profile.balanced, Profile.exact))],
)
def test_an_image_gives_the_same_bytes_on_any_number_of_threads(
    profile: Profile, images: dict[str, Image], yolo_weights: Path, models: TextModelFolders
) -> None:
    numbers = PROFILES[profile]
    first, second = (images[name] for name in ("car_num_plate_uz.mp4 130", "cricket_ball_tracking.mp4 2"))

    def answers(threads: int) -> list[object]:
        finder = OpenVinoDetector(yolo_weights, numbers.precision, threads)
        reader = OpenVinoTextReader(models, numbers, threads)
        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(lambda image: (finder.detect(image), reader.read(image)), (first, second, first)))

    alone = answers(1)
    assert answers(3) == alone
    assert alone[0] == alone[2]


@pytest.mark.corpus
def test_networks_compute_in_the_calling_thread(
    images: dict[str, Image], yolo_weights: Path, models: TextModelFolders
) -> None:
    finder, reader = OpenVinoDetector(yolo_weights, Precision.f32, THREADS), OpenVinoTextReader(models, EXACT, THREADS)
    image = images["cricket_ball_tracking.mp4 2"]

    def analyse() -> None:
        finder.detect(image)
        reader.read(image)

    analyse()
    here, everywhere = time.thread_time(), time.process_time()
    analyse()
    assert time.thread_time() - here > 0.8 * (time.process_time() - everywhere)


def settings(yolo_weights: Path | str, cache_folder: Path, **values: object) -> WorkerSettings:
    defaults: dict[str, object] = {"yolo_weights": str(yolo_weights), "cache_dir": cache_folder, "threads": THREADS}
    return WorkerSettings.of(**(defaults | values))


@pytest.mark.parametrize(
    ("values", "detects", "reads"),
    [
        ({}, "OpenVinoDetector", "OpenVinoTextReader"),
        ({"device": "cpu"}, "OpenVinoDetector", "OpenVinoTextReader"),
        ({"detection_engine": "ultralytics"}, "UltralyticsDetector", "OpenVinoTextReader"),
        ({"text_engine": "paddleocr", "device": "cpu"}, "OpenVinoDetector", "PaddleTextReader"),
        ({"text_engine": "torch", "device": "cpu"}, "OpenVinoDetector", "TorchTextReader"),
    ],
)
def test_the_engine_is_the_fast_one_unless_another_is_configured(
    values: dict[str, object], detects: str, reads: str, yolo_weights: Path, cache_folder: Path
) -> None:
    chosen = settings(yolo_weights, cache_folder, **values)
    assert type(load_detector(chosen)).__name__ == detects
    assert type(load_text_reader(chosen)).__name__ == reads


@pytest.mark.skipif(Host().has_gpu_for_torch(), reason="optional: torch sees a GPU, which runs the networks")
def test_text_is_read_on_the_cpu_where_a_gpu_that_nobody_named_does_not_run_the_networks(
    yolo_weights: Path, cache_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = FakeHost(has_gpu=True)
    assert type(load_text_reader(settings(yolo_weights, cache_folder), broken)).__name__ == "OpenVinoTextReader"
    assert "text is read on the CPU" in caplog.text
    for values in ({"device": "cuda:0"}, {"text_engine": "torch"}):
        with pytest.raises(ModelLoadError):
            load_text_reader(settings(yolo_weights, cache_folder, **values), broken)


@pytest.mark.parametrize("setting", ["ocr_detection_model", "ocr_recognition_model"])
def test_a_text_model_that_the_fast_engine_does_not_run_is_not_passed_over(
    setting: str, yolo_weights: Path, cache_folder: Path
) -> None:
    chosen = settings(yolo_weights, cache_folder, text_engine="openvino", **{setting: "models/mine"})
    with pytest.raises(ModelLoadError, match=r"models/mine does not run on openvino.*--text-engine auto or paddleocr"):
        load_text_reader(chosen)


def test_a_higher_limit_drops_the_boxes_of_a_lower_confidence_and_other_classes(
    detector: OpenVinoDetector, images: dict[str, Image]
) -> None:
    assert set(detector.labels) >= {"person", "stop sign"}
    kept = 0
    for image in images.values():
        every = detector.detect(image)
        found = detector.detect(image, DetectionLimits(0.6, classes=frozenset({"person"})))
        assert found == [one for one in every if one.confidence > 0.6 and one.label == "person"]
        kept += len(found)
    assert kept > 5


@pytest.mark.corpus
def test_a_video_is_analysed_the_same_by_one_thread_and_by_many(yolo_weights: Path, cache_folder: Path) -> None:
    def results(threads: int) -> str:
        chosen = settings(yolo_weights, cache_folder, pipelines="yolo_ocr", threads=threads)
        return json.dumps(VideoFilePipelineService(build_pipelines(chosen)).run_on_file("yolo_ocr", TINY_MP4))

    assert results(1) == results(4)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    (tmp_path / "model.xml").write_text("<net/>")
    return tmp_path


def test_damaged_weights_are_named(broken: Path) -> None:
    (broken / "metadata.yaml").write_text("task: detect")
    with pytest.raises(ModelLoadError, match=f"weights {broken} cannot be loaded: .* Give a whole detection model"):
        OpenVinoDetector(broken, Precision.f32, THREADS)


def test_weights_that_were_exported_are_named_as_they_were_given(broken: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino_export, "runnable_weights", lambda *_: broken)
    with pytest.raises(ModelLoadError, match=r"weights mine\.pt cannot be loaded"):
        load_detector(WorkerSettings.of(yolo_weights="mine.pt", detection_engine="openvino", device="cpu"))


@pytest.mark.parametrize(
    ("said", "instead", "wrong"),
    [
        (
            b"task: detect",
            b"task: segment",
            r"mine\.pt cannot be loaded: .* task segment, .*; --detection-engine ultralytics .* runs it\. Give a whole",
        ),
        (b"task: detect", b"task: obb", "it is a model for the task obb, not for detection. Give a whole"),
        (b"  79: toothbrush", b"  79: ''", "the label of its class 79 is empty"),
        (b"  79: toothbrush", b"", "it gives 80 scores a box, and it names 79 classes"),
    ],
)
def test_weights_that_do_not_fit_their_description_are_named(
    said: bytes, instead: bytes, wrong: str, yolo_weights: Path, tmp_path: Path
) -> None:
    for path in yolo_weights.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes().replace(said, instead))
    with pytest.raises(ModelLoadError, match=wrong):
        OpenVinoDetector(tmp_path, Precision.f32, THREADS, given="mine.pt")


def test_labels_may_be_a_list(yolo_weights: Path, detector: OpenVinoDetector, tmp_path: Path) -> None:
    for path in yolo_weights.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    described = yaml.safe_load((tmp_path / "metadata.yaml").read_text(encoding="utf-8"))
    described["names"] = list(described["names"].values())
    (tmp_path / "metadata.yaml").write_text(yaml.safe_dump(described), encoding="utf-8")
    assert list(OpenVinoDetector(tmp_path, Precision.f32, THREADS).labels) == list(detector.labels)


def test_a_damaged_text_model_is_named(models: TextModelFolders, broken: Path) -> None:
    (broken / "inference.onnx").write_bytes(b"no model")
    with pytest.raises(ModelLoadError, match=r"text models .* cannot be loaded"):
        OpenVinoTextReader(replace(models, detection=broken), EXACT, THREADS)


def test_nothing_is_found_in_blank_images_of_any_shape(
    detector: OpenVinoDetector, text_reader: OpenVinoTextReader
) -> None:
    for height, width in ((1, 1), (400, 3), (2, 1500), (12, 10), (480, 640)):
        blank = np.full((height, width, 3), 127, np.uint8)
        assert (detector.detect(blank), text_reader.read(blank)) == ([], [])
