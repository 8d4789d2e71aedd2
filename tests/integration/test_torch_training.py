"""Each step from a rendered dataset to a detector that the worker runs, as small as it can be."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from ultralytics.cfg import get_cfg
from ultralytics.models.yolo import YOLO

from job_worker.detection.base import DetectionLimits
from job_worker.detection.image_size import DEFAULT_IMAGE_SIZE
from job_worker.detection.openvino_detector import OpenVinoDetector
from job_worker.detection.ultralytics_detector import UltralyticsDetector
from shared.pipelines.profiles import Precision
from shared.video.reader import VideoReader
from tests.conftest import ROOT
from training.average import averaged
from training.boxes import CLASSES, LabelledBox
from training.calibrate import UNCHANGED, calibrated, fitted, least_confidence, lines_of, shifted
from training.evaluate import Finder, Found, evaluate
from training.labelled import LabelledFrame, rendered_frames
from training.loss import KnownLoss

pytestmark = [pytest.mark.integration, pytest.mark.models, pytest.mark.corpus, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dataset")
    step("build_dataset", "--to", folder, "--train", "8", "--val", "4", "--test", "4", "--processes", "1")
    return folder


@pytest.fixture(scope="module")
def models(dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    data = dataset / "data.yaml"
    step("train", "--data", data, "--to", folder, "--device", "cpu", "--epochs", "1", "--imgsz", "64", "--batch", "4")
    step("export", folder / "train" / "weights" / "best.pt", "--to", folder / "models")
    return folder / "models"


def test_classes_are_made_equally_careful(tmp_path: Path) -> None:
    shipped = ROOT / "data" / "models" / "text_carriers.pt"
    lines = {name: shifted(least) for name, least in {**dict.fromkeys(CLASSES, 0.5), "caption": 0.7}.items()}
    calibrated(shipped, {**lines, "traffic_sign": (0.5, 0.0)}, tmp_path / "shifted.pt")
    image = cv2.resize(next(iter(VideoReader(ROOT / "data" / "samples" / "road_and_parcel.mp4"))).image, (640, 360))
    before, after = (
        {
            (b.label): sure
            for b, sure in reversed(Finder(weights, DEFAULT_IMAGE_SIZE, "cpu")(LabelledFrame("", image, [])))
        }
        for weights in (shipped, tmp_path / "shifted.pt")
    )
    assert {"caption", "traffic_sign"} <= set(before)
    odds = {name: sure / (1 - sure) for name, sure in before.items()}
    root = odds["traffic_sign"] ** 0.5
    assert after["traffic_sign"] == pytest.approx(root / (1 + root), abs=0.02)
    assert after["caption"] == pytest.approx(odds["caption"] / (odds["caption"] + 0.7 / 0.3), abs=0.02)


def biases(weights: Path) -> torch.Tensor:
    """Return what is added to the scores of the classes on the finest grid."""
    network: Any = YOLO(str(weights)).model
    found: torch.Tensor = network.model[-1].cv3[0][-1].bias.float()
    return found


def test_an_average_lies_between_two_detectors(tmp_path: Path) -> None:
    shipped, other = ROOT / "data" / "models" / "text_carriers.pt", tmp_path / "other.pt"
    calibrated(shipped, {**dict.fromkeys(CLASSES, (1.0, 0.0)), "caption": (1.0, 8.0)}, other)
    averaged(shipped, other, 0.25, tmp_path / "average.pt")
    first, second, average = map(biases, (shipped, other, tmp_path / "average.pt"))
    assert (average - first - (second - first) / 4).abs().max() < 0.01
    assert average[CLASSES.index("caption")] == pytest.approx(float(first[CLASSES.index("caption")]) + 2, abs=0.01)


def test_the_least_confidence_of_a_class_leaves_three_false_alarms_in_two_hundred_frames() -> None:
    box = LabelledBox("caption", 0, 0, 9, 9)
    found: list[list[Found]] = [[] for _ in range(200)]
    for number, sure in enumerate((0.33, 0.42, 0.52, 0.61, 0.72)):
        found[number] = [(box, sure)]
    assert least_confidence(found, "caption") == pytest.approx(0.43)  # three are left
    assert least_confidence(found, "barcode") == pytest.approx(0.4)  # the first step
    assert least_confidence([[(box, 0.99)]] * 200, "caption") == pytest.approx(0.95)  # the last step


def test_half_of_what_has_a_fitted_confidence_of_a_half_is_right() -> None:
    rng = np.random.default_rng(0)
    confidences = rng.uniform(0.02, 0.98, 4000)
    odds = np.log(confidences / (1 - confidences))
    hits = rng.random(4000) < 1 / (1 + np.exp(-(2 * odds + 1)))
    assert fitted(confidences.tolist(), hits.tolist()) == pytest.approx((2, 1), abs=0.2)
    slope, shift = fitted([0.6, 0.7, 0.8], [True, True, True])
    assert slope > 0
    assert np.isfinite(shift)


def test_a_class_that_is_found_with_too_little_confidence_to_be_fitted_is_left_as_it_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    plate = LabelledBox("license_plate", 0, 0, 9, 9)
    said = "license_plate is left as it is: none of it is found with a confidence of 0.02 or more\n"
    for others in ([], [((plate, 0.3), False)]):
        assert lines_of([[]], [[((plate, 0.01), True), *others]])["license_plate"] == UNCHANGED
        assert capsys.readouterr().out == said


def test_classes_that_photographs_label_are_fitted_and_the_others_raise_no_alarms_there() -> None:
    plate, caption = LabelledBox("license_plate", 0, 0, 9, 9), LabelledBox("caption", 0, 0, 9, 9)
    stills: list[list[tuple[Found, bool]]] = [[((plate, 0.3), True), ((caption, 0.8), False)] for _ in range(100)]
    stills += [[((plate, 0.99), True)] for _ in range(100)]  # what is right is no false alarm, however sure it is
    lines = lines_of([[] for _ in range(200)], stills)
    assert lines["license_plate"][1] > 0
    assert lines["caption"] == pytest.approx((1, -np.log(0.81 / 0.19)))


def test_frames_without_any_class_make_a_class_less_sure_where_they_count() -> None:
    plate = LabelledBox("license_plate", 0, 0, 9, 9)
    empty: list[list[Found]] = [[(plate, 0.5)] for _ in range(100)]
    stills: list[list[tuple[Found, bool]]] = [[((plate, 0.5), True)] for _ in range(100)]
    assert lines_of(empty, stills)["license_plate"][1] > 1
    assert lines_of(empty, stills, with_empty=True)["license_plate"][1] == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("file", ["000001.jpg", "real_000001.jpg"])
def test_where_a_class_is_unknown_a_detector_does_not_learn_that_it_is_absent(file: str) -> None:
    network = YOLO("yolo11n.yaml").model
    network.args = get_cfg(overrides={})
    head = network.model[-1]
    features = [torch.zeros(1, 8, 128 // stride, 128 // stride) for stride in (8, 16, 32)]
    count = sum(one.shape[2] * one.shape[3] for one in features)
    scores = torch.full((1, head.nc, count), -1.0)
    scores[0, 4] = 1.0
    scores.requires_grad_()
    preds = {"boxes": torch.zeros(1, 64, count), "scores": scores, "feats": features}
    left_half = {"cls": torch.tensor([[head.nc + 2.0]]), "bboxes": torch.tensor([[0.25, 0.5, 0.5, 1.0]])}
    loss, _ = KnownLoss(network).loss(preds, {**left_half, "batch_idx": torch.zeros(1), "im_file": [file]})
    loss.sum().backward()
    gradient = scores.grad[0, :, :256].reshape(-1, 16, 16)
    assert not gradient[2, :, :8].any()
    assert (gradient[2, :, 8:] > 0).all()
    assert (gradient[1] > 0).all()
    assert bool(gradient[4].any()) == (file == "000001.jpg")  # what it is sure of may be there, in a photograph


def step(module: str, *arguments: object) -> str:
    """Run one of the documented commands."""
    command = [sys.executable, "-m", f"training.{module}", *map(str, arguments)]
    offline = {**os.environ, "YOLO_OFFLINE": "true"}
    done = subprocess.run(command, cwd=ROOT, env=offline, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_both_forms_are_small_enough_to_ship_and_say_nothing_of_the_host(models: Path, dataset: Path) -> None:
    files = [file for file in models.rglob("*") if file.is_file()]
    assert {file.suffix for file in files} == {".pt", ".xml", ".bin", ".yaml"}
    assert (models / "text_carriers.pt").stat().st_size < 6_000_000
    assert sum(file.stat().st_size for file in (models / "text_carriers_openvino_model").iterdir()) < 6_000_000
    for file in files:
        content = file.read_bytes()
        assert str(dataset).encode() not in content
        assert str(ROOT).encode() not in content
        assert str(models.parent).encode() not in content


def test_both_forms_find_the_same_classes(models: Path, dataset: Path, tmp_path: Path) -> None:
    image = next(iter(rendered_frames(dataset))).image
    limits = DetectionLimits(confidence=0.0005)  # so that a network that has learned nothing yet finds something
    fast = OpenVinoDetector(models / "text_carriers_openvino_model", Precision.f32, threads=1)
    reference = UltralyticsDetector(models / "text_carriers.pt", device="cpu", threads=1, cache_folder=tmp_path)
    for detector in (fast, reference):
        assert {found.label for found in detector.detect(image, limits)} <= set(CLASSES)


def test_the_evaluation_runs_what_was_trained(models: Path, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "numbers.json"
    shown = step(
        "evaluate", "--weights", models / "text_carriers.pt", "--dataset", dataset, "--imgsz", "64", "--out", out
    )
    assert "4 frames" in shown
    assert out.exists()


def test_the_evaluation_counts_what_is_found_missed_and_imagined() -> None:
    nothing = np.zeros((100, 100, 3), np.uint8)
    sign, caption = LabelledBox("traffic_sign", 0, 0, 20, 20), LabelledBox("caption", 50, 50, 90, 60)
    frames = [
        LabelledFrame("both", nothing, [sign, caption]),
        LabelledFrame("mistaken", nothing, [sign]),
        LabelledFrame("ignored", nothing, [], [LabelledBox("", 0, 0, 50, 50)]),
        LabelledFrame("empty", nothing, []),
    ]
    answers = {
        "both": [(LabelledBox("traffic_sign", 1, 0, 20, 20), 0.9), (LabelledBox("caption", 50, 50, 60, 60), 0.6)],
        "mistaken": [(LabelledBox("license_plate", 0, 0, 20, 20), 0.8)],
        "ignored": [(LabelledBox("qr_code", 5, 5, 25, 25), 0.9)],
        "empty": [(LabelledBox("barcode", 5, 5, 25, 25), 0.5), (LabelledBox("barcode", 60, 5, 85, 25), 0.1)],
    }
    report = evaluate(lambda frame: answers[frame.name], frames)  # type: ignore[arg-type]
    assert report["frames"] == 4
    assert report["false_alarms"] == {"frames": 1, "per_frame": 1.0}
    assert report["classes"]["traffic_sign"]["recall"] == 0.5
    assert report["classes"]["traffic_sign"]["precision"] == 1.0
    missed = {"ap50": 0.0, "precision": 0.0, "recall": 0.0, "labelled": 1, "near_half": "0 of 0"}
    assert report["classes"]["caption"] == missed
    perfect = evaluate(lambda frame: [(box, 0.9) for box in frame.boxes], frames)  # type: ignore[arg-type]
    assert perfect["map50"] == pytest.approx(0.995)
    assert perfect["false_alarms"]["per_frame"] == 0
