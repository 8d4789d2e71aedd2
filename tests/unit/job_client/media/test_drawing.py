"""Boxes, polygons and labels on an image."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from job_client.errors import UnsuitableFont
from job_client.media.drawing import Drawing
from job_client.media.fonts import PACKAGED_FONTS, FontFile, suitable_font
from job_client.media.labels import PALETTE, TEXT_COLOR, Labels
from job_client.media.placement import Placement
from job_client.media.selection import Selection, drawn_frames
from shared.video.image import Image
from tests.support.found import frame, frame_results

pytestmark = pytest.mark.unit

WIDTH, HEIGHT = 320, 240


def blank() -> Image:
    return np.full((HEIGHT, WIDTH, 3), 128, np.uint8)


def drawn(result: dict[str, Any], **selection: Any) -> Image:
    image = blank()
    [chosen] = drawn_frames(frame_results([{"frame_index": 0, "result": result}]), Selection(**selection))
    Drawing(WIDTH, HEIGHT).draw(image, chosen)
    return image


def detection(
    label: str = "person", class_id: int = 0, box: tuple[float, ...] = (100, 100, 200, 180)
) -> dict[str, Any]:
    return {"label": label, "class_id": class_id, "confidence": 0.9131, "box": box}


def line(text: str, x: float = 40, y: float = 60, height: float = 20) -> dict[str, Any]:
    return {"text": text, "confidence": 0.9, "polygon": [[x, y], [x + 90, y], [x + 90, y + height], [x, y + height]]}


def changed(image: Image) -> tuple[int, int, int, int]:
    """Return the extent of what was drawn: left, top, right, bottom."""
    rows, columns = np.nonzero((image != 128).any(axis=2))
    return int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max())


def color_at(image: Image, x: int, y: int) -> tuple[int, ...]:
    return tuple(int(value) for value in image[y, x])


def code(text: str, x: float = 40, y: float = 60) -> dict[str, Any]:
    return {"format": "QRCode", "text": text, "polygon": line(text, x, y)["polygon"]}


def test_text_that_can_be_read_is_not_repeated() -> None:
    assert changed(drawn({"text_lines": [line("STOP")]}))[1] == 59  # the polygon's own line, two pixels thick
    assert changed(drawn({"text_lines": [line("STOP", height=6)]}))[1] < 59
    assert changed(drawn({"codes": [code("STOP")]}))[1] < 59
    assert changed(drawn({"codes": [code("STOP")], "text_lines": [line("STOP", y=100)]}))[1] == 59


@pytest.mark.parametrize("result", [{}, {"timestamp_ms": 1.0}, {"detections": [], "text": "", "text_lines": []}])
def test_nothing_found_is_nothing_drawn(result: dict[str, Any]) -> None:
    assert np.array_equal(drawn(result), blank())


def test_a_box_is_drawn_where_the_object_is_in_the_colour_of_its_class() -> None:
    for class_id in (0, 1, TEXT_COLOR + 1):
        image = drawn({"detections": [detection(class_id=class_id)]})
        expected = PALETTE[class_id % TEXT_COLOR][::-1]
        for x, y in ((100, 140), (200, 140), (150, 180)):
            assert color_at(image, x, y) == expected
        assert color_at(image, 150, 140) == (128, 128, 128)


def test_a_polygon_is_drawn_around_the_text() -> None:
    slanted = {"text": "up", "confidence": 1.0, "polygon": [[50, 150], [150, 110], [160, 130], [60, 170]]}
    image = drawn({"text_lines": [slanted]})
    for x, y in ((100, 130), (155, 120), (110, 150)):
        assert color_at(image, x, y) == PALETTE[TEXT_COLOR][::-1]
    assert color_at(image, 105, 140) == (128, 128, 128)


@pytest.mark.parametrize(
    "box", [(0, 0, 50, 50), (300, 0, 320, 20), (0, 220, 20, 240), (310, 230, 320, 240)], ids=["nw", "ne", "sw", "se"]
)
def test_a_label_stays_inside_the_image_and_whole(box: tuple[float, ...]) -> None:
    labels = Labels(12)
    tile = labels.tile("person 0.91", 0)
    image = blank()
    labels.paste(image, "person 0.91", 0, box, Placement(WIDTH, HEIGHT, [], []))
    left, top, right, bottom = changed(image)
    assert (bottom - top + 1, right - left + 1) == tile.shape[:2]


def test_a_label_longer_than_the_image_is_cut() -> None:
    image = drawn({"detections": [detection("long " * 500)]})
    assert changed(image)[2] == WIDTH - 1


def test_only_what_is_selected_is_drawn() -> None:
    result = {"detections": [detection("person", 0), detection("car", 1)], "text_lines": [line("STOP")]}
    result["codes"] = [code("mine", y=200)]
    car = drawn({"detections": [detection("car", 1)]})
    assert np.array_equal(drawn(result, only=frozenset({"car"})), car)
    assert np.array_equal(drawn(result, min_confidence=0.95, text=False), drawn({"codes": [code("mine", y=200)]}))
    assert np.array_equal(drawn(result, min_confidence=0.95), drawn({"codes": [code("mine", y=200)]}))


@given(st.lists(st.tuples(*[st.floats(0, WIDTH)] * 4), max_size=30))
def test_labels_lie_in_the_image_and_never_on_each_other(corners: list[tuple[float, ...]]) -> None:
    boxes = [(min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)) for x1, y1, x2, y2 in corners]
    placement = Placement(WIDTH, HEIGHT, boxes[:5], boxes)
    taken = np.zeros((HEIGHT, WIDTH), bool)
    for number, box in enumerate(boxes):
        place = placement.place(60, 15, box)
        assert place or number, "the first label has room"
        if place:
            left, top = place
            assert 0 <= left <= WIDTH - 60
            assert 0 <= top <= HEIGHT - 15
            assert not taken[top : top + 15, left : left + 60].any()
            taken[top : top + 15, left : left + 60] = True


def test_a_label_does_not_cover_what_can_be_read_if_there_is_another_place() -> None:
    box = (100.0, 100.0, 160.0, 120.0)
    above, below = (90.0, 80.0, 200.0, 99.0), (0.0, 121.0, WIDTH, 140.0)
    assert Placement(WIDTH, HEIGHT, [], []).place(60, 15, box) == (100, 85)
    assert Placement(WIDTH, HEIGHT, [above], [box]).place(60, 15, box) == (100, 121)
    assert Placement(WIDTH, HEIGHT, [above, below], [box]).place(60, 15, box) == (161, 100)


def test_labels_may_have_the_numbers_of_the_objects_in_the_video() -> None:
    frames = frame_results([frame(index, {"car": 0.9}, {}) for index in range(3)])
    assert [one.track_ids for one in drawn_frames(frames, Selection(track_ids=True))] == [(1,)] * 3
    assert [one.track_ids for one in drawn_frames(frames)] == [(None,)] * 3


@pytest.mark.parametrize("selection", [{}, {"track_ids": True, "smooth": True}, {"only": frozenset({"car"})}])
def test_a_thing_has_one_label_whatever_it_was_taken_for_now_and_then(selection: dict[str, Any]) -> None:
    frames = frame_results([frame(index, {"car" if index % 3 else "truck": 0.9}, {}) for index in range(12)])
    labels = [[found.label for found in one.result.detections] for one in drawn_frames(frames, Selection(**selection))]
    assert labels == [["car"]] * 12


def test_a_smoothed_box_follows_a_thing_that_moves_and_does_not_tremble() -> None:
    frames = [frame(index, {"car": 0.9}, {}) for index in range(20)]
    for index, one in enumerate(frames):
        box = one["result"]["detections"][0]["box"]
        box[0] += 3 * (-1) ** index  # its true place is 10 + index
    lefts = [
        one.result.detections[0].box[0] for one in drawn_frames(frame_results(frames), Selection(smooth=True))[3:-3]
    ]
    assert max(abs(left - (13 + index)) for index, left in enumerate(lefts)) < 0.5


def test_a_smoothed_box_is_at_its_place_before_and_after_frames_in_which_the_thing_was_missed() -> None:
    frames = frame_results([frame(index, {} if 10 <= index < 30 else {"car": 0.9}, {}) for index in range(40)])
    smoothed = drawn_frames(frames, Selection(smooth=True, track_ids=True))
    assert {one.track_ids for one in smoothed} == {(1,), ()}
    for plain, drawn in zip(frames, smoothed, strict=True):
        assert [found.box for found in drawn.result.detections] == [found.box for found in plain.detections]


@pytest.mark.parametrize(
    "text",
    ["Exit", "Ausgang für Gäste", "Выход", "Έξοδος", "出口", "出口のご案内", "비상구", "مخرج", "יציאה"],
    ids=["English", "German", "Russian", "Greek", "Chinese", "Japanese", "Korean", "Arabic", "Hebrew"],
)
def test_text_of_other_scripts_is_drawn_with_a_font_that_has_it(text: str) -> None:
    font = suitable_font(text, PACKAGED_FONTS)
    assert {ord(char) for char in text if char != " "} <= font.characters
    labels = Labels(16)
    # What a font lacks it draws as the same box each time: other characters then give the same image.
    tiles = {labels.tile(char, 0).tobytes() for char in set(text.replace(" ", ""))}
    assert len(tiles) == len(set(text.replace(" ", "")))


def test_a_mark_that_turns_the_order_of_letters_is_drawn_as_its_escape() -> None:
    labels = Labels(16)
    assert np.array_equal(labels.tile("invoice\u202egpj.exe", 0), labels.tile(r"invoice\u202egpj.exe", 0))


def test_a_font_of_ones_own_is_preferred() -> None:
    own = FontFile(Path("own.ttf"))
    own.characters = frozenset(map(ord, "ไทย"))
    assert suitable_font("ไทย", (own, *PACKAGED_FONTS)) is own
    assert suitable_font("Exit", (own, *PACKAGED_FONTS)) is PACKAGED_FONTS[0]


def test_what_is_no_font_is_said_to_be_none(tmp_path: Path) -> None:
    path = tmp_path / "font.ttf"
    path.write_bytes(b"no font" * 100)
    with pytest.raises(UnsuitableFont, match=r"font\.ttf is no font"):
        assert FontFile(path).characters


@pytest.mark.parametrize("text", ["", " ", "\u200b", "\U0010ffff", "a\tb", "a\nb"])
def test_odd_text_is_drawn_where_any_other_is(text: str) -> None:
    image = drawn({"text_lines": [line(text, height=6)], "codes": [code(text)], "detections": [detection(text)]})
    left, top, right, bottom = changed(image)
    assert (left, right, bottom) == (39, 201, 181)
    assert top < 59  # the label above the polygon


@pytest.mark.parametrize("far", [1e5, 1e10, 1e300])
def test_what_reaches_far_out_of_the_image_is_drawn_inside_it(far: float) -> None:
    far_code = code("mine") | {"polygon": [[-far, 60], [50, 60], [50, far], [-far, far]]}
    image = drawn({"detections": [detection(box=(-far, -far, 200, far))], "codes": [far_code]})
    assert color_at(image, 200, 200) == PALETTE[0][::-1]
    assert color_at(image, 50, 200) == PALETTE[TEXT_COLOR][::-1]
