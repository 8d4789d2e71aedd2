"""What was found in an image, as the JSON of its frame."""

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.results import Detection, ImageResult, Polygon, TextLine, encode_frame, one_line

pytestmark = pytest.mark.unit

SQUARE: Polygon = ((1.0, 1.0), (9.0, 1.0), (9.0, 5.0), (1.0, 5.0))


WIDTH, HEIGHT = 100, 50


def result_of(
    detections: list[Detection] | None = None, text_lines: list[TextLine] | None = None, timestamp_ms: float = 33.366
) -> dict[str, Any]:
    """Return the `result` that is stored."""
    encoded = encode_frame(1, timestamp_ms, ImageResult.of(WIDTH, HEIGHT, detections, text_lines))
    frame = json.loads(encoded)
    assert list(frame) == ["frame_index", "result"]
    assert frame["frame_index"] == 1
    assert encoded == json.dumps(frame, ensure_ascii=False, separators=(",", ":")).encode()
    return dict(frame["result"])


def detection(confidence: float, box: Any, label: str = "person", class_id: int = 0) -> Detection:
    return Detection(label=label, class_id=class_id, confidence=confidence, box=box)


def line(text: str, confidence: float = 0.5, polygon: Any = SQUARE) -> TextLine:
    return TextLine(text=text, confidence=confidence, polygon=polygon)


def test_a_result_with_everything_has_exactly_the_documented_shape() -> None:
    result = result_of([detection(0.912345, (1.04, 2.06, 30.0, 40.0))], [line("line 1", 0.98), line("line 2", 1.0)])
    assert list(result) == ["detections", "text", "text_lines", "timestamp_ms"]
    assert result == {
        "detections": [{"label": "person", "class_id": 0, "confidence": 0.9123, "box": [1.0, 2.1, 30.0, 40.0]}],
        "text": "line 1\nline 2",
        "text_lines": [
            {"text": "line 1", "confidence": 0.98, "polygon": [[1.0, 1.0], [9.0, 1.0], [9.0, 5.0], [1.0, 5.0]]},
            {"text": "line 2", "confidence": 1.0, "polygon": [[1.0, 1.0], [9.0, 1.0], [9.0, 5.0], [1.0, 5.0]]},
        ],
        "timestamp_ms": 33.4,
    }


def test_what_was_not_looked_for_has_no_key() -> None:
    assert result_of(timestamp_ms=0) == {"timestamp_ms": 0.0}
    assert result_of([], timestamp_ms=0) == {"detections": [], "timestamp_ms": 0.0}
    assert result_of(None, [], timestamp_ms=0) == {"text": "", "text_lines": [], "timestamp_ms": 0.0}


def test_coordinates_are_clipped_into_the_image() -> None:
    around = ((-1.0, -1.0), (101.0, -1.0), (101.0, 51.0), (-1.0, 51.0))
    result = result_of([detection(0.5, (-3.0, -0.01, 100.4, 50.2))], [line("a", polygon=around)])
    assert result["detections"][0]["box"] == [0.0, 0.0, 100.0, 50.0]
    assert result["text_lines"][0]["polygon"] == [[0.0, 0.0], [100.0, 0.0], [100.0, 50.0], [0.0, 50.0]]


def test_there_is_no_negative_zero() -> None:
    result = result_of([detection(0.0, (-0.0, -0.04, 1.0, 1.0))], timestamp_ms=-0.01)
    assert "-0.0" not in json.dumps(result)


def test_numbers_of_numpy_become_plain_numbers() -> None:
    box = tuple(np.float32(value) for value in (1, 2, 3, 4))
    result = result_of([detection(np.float32(0.5), box, label="a")])
    assert json.dumps(result["detections"]) == (
        '[{"label": "a", "class_id": 0, "confidence": 0.5, "box": [1.0, 2.0, 3.0, 4.0]}]'
    )


def test_a_polygon_the_other_way_round_is_turned_clockwise_from_the_same_corner() -> None:
    first, second, third, fourth = SQUARE
    result = result_of(text_lines=[line("a", polygon=(first, fourth, third, second))])
    assert result == result_of(text_lines=[line("a")])


@pytest.mark.parametrize("breaking", ["\n", "\r", "\0", "\x1b", "\x85", "\u2028", "\u2029", "\ud800"])
def test_a_line_stays_one_line_whatever_is_read(breaking: str) -> None:
    result = result_of(text_lines=[line(f" left{breaking}right{breaking}")])
    assert result["text"] == "left right"
    assert len(str(result["text"]).splitlines()) == 1
    json.dumps(result, ensure_ascii=False).encode("utf-8")


def test_text_of_any_script_is_left_as_it_is() -> None:
    assert one_line("30% off ЭТО 文字\u3000字 🚲") == "30% off ЭТО 文字\u3000字 🚲"


@pytest.mark.parametrize(
    ("label", "class_id", "confidence", "box"),
    [
        ("", 0, 0.5, (0, 0, 1, 1)),
        ("a", -1, 0.5, (0, 0, 1, 1)),
        ("a", 0, 1.01, (0, 0, 1, 1)),
        ("a", 0, -0.01, (0, 0, 1, 1)),
        ("a", 0, math.nan, (0, 0, 1, 1)),
        ("a", 0, 0.5, (2, 0, 1, 1)),
        ("a", 0, 0.5, (0, 2, 1, 1)),
        ("a", 0, 0.5, (0, 0, math.inf, 1)),
        ("a", 0, 0.5, (math.nan, 0, 1, 1)),
    ],
)
def test_a_detection_that_cannot_be_is_refused(
    label: str, class_id: int, confidence: float, box: tuple[float, float, float, float]
) -> None:
    with pytest.raises(ValueError, match=r"^a "):
        result_of([detection(confidence, box, label, class_id)])


@pytest.mark.parametrize(
    ("text", "confidence", "polygon"),
    [
        ("", 0.5, SQUARE),
        (" \n\0 ", 0.5, SQUARE),
        ("a", 1.5, SQUARE),
        ("a", 0.5, (*SQUARE[:3], (0.0, math.nan))),
    ],
)
def test_a_text_line_that_cannot_be_is_refused(text: str, confidence: float, polygon: Polygon) -> None:
    with pytest.raises(ValueError, match=r"^a "):
        result_of(text_lines=[line(text, confidence, polygon)])


def test_a_time_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        result_of(timestamp_ms=math.nan)


def test_what_a_plugin_finds_is_stored_as_it_is_with_the_frames_own_time() -> None:
    found = {"text": "да\n“”", "timestamp_ms": 9, "boxes": [1.0, 1e-7]}
    encoded = encode_frame(3, 40.04, found).decode()
    assert encoded == '{"frame_index":3,"result":{"text":"да\\n“”","timestamp_ms":40.0,"boxes":[1.0,1e-07]}}'


@given(st.floats(0, 1), st.floats(0, 1e7), st.floats(0, WIDTH), st.text(min_size=1))
def test_numbers_and_text_are_written_as_the_standard_library_writes_them(
    confidence: float, timestamp_ms: float, x: float, text: str
) -> None:
    lines = [line(text, confidence)] if one_line(text) else []
    result_of([detection(confidence, (x, 1.0, 100.0, 2.0))], lines, timestamp_ms)
