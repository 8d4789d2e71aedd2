"""The detector that ships: its card says what it is, and it finds what is known to be in the sample video."""

import itertools
import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from job_worker.analysis.engines import load_detector, load_text_reader
from job_worker.detection.base import DetectionLimits
from job_worker.detection.bundled_detector import BUNDLED_CHECKPOINT, BUNDLED_NETWORK
from job_worker.settings import WorkerSettings
from shared.video.frame import Frame
from shared.video.reader import VideoReader
from tests.conftest import ROOT
from training.boxes import CLASSES, LabelledBox, overlap_of_union
from training.export import hashes

pytestmark = [pytest.mark.integration, pytest.mark.models, pytest.mark.timeout(300)]

SAMPLE = ROOT / "data" / "samples" / "road_and_parcel.mp4"
MODELS = ROOT / "data" / "models"
EVERY = 8
"""Every eighth frame of the sample is analysed."""

LEAST_FOUND = 0.75
"""The share of the frames that show a class in which all of it must be found."""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> WorkerSettings:
    """A worker's, with nothing said about models."""
    return WorkerSettings.of(device="cpu", threads=2, cache_dir=tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def truth() -> list[list[dict[str, object]]]:
    shown: list[list[dict[str, object]]] = json.loads(SAMPLE.with_suffix(".json").read_text())["frames"]
    return shown


def frames(every: int = EVERY) -> Iterator[Frame]:
    return (frame for frame in VideoReader(SAMPLE) if frame.index % every == 0)


def boxes(things: list[dict[str, object]]) -> list[LabelledBox]:
    return [LabelledBox(str(thing["label"]), *thing["box"]) for thing in things]  # type: ignore[misc]


def test_the_card_has_the_hashes_of_the_files_and_the_numbers_of_the_evaluation() -> None:
    card = (MODELS / "README.md").read_text(encoding="utf-8")
    numbers = json.loads((MODELS / "metrics.json").read_text(encoding="utf-8"))
    for name, value in hashes(MODELS).items():
        assert f"`{name}` | {(MODELS / name).stat().st_size:,} | `{value}`" in card
    for part in numbers.values():
        assert f"{part['frames']} frames | **{part['map50']:.3f}**" in card
        for measured in part["classes"].values():
            columns = (f"{measured[key]:.3f}" for key in ("ap50", "precision", "recall"))
            assert " | ".join([str(measured["labelled"]), *columns]) in card


def test_each_form_of_the_model_is_smaller_than_six_megabytes() -> None:
    assert BUNDLED_CHECKPOINT.stat().st_size < 6_000_000
    assert sum(file.stat().st_size for file in BUNDLED_NETWORK.iterdir()) < 6_000_000


def test_the_sample_shows_every_class(truth: list[list[dict[str, object]]]) -> None:
    assert {box.label for things in truth for box in boxes(things)} == set(CLASSES)
    assert sum(1 for _ in VideoReader(SAMPLE)) == len(truth)


@pytest.mark.parametrize(("side", "rounded"), [(100, 128), (1000, 1024)])
def test_an_image_size_that_is_no_multiple_of_the_stride_is_rounded_up(
    side: int, rounded: int, settings: WorkerSettings
) -> None:
    image = next(itertools.islice(frames(), 2, None)).image
    of_side, of_rounded = (
        load_detector(settings.model_copy(update={"yolo_image_size": size})) for size in (side, rounded)
    )
    limits = DetectionLimits(confidence=0.05)
    found = of_side.detect(image, limits)
    assert found == of_rounded.detect(image, limits)
    assert found


def test_a_worker_without_settings_finds_what_is_in_the_sample(
    settings: WorkerSettings, truth: list[list[dict[str, object]]]
) -> None:
    detector = load_detector(settings)
    whole: dict[str, list[bool]] = defaultdict(list)
    alarms = looked_at = 0
    for frame in frames():
        looked_at += 1
        found = [LabelledBox(one.label, *one.box) for one in detector.detect(frame.image)]
        wanted = boxes(truth[frame.index])
        for label in {box.label for box in wanted}:
            whole[label].append(
                all(
                    any(box.label == label and overlap_of_union(box, place) >= 0.5 for box in found)
                    for place in wanted
                    if place.label == label
                )
            )
        alarms += sum(all(overlap_of_union(box, place) < 0.2 for place in wanted) for box in found)
    assert set(whole) == set(CLASSES)
    for label, hits in whole.items():
        assert sum(hits) / len(hits) >= LEAST_FOUND, (label, hits)
    assert alarms / looked_at < 0.5


@pytest.mark.corpus
def test_a_worker_without_settings_reads_what_is_in_the_sample(
    settings: WorkerSettings, truth: list[list[dict[str, object]]]
) -> None:
    reader = load_text_reader(settings)
    read: dict[str, list[bool]] = defaultdict(list)
    for frame in frames():
        text = _letters(" ".join(line.text for line in reader.read(frame.image)))
        for thing in truth[frame.index]:
            read[str(thing["label"])].append(all(_letters(word) in text for word in str(thing["text"]).split()))
    assert set(read) == set(CLASSES)
    for label, hits in read.items():
        assert sum(hits) / len(hits) >= LEAST_FOUND, (label, hits)


def test_both_forms_find_the_same(settings: WorkerSettings, tmp_path: Path) -> None:
    exact = settings.model_copy(update={"profile": "exact"})
    network = load_detector(exact)
    checkpoint = load_detector(exact.model_copy(update={"detection_engine": "ultralytics"}))
    compared = 0
    for frame in frames(4 * EVERY):
        one, other = network.detect(frame.image), checkpoint.detect(frame.image)
        # The forms differ in rounding alone: what one finds with a high confidence the other finds at the same place.
        for these, rest in ((one, other), (other, one)):
            for found in (found for found in these if found.confidence > 0.35):
                places = [LabelledBox(box.label, *box.box) for box in rest if box.label == found.label]
                assert max(overlap_of_union(LabelledBox("", *found.box), place) for place in places) > 0.9
                compared += 1
    assert compared > 15


def _letters(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())
