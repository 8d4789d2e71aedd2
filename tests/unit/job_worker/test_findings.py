import json
import math

import numpy as np
import pytest

from job_worker.findings import Detection, Polygon, TextLine, frame_result, one_line, picture_result
from shared.video.frame import Frame

pytestmark = [pytest.mark.unit, pytest.mark.worker]

SQUARE: Polygon = ((1.0, 1.0), (9.0, 1.0), (9.0, 5.0), (1.0, 5.0))


IMAGE = np.zeros((50, 100, 3), np.uint8)


def frame(timestamp_ms: float = 33.366) -> Frame:
    return Frame(index=1, timestamp_ms=timestamp_ms, image=IMAGE)


def test_a_result_with_everything_has_exactly_the_documented_shape() -> None:
    detection = Detection("person", 0, 0.912345, (1.04, 2.06, 30.0, 40.0))
    lines = [TextLine("line 1", 0.98, SQUARE), TextLine("line 2", 1.0, SQUARE)]
    assert frame_result(frame(), picture_result(IMAGE, [detection], lines)) == {
        "detections": [{"label": "person", "class_id": 0, "confidence": 0.9123, "box": [1.0, 2.1, 30.0, 40.0]}],
        "text": "line 1\nline 2",
        "text_lines": [
            {"text": "line 1", "confidence": 0.98, "polygon": [[1.0, 1.0], [9.0, 1.0], [9.0, 5.0], [1.0, 5.0]]},
            {"text": "line 2", "confidence": 1.0, "polygon": [[1.0, 1.0], [9.0, 1.0], [9.0, 5.0], [1.0, 5.0]]},
        ],
        "timestamp_ms": 33.4,
    }


def test_what_was_not_looked_for_has_no_key() -> None:
    assert picture_result(IMAGE, detections=[]) == {"detections": []}
    assert picture_result(IMAGE, text_lines=[]) == {"text": "", "text_lines": []}


def test_coordinates_are_clipped_into_the_picture() -> None:
    detection = Detection("person", 0, 0.5, (-3.0, -0.01, 100.4, 50.2))
    line = TextLine("a", 0.5, ((-1.0, -1.0), (101.0, -1.0), (101.0, 51.0), (-1.0, 51.0)))
    result = json.loads(json.dumps(picture_result(IMAGE, [detection], [line])))
    assert result["detections"][0]["box"] == [0.0, 0.0, 100.0, 50.0]
    assert result["text_lines"][0]["polygon"] == [[0.0, 0.0], [100.0, 0.0], [100.0, 50.0], [0.0, 50.0]]


def test_there_is_no_negative_zero() -> None:
    result = frame_result(frame(-0.01), picture_result(IMAGE, [Detection("a", 0, 0.0, (-0.0, -0.04, 1.0, 1.0))]))
    assert "-0.0" not in json.dumps(result)


def test_numbers_of_numpy_become_plain_numbers() -> None:
    box = tuple(np.float32(value) for value in (1, 2, 3, 4))
    result = picture_result(IMAGE, [Detection("a", 0, np.float32(0.5), box)])
    assert json.dumps(result["detections"]) == (
        '[{"label": "a", "class_id": 0, "confidence": 0.5, "box": [1.0, 2.0, 3.0, 4.0]}]'
    )


def test_a_polygon_the_other_way_round_is_turned_clockwise_from_the_same_corner() -> None:
    first, second, third, fourth = SQUARE
    result = picture_result(IMAGE, text_lines=[TextLine("a", 0.5, (first, fourth, third, second))])
    assert result == picture_result(IMAGE, text_lines=[TextLine("a", 0.5, SQUARE)])


@pytest.mark.parametrize("breaking", ["\n", "\r", "\0", "\x1b", "\x85", "\u2028", "\u2029", "\ud800"])
def test_a_line_stays_one_line_whatever_is_read(breaking: str) -> None:
    line = TextLine(f" left{breaking}right{breaking}", 0.5, SQUARE)
    result = picture_result(IMAGE, text_lines=[line])
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
        Detection(label, class_id, confidence, box)


@pytest.mark.parametrize(
    ("text", "confidence", "polygon"),
    [
        ("", 0.5, SQUARE),
        (" \n\0 ", 0.5, SQUARE),
        ("a", 1.5, SQUARE),
        ("a", 0.5, SQUARE[:3]),
        ("a", 0.5, (*SQUARE[:3], (0.0, math.nan))),
    ],
)
def test_a_text_line_that_cannot_be_is_refused(text: str, confidence: float, polygon: Polygon) -> None:
    with pytest.raises(ValueError, match=r"^a "):
        TextLine(text, confidence, polygon)


def test_a_time_that_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="not a finite number"):
        frame_result(frame(math.nan), {})
