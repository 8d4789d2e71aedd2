"""Images in batches against the same images one by one, bit for bit; on a CPU, and on a GPU where there is one."""

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from job_worker.analysis.build_pipelines import build_pipelines
from job_worker.analysis.engines import Engines, load_detector
from job_worker.analysis.pipeline import Pipeline
from job_worker.analysis.scheduling import CACHED_IMAGES, MAX_BYTES_AHEAD, analyse_frames
from job_worker.analysis.video_file_pipeline_service import VideoFilePipelineService
from job_worker.detection.base import DetectionLimits
from job_worker.detection.image_size import ImageSize
from job_worker.detection.ultralytics_detector import UltralyticsDetector, load_yolo
from job_worker.inference.vendor_libraries import prepare_vendor_libraries
from job_worker.settings import WorkerSettings
from shared.results import Detection, encode_frame
from shared.video.frame import Frame
from shared.video.image import Image
from shared.video.reader import VideoReader
from tests.conftest import OPTIONAL, TINY_MP4
from tests.support.checkpoints import write_checkpoint
from tests.support.hosts import FakeHost

pytestmark = [pytest.mark.integration, pytest.mark.worker, pytest.mark.models]

NO_GPU = f"{OPTIONAL} torch sees no GPU"
BATCH = 4
IMAGE_SIZE = 160
SETTINGS: dict[str, Any] = {"image_size": ImageSize.fixed(IMAGE_SIZE), "threads": 1}
LIMITS = DetectionLimits(confidence=0.501)


def sees_gpu() -> bool:
    import torch

    return bool(torch.cuda.is_available())


@pytest.fixture(scope="module", params=["cpu", "cuda:0"])
def device(request: pytest.FixtureRequest) -> str:
    """Where the network runs: every test here is made for both."""
    if request.param != "cpu" and not sees_gpu():
        pytest.skip(NO_GPU)
    return str(request.param)


@pytest.fixture(scope="module")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    prepare_vendor_libraries(folder)
    return folder


@pytest.fixture(scope="module")
def checkpoint(cache_folder: Path) -> Path:
    return write_checkpoint(cache_folder / "untrained.pt")


Make = Callable[..., UltralyticsDetector]


@pytest.fixture(scope="module")
def make(checkpoint: Path, cache_folder: Path, device: str) -> Make:
    """Make a detector; the settings can be passed."""

    return partial(
        UltralyticsDetector, checkpoint, device=device, batch_size=BATCH, cache_folder=cache_folder, **SETTINGS
    )


@pytest.fixture(scope="module")
def loaded() -> list[Any]:
    """The model under `detector`."""
    return []


@pytest.fixture(scope="module")
def detector(make: Make, loaded: list[Any]) -> UltralyticsDetector:
    def load(path: Path) -> Any:
        loaded[:] = [load_yolo(path)]
        return loaded[0]

    return make(load=load)


@pytest.fixture
def network(detector: UltralyticsDetector, loaded: list[Any]) -> Any:
    """The torch network under `detector`."""
    return loaded[0].predictor.model.backend.model


