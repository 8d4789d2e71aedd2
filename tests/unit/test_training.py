"""Scenes show what their labels say, the same every time."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from training.boxes import CLASSES, NUMBERED, LabelledBox, label_lines
from training.build_dataset import JPEG_QUALITY, SEEDS, build_dataset
from training.labelled import REAL_FRAMES, rendered_frames
from training.materials import Materials, find_materials
from training.photographs import PARTS, SCENE, SOURCES, TRAINED_SIZE, photographs, varied
from training.scenes.backgrounds import Backgrounds
from training.scenes.captions import Captions, put_caption
from training.scenes.codes import barcode_label, bars, qr_code, qr_label
from training.scenes.compose import SMALLEST, Painter, RenderedFrame
from training.scenes.cutouts import Cutouts
from training.scenes.patch import Patch, Thing, blank, place, rectangle
from training.scenes.plates import plate, vehicle
from training.scenes.screens import Screens
from training.scenes.signs import Signs
from training.scenes.text import Fonts

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

FRAMES = 40

of_a_whole_dataset = pytest.mark.corpus
"""Takes seconds, for what only who trains a detector runs; other tests draw a few frames and make a small dataset."""


@pytest.fixture(scope="module")
def materials() -> Materials:
    return find_materials(None)


@pytest.fixture(scope="module")
def painter(materials: Materials) -> Painter:
    return Painter(materials)


@pytest.fixture(scope="module")
def frames(painter: Painter) -> list[RenderedFrame]:
    return [painter.frame(1, number) for number in range(FRAMES)]


@pytest.fixture(scope="module")
def fonts(materials: Materials) -> Fonts:
    return Fonts(materials.fonts)


def chance(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_frame_depends_on_its_seed_and_number_alone(painter: Painter, materials: Materials) -> None:
    again = Painter(materials)
    later = [again.frame(5, number) for number in (3, 2)]
    for number, frame in zip((3, 2), later, strict=True):
        first = painter.frame(5, number)
        assert np.array_equal(first.pixels, frame.pixels)
        assert first.boxes == frame.boxes
        assert first.ignored == frame.ignored
    assert not np.array_equal(painter.frame(6, 3).pixels, later[0].pixels)


@of_a_whole_dataset
def test_scenes_show_every_class_and_also_nothing_and_their_boxes_lie_in_the_frame(frames: list[RenderedFrame]) -> None:
    assert {box.label for frame in frames for box in frame.boxes} == set(CLASSES)
    assert any(not frame.boxes for frame in frames)
    for frame in frames:
        height, width = frame.pixels.shape[:2]
        for box in frame.boxes:
            assert 0 <= box.x1 < box.x2 <= width
            assert 0 <= box.y1 < box.y2 <= height


@of_a_whole_dataset
def test_what_cannot_be_recognised_is_ignored_and_not_labelled(frames: list[RenderedFrame]) -> None:
    assert sum(len(frame.ignored) for frame in frames) >= 5
    for frame in frames:
        assert not set(frame.boxes) & set(frame.ignored)
        for box in frame.ignored:
            small = box.y2 - box.y1 < 2.5 * SMALLEST[box.label]
            faint = frame.pixels[int(box.y1) : int(box.y2) + 1, int(box.x1) : int(box.x2) + 1].mean(axis=2).std() < 6
            assert small or faint, box


def test_captions_change_the_image_inside_their_boxes_and_nowhere_else(fonts: Fonts) -> None:
    captions, drawn = Captions(fonts), 0
    for seed in range(40):
        frame = np.full((360, 640, 3), 90, np.uint8)
        boxes = captions.draw(chance(seed), frame, [])
        changed = (frame != 90).any(axis=2)
        for box in boxes:
            inside = changed[int(box.y1) : int(box.y2), int(box.x1) : int(box.x2)]
            assert inside.any()
            # Faint shadows may reach a little further than the letters.
            changed[max(0, int(box.y1) - 12) : int(box.y2) + 12, max(0, int(box.x1) - 12) : int(box.x2) + 12] = False
        drawn += len(boxes)
        assert not changed.any()
    assert drawn > 40


@pytest.mark.parametrize(("top", "shown"), [(0.0, 40), (-10 / 320, 30), (-34 / 320, 0)])
def test_a_caption_that_reaches_out_of_the_frame_is_labelled_where_it_shows(top: float, shown: int) -> None:
    frame = np.zeros((360, 640, 3), np.uint8)
    boxes = put_caption(frame, blank(100, 40, (255, 255, 255)), 0.0, top, [])
    assert boxes == ([LabelledBox("caption", 0, 0, 100, shown)] if shown else [])
    assert int(frame[..., 0].any(axis=1).sum()) == shown


def test_a_screen_fills_its_frame_and_follows_from_its_seed(fonts: Fonts, materials: Materials) -> None:
    screens = Screens(fonts, Backgrounds(materials.photos, materials.textures))
    for seed in range(20):
        screen = screens.screen(chance(seed), 320, 200)
        assert screen.shape == (200, 320, 4)
        assert (screen[..., 3] == 255).all()
        assert screen[..., :3].std() > 1
        assert np.array_equal(screen, screens.screen(chance(seed), 320, 200))


def test_a_thing_is_labelled_where_it_is_seen() -> None:
    frame = np.zeros((200, 300, 3), np.uint8)
    pixels = blank(250, 100, (0, 0, 0))
    pixels[25:75, 50:200, :3] = 255
    patch = Patch(pixels, [Thing("barcode", rectangle(50, 25, 200, 75))])
    corners = np.array([[60, 40], [250, 70], [240, 150], [70, 120]], np.float32)
    (box,) = place(frame, patch, corners)
    y, x = np.nonzero(frame[..., 0] > 127)
    assert np.abs(np.array([box.x1, box.y1, box.x2, box.y2]) - (x.min(), y.min(), x.max() + 1, y.max() + 1)).max() <= 1


def test_codes_can_be_read_and_are_labelled_where_a_reader_sees_them(fonts: Fonts) -> None:
    content = cv2.QRCodeDetector().detectAndDecode(framed(qr_code("foregsyte 2048", "m", (0, 0, 0), (255, 255, 255))))[
        0
    ]
    assert content == "foregsyte 2048"
    # OpenCV finds no barcode whose edges are perfectly sharp.
    lines = blurred(framed(bars("ean13", "400638133393", 200, (0, 0, 0), (255, 255, 255))))
    assert cv2.barcode.BarcodeDetector().detectAndDecode(lines)[0] == "4006381333931"
    seen = 0
    for seed in range(20):
        patch = qr_label(chance(seed), fonts)
        found, corners = cv2.QRCodeDetector().detect(cv2.cvtColor(patch.pixels[..., :3], cv2.COLOR_RGB2GRAY))
        if found:
            seen += 1
            wanted = patch.things[0].outline
            assert np.abs(corners[0].min(axis=0) - wanted.min(axis=0)).max() < 0.06 * np.ptp(wanted)
            assert np.abs(corners[0].max(axis=0) - wanted.max(axis=0)).max() < 0.06 * np.ptp(wanted)
    assert seen >= 10


@pytest.mark.parametrize(
    ("draw", "label"),
    [(plate, "license_plate"), (vehicle, "license_plate"), (qr_label, "qr_code"), (barcode_label, "barcode")],
)
def test_patches_label_what_they_are(draw: object, label: str, fonts: Fonts) -> None:
    things = [thing for seed in range(12) for thing in draw(chance(seed), fonts).things]  # type: ignore[operator]
    assert len(things) >= 8
    assert {thing.label for thing in things} == {label}


def test_signs_are_labelled_without_their_pole(fonts: Fonts, materials: Materials) -> None:
    signs = Signs(fonts, [], materials.symbol_font)
    poles = 0
    for seed in range(30):
        patch = signs.sign(chance(seed))
        height = patch.size[1]
        for thing in patch.things:
            assert thing.label == "traffic_sign"
            assert thing.outline[:, 1].max() <= height
        if patch.things:
            poles += max(thing.outline[:, 1].max() for thing in patch.things) < 0.9 * height
    assert poles >= 8


@of_a_whole_dataset
def test_a_dataset_holds_the_frames_and_their_boxes_whatever_the_number_of_processes(
    painter: Painter, tmp_path: Path
) -> None:
    build_dataset(tmp_path / "one", None, {"train": range(2), "test": range(5)}, processes=1)
    build_dataset(tmp_path / "two", None, {"train": range(2), "test": range(5)}, processes=2)
    read = list(rendered_frames(tmp_path / "one"))
    assert len(read) == 5
    for number, frame in enumerate(read):
        drawn = painter.frame(SEEDS["test"], number)
        for boxes, wanted in ((frame.boxes, drawn.boxes), (frame.ignored, drawn.ignored)):
            assert [box.label for box in boxes] == [box.label if boxes is frame.boxes else "" for box in wanted]
            for box, other in zip(boxes, wanted, strict=True):
                assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx(
                    (other.x1, other.y1, other.x2, other.y2), abs=0.1
                )
        stored = cv2.imencode(".jpg", drawn.pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1]
        assert np.array_equal(frame.image, cv2.imdecode(stored, cv2.IMREAD_COLOR))
    for file in (tmp_path / "one").rglob("*.*"):
        if file.name != "data.yaml":
            assert file.read_bytes() == (tmp_path / "two" / file.relative_to(tmp_path / "one")).read_bytes()


def test_a_dataset_can_begin_with_frames_that_nobody_has_seen(painter: Painter, tmp_path: Path) -> None:
    parts = {"train": range(7, 9), "val": range(1), "test": range(4, 5)}
    build_dataset(tmp_path, None, parts, processes=1)
    images = sorted((tmp_path / "images").rglob("*.jpg"))
    assert [(file.parent.name, file.stem) for file in images] == [
        ("test", "000004"),
        ("train", "000007"),
        ("train", "000008"),
        ("val", "000000"),
    ]
    (first, _), (val,) = (list(rendered_frames(tmp_path, part)) for part in ("train", "val"))
    assert [box.label for box in first.boxes] == [box.label for box in painter.frame(SEEDS["train"], 7).boxes]
    assert [box.label for box in val.boxes] == [box.label for box in painter.frame(SEEDS["val"], 0).boxes]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of photographs: a light plate, or a light sign, on darkness."""
    for source, (label, _) in SOURCES.items():
        (tmp_path / "photos" / source).mkdir(parents=True)
        for number in range(SCENE * len(PARTS)):
            image = np.full((80, 160, 3), number // 2, np.uint8)
            cv2.circle(image, (80, 40), 12, (250, 200, 150), -1)
            file = tmp_path / "photos" / source / f"{number:05}.webp"
            cv2.imwrite(str(file), image)
            file.with_suffix(".txt").write_text(label_lines([LabelledBox(label, 68, 28, 93, 53)], 160, 80))
    return tmp_path / "photos"


def test_photographs_of_one_scene_are_in_one_part_and_say_which_class_is_unknown(photos: Path) -> None:
    names = {part: [frame.name for frame in photographs(photos, part)] for part in set(PARTS)}
    assert sum(map(len, names.values())) == 2 * SCENE * len(PARTS)
    assert names["calibrate"] == [f"{source}_{2 * SCENE + n:05}" for source in SOURCES for n in range(SCENE)]
    for frame in photographs(photos, "validate"):
        known, unknown = SOURCES[frame.name.split("_")[0]]
        assert [box.label for box in frame.boxes] == [known]
        assert frame.ignored == [LabelledBox(unknown, 0, 0, 160, 80)]


def test_a_photograph_is_varied_and_its_labels_go_with_it(photos: Path, painter: Painter) -> None:
    frames = list(photographs(photos, "train"))[:: SCENE // 2]
    cutouts = Cutouts((frame.image, frame.boxes) for frame in frames)
    variants = [varied(number, frame, painter, cutouts) for number, frame in enumerate(frames)]
    for frame, variant in zip(frames, variants, strict=True):
        known, unknown = SOURCES[frame.name.split("_")[0]]
        height, width = variant.pixels.shape[:2]
        assert max(height, width) == TRAINED_SIZE
        assert variant.ignored[-1].label == unknown
        assert variant.ignored[-1].area == pytest.approx(height * width)
        assert any(box.label == known for box in (*variant.boxes, *variant.ignored)) or not variant.boxes
    assert {box.label for one in variants for box in one.boxes} >= {"license_plate", "traffic_sign", "caption"}
    again = varied(3, frames[3], painter, cutouts)
    assert np.array_equal(again.pixels, variants[3].pixels)


def test_a_cutout_is_labelled_where_it_is_pasted_and_covers_no_label() -> None:
    photo = np.zeros((100, 100, 3), np.uint8)
    photo[40:60, 30:70] = 255
    cutouts = Cutouts([(photo, [LabelledBox("license_plate", 30, 40, 70, 60)])])
    taken = LabelledBox("caption", 0, 0, 150, 300)
    for seed in range(20):
        frame = np.zeros((300, 300, 3), np.uint8)
        boxes = [taken]
        cutouts.paste(chance(seed), frame, boxes)
        assert not frame[:, :150].any()
        for box in boxes[1:]:
            inside = frame[round(box.y1) + 2 : round(box.y2) - 2, round(box.x1) + 2 : round(box.x2) - 2]
            assert box.label == "license_plate"
            assert inside.min() > 100


def test_a_dataset_with_photographs_trains_on_some_and_holds_others_back(photos: Path, tmp_path: Path) -> None:
    build_dataset(tmp_path / "set", None, {"real": range(3), "train": range(2)}, 1, photos)
    trained = sorted(file.stem for file in (tmp_path / "set" / "images" / "train").iterdir())
    assert trained == ["000000", "000001", "real_000000", "real_000001", "real_000002"]
    numbers = [line.split()[0] for line in (tmp_path / "set/labels/train/real_000000.txt").read_text().splitlines()]
    assert str(NUMBERED.index("traffic_sign?")) in numbers
    held = list(rendered_frames(tmp_path / "set", "validate"))
    assert [frame.name for frame in held] == [frame.name for frame in photographs(photos, "validate")]
    assert {area.label for frame in held for area in frame.ignored} == {"license_plate", "traffic_sign"}


def test_labels_of_real_frames_are_whole() -> None:
    labels = json.loads(REAL_FRAMES.read_text(encoding="utf-8"))
    assert labels["classes"] == list(CLASSES)
    assert len(labels["frames"]) >= 150
    assert len({(entry["video"], entry["frame"]) for entry in labels["frames"]}) == len(labels["frames"])
    for entry in labels["frames"]:
        for x1, y1, x2, y2 in [*(box["box"] for box in entry["boxes"]), *entry["ignore"]]:
            assert 0 <= x1 < x2 <= entry["width"]
            assert 0 <= y1 < y2 <= entry["height"]
        assert {box["label"] for box in entry["boxes"]} <= set(CLASSES)


def framed(code: np.ndarray) -> np.ndarray:
    return cv2.copyMakeBorder(code[..., 0], 150, 150, 200, 200, cv2.BORDER_CONSTANT, value=255)


def blurred(image: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(image, (0, 0), 1.0)