def tiles(seed: int, height: int = 48, width: int = 80) -> Image:
    """Return tiles of 8 pixels in colours that are the same in every run."""
    colours = np.random.default_rng(seed).integers(0, 256, (height // 8, width // 8, 3), np.uint8)
    return np.ascontiguousarray(colours.repeat(8, axis=0).repeat(8, axis=1))


IMAGES = [tiles(seed) for seed in range(2 * BATCH)]
BLACK, WHITE = (np.full_like(IMAGES[0], value) for value in (0, 255))


@pytest.fixture(scope="module")
def alone(detector: UltralyticsDetector) -> list[list[Detection]]:
    """What is found in each of the images by itself."""
    found = [detector.detect(image, LIMITS) for image in IMAGES]
    assert min(map(len, found)) > 10
    assert all(found[0] != other for other in found[1:])
    return found


@pytest.mark.parametrize("count", range(1, BATCH + 1))
def test_a_batch_gives_what_its_images_give_one_by_one(
    count: int, detector: UltralyticsDetector, alone: list[list[Detection]]
) -> None:
    assert detector.detect_batch(IMAGES[:count], LIMITS) == alone[:count]


@pytest.mark.parametrize("place", range(BATCH))
@pytest.mark.parametrize(
    "neighbours",
    [IMAGES[BATCH : 2 * BATCH - 1], [BLACK, WHITE, BLACK], [IMAGES[0]] * (BATCH - 1)],
    ids=["others", "plain ones", "itself"],
)
def test_neither_its_position_in_the_batch_nor_the_other_images_change_a_result(
    place: int, neighbours: list[Image], detector: UltralyticsDetector, alone: list[list[Detection]]
) -> None:
    batch = [*neighbours[:place], IMAGES[0], *neighbours[place:]]
    assert detector.detect_batch(batch, LIMITS)[place] == alone[0]


def test_another_detector_gives_the_same(make: Make, alone: list[list[Detection]]) -> None:
    assert make().detect_batch(IMAGES[:3], LIMITS) == alone[:3]


def test_batches_of_another_size_find_the_same_but_for_the_last_bits(make: Make, alone: list[list[Detection]]) -> None:
    one_by_one = make(batch_size=1)
    assert one_by_one.batch_size == 1
    for image, expected in zip(IMAGES, alone, strict=True):
        assert highest(one_by_one.detect(image, LIMITS)) == pytest.approx(highest(expected), abs=1e-4)


def highest(found: list[Detection]) -> list[float]:
    return [detection.confidence for detection in found][:5]


def test_the_network_gets_full_batches_whatever_the_images(detector: UltralyticsDetector, network: Any) -> None:
    given: list[tuple[int, ...]] = []
    handle = network.register_forward_pre_hook(lambda _, inputs: given.append(tuple(inputs[0].shape)))
    try:
        detector.detect(tiles(0))
        detector.detect_batch([tiles(0, 2160, 3840), tiles(1, 2160, 3840)])
        detector.detect_batch([tiles(seed, 80, 48) for seed in range(BATCH)])
    finally:
        handle.remove()
    assert given == [(BATCH, 3, 96, 160), (BATCH, 3, 96, 160), (BATCH, 3, 160, 96)]


def test_algorithms_are_not_benchmarked_and_floats_have_all_their_bits(
    detector: UltralyticsDetector, network: Any
) -> None:
    from torch.backends import cudnn

    def flags() -> tuple[bool, bool, bool]:
        return cudnn.deterministic, cudnn.benchmark, cudnn.allow_tf32

    seen: list[tuple[bool, bool, bool]] = []
    handle = network.register_forward_pre_hook(lambda *_: seen.append(flags()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cudnn, "benchmark", True)  # as another pipeline of the same process may like it
        before = flags()
        detector.detect(IMAGES[0])
        assert flags() == before
    handle.remove()
    assert seen == [(True, False, False)]


def test_a_slow_host_leaves_no_image_of_a_batch_out(
    detector: UltralyticsDetector, alone: list[list[Detection]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ultralytics.utils import nms

    clock = iter(range(0, 10_000, 60))
    monkeypatch.setattr(nms, "time", SimpleNamespace(time=lambda: next(clock)))  # a minute passes at every look
    assert detector.detect_batch(IMAGES[:BATCH], LIMITS) == alone[:BATCH]


def test_other_limits_and_chosen_classes_hold_in_a_batch(
    detector: UltralyticsDetector, alone: list[list[Detection]]
) -> None:
    label = alone[0][0].label
    chosen, every = DetectionLimits(0.505, 0.3, frozenset({label})), DetectionLimits(0.505, 0.3)
    found = detector.detect_batch(IMAGES[:3], chosen)
    assert found == [detector.detect(image, chosen) for image in IMAGES[:3]]
    assert found == [[one for one in detector.detect(image, every) if one.label == label] for image in IMAGES[:3]]
    assert found[0]
    assert detector.detect_batch(IMAGES[:3], LIMITS) == alone[:3]


def frames(images: Sequence[Image]) -> Iterator[Frame]:
    return (Frame(index, 40.0 * index, image) for index, image in enumerate(images))


class Unrounded:
    """A pipeline whose analyses hold the detections as they are."""

    concurrency = 1

    def __init__(self, detector: UltralyticsDetector) -> None:
        self.batch_size = detector.batch_size
        self._detector = detector

    def analyse_batch(self, images: Sequence[Image]) -> list[dict[str, object]]:
        return [{"found": found} for found in self._detector.detect_batch(images, LIMITS)]


def found_in(
    detector: UltralyticsDetector, images: Sequence[Image], max_bytes_ahead: int = MAX_BYTES_AHEAD
) -> list[object]:
    """Return what is found in the frames of a video, before it is rounded."""
    analysed = analyse_frames(frames(images), Unrounded(detector), max_bytes_ahead)
    return [frame.analysis["found"] for frame in analysed]


A, B, C, D, E = IMAGES[:5]
VIDEOS: dict[str, list[Image]] = {
    "less than a batch": [A, B],
    "a short last batch": IMAGES[: BATCH + 1],
    "images that repeat": [A, A, B, A, C, C, D, B, E, E, A],
    "one image all the time": [A] * 9,
    "an image that repeats after many others": [A, *map(tiles, range(20, 20 + CACHED_IMAGES)), A],
    "another size in the middle": [A, B, *(tiles(seed, 80, 48) for seed in range(5)), B, A, C, D, E],
}


@pytest.mark.parametrize("name", VIDEOS)
def test_the_frames_of_a_video_give_what_they_give_one_by_one(name: str, detector: UltralyticsDetector) -> None:
    images = VIDEOS[name]
    expected = [detector.detect(image, LIMITS) for image in images]
    assert found_in(detector, images) == expected
    for first in (1, 3):  # the batches begin elsewhere
        assert found_in(detector, images[first:]) == expected[first:]


def test_smaller_batches_of_large_images_give_the_same(
    detector: UltralyticsDetector, alone: list[list[Detection]]
) -> None:
    assert found_in(detector, IMAGES, max_bytes_ahead=2 * IMAGES[0].nbytes) == alone


TABLES = {"chosen": {"kind": "yolo", "classes": ["0", "10", "75"]}, "high": {"kind": "yolo", "confidence": 0.505}}


@pytest.mark.corpus
def test_a_worker_gives_the_same_bytes_on_every_run_and_those_of_one_by_one(
    checkpoint: Path, cache_folder: Path, device: str
) -> None:
    # Without a GPU the worker believes that it has one, and torch takes the CPU.
    settings = WorkerSettings.of(
        pipelines=",".join(["yolo", "yolo_ocr", *TABLES]), pipeline_tables=TABLES, yolo_weights=str(checkpoint),
        yolo_confidence=0.501, yolo_image_size=IMAGE_SIZE, gpu_batch=5, device="auto" if device == "cpu" else device,
        text_engine="openvino", cache_dir=cache_folder, threads=2,
    )  # fmt: skip

    def engines() -> Engines:
        return Engines(load_detector=partial(load_detector, host=FakeHost(has_gpu=True)))

    first, second = build_pipelines(settings, engines()), build_pipelines(settings, engines())
    for name, pipeline in first.items():
        assert pipeline.batch_size == 5
        found = json.dumps(VideoFilePipelineService(first).run_on_file(name, TINY_MP4))
        assert json.dumps(VideoFilePipelineService(second).run_on_file(name, TINY_MP4)) == found
        assert found == json.dumps(one_by_one(pipeline))
        assert '"label"' in found


def one_by_one(pipeline: Pipeline) -> list[dict[str, object]]:
    return [
        json.loads(encode_frame(frame.index, frame.timestamp_ms, pipeline.analyse_batch([frame.image])[0]))
        for frame in VideoReader(TINY_MP4)
    ]


def test_a_device_that_is_left_open_is_a_gpu_where_there_is_one(checkpoint: Path, cache_folder: Path) -> None:
    models: list[Any] = []

    def load(path: Path) -> Any:
        models.append(load_yolo(path))
        return models[0]

    UltralyticsDetector(checkpoint, device="auto", cache_folder=cache_folder, load=load)
    assert models[0].predictor.device.type == ("cuda" if sees_gpu() else "cpu")


def test_a_gpu_finds_what_a_cpu_finds(checkpoint: Path, cache_folder: Path) -> None:
    if not sees_gpu():
        pytest.skip(NO_GPU)
    detectors = [
        UltralyticsDetector(checkpoint, device=device, batch_size=BATCH, cache_folder=cache_folder, **SETTINGS)
        for device in ("cpu", "cuda:0")
    ]
    for image in IMAGES:
        on_cpu, on_gpu = (highest(detector.detect(image, LIMITS)) for detector in detectors)
        assert on_gpu == pytest.approx(on_cpu, abs=1e-3)
