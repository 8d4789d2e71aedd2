"""A frame's result as readers get it: typed where it has the documented form, and whole in any case."""

import json
import re
from typing import Any

import pytest

from shared.results import Detection, FrameResult, InvalidDocument, TextLine, decode_frame, decode_values
from tests.support.found import FRAME_RESULTS, RESULTS, frame

pytestmark = pytest.mark.unit

GOOD = frame(0, {"dog": 0.5}, {"STOP": 0.9})["result"]
DETECTION, LINE = GOOD["detections"][0], GOOD["text_lines"][0]

BAD_DETECTIONS: list[Any] = [
    None, 3, "dog", {}, [DETECTION], {**DETECTION, "label": 3}, {**DETECTION, "confidence": None},
    {**DETECTION, "confidence": True}, {**DETECTION, "box": [1, 2, 3]}, {**DETECTION, "box": "1234"},
    {**DETECTION, "box": {"x": 1}}, {**DETECTION, "class_id": "a"},
    {name: value for name, value in DETECTION.items() if name != "box"},
]  # fmt: skip
BAD_LINES: list[Any] = [
    None, 3, "STOP", {}, {**LINE, "text": ["STOP"]}, {**LINE, "confidence": "high"}, {**LINE, "polygon": [[1, 2]]},
    {**LINE, "polygon": [1, 2, 3, 4]}, {**LINE, "polygon": [[1, 2, 3]] * 4}, {"text": "STOP"},
]  # fmt: skip


def read(result: dict[str, Any]) -> FrameResult:
    return decode_frame(json.dumps({"frame_index": 4, "result": result}).encode(), 4)


def test_what_the_built_in_pipelines_give_is_typed() -> None:
    assert read(GOOD) == FrameResult(
        frame_index=4,
        timestamp_ms=0.0,
        detections=(Detection(label="dog", class_id=0, confidence=0.5, box=(10.0, 20.0, 60.0, 80.0)),),
        text_lines=(
            TextLine(text="STOP", confidence=0.9, polygon=((5.0, 90.0), (105.0, 90.0), (105.0, 110.0), (5.0, 110.0))),
        ),
        fields=read(GOOD).fields,
    )
    assert [one.text for one in FRAME_RESULTS] == [one["result"]["text"] for one in RESULTS]


@pytest.mark.parametrize("bad", BAD_DETECTIONS, ids=repr)
def test_a_detection_of_another_form_is_passed_over(bad: object) -> None:
    assert read({"detections": [bad, DETECTION]}).detections == read(GOOD).detections


CODE = {"format": "QRCode", "text": "STOP", "polygon": [[0, 0], [9, 0], [9, 9], [0, 9]]}


@pytest.mark.parametrize("bad", [None, "STOP", {**CODE, "polygon": []}, {**CODE, "text": 1}, {"text": "a"}], ids=repr)
def test_a_code_of_another_form_is_passed_over(bad: object) -> None:
    [code] = read({"codes": [bad, CODE]}).codes
    assert (code.format, code.text, code.bytes, code.polygon[2]) == ("QRCode", "STOP", None, (9, 9))


@pytest.mark.parametrize("bad", BAD_LINES, ids=repr)
def test_a_line_of_text_of_another_form_is_passed_over(bad: object) -> None:
    assert read({"text_lines": [LINE, bad]}).text_lines == read(GOOD).text_lines


@pytest.mark.parametrize("value", [None, 7, True, "soon", {"dog": 2}, [1]], ids=repr)
def test_fields_of_another_form_are_not_typed_and_still_there(value: object) -> None:
    result = {"detections": value, "text": value, "text_lines": value, "timestamp_ms": value}
    found = read(result)
    assert (found.detections, found.text_lines, found.text) == ((), (), value if isinstance(value, str) else "")
    assert found.timestamp_ms == (7.0 if value == 7 else None)
    assert found.to_dict() == {"frame_index": 4, "result": result}


def test_what_a_result_does_not_state_is_nothing() -> None:
    found = read({})
    assert (found.timestamp_ms, found.detections, found.text_lines, found.text) == (None, (), (), "")
    assert found.to_dict() == {"frame_index": 4, "result": {}}


def test_the_json_is_what_was_stored_on_one_line() -> None:
    stored = '{"frame_index":0,"result":{"own":[1,{"name":"Кадр \\u00e9 \\n"}],"text":"x"}}'
    indented = '{\n "frame_index": 0,\n "result": {\n  "own": [1, {"name": "Кадр \\u00e9 \\n"}],\n  "text": "x"\n }\n}'
    assert decode_frame(stored.encode(), 0).to_json() == stored
    assert decode_frame(indented.encode(), 0).to_json() == stored


NO_FRAMES = [
    b"{}", b"[]", b'{"frame_index":1,"result":{}}', b'{"frame_index":0}', b"\xff",
    b'{"frame_index":0,"result":{},"extra":1}',
]  # fmt: skip


@pytest.mark.parametrize("encoded", NO_FRAMES)
def test_what_is_no_frame_of_this_place_is_refused_alike_by_whoever_decodes_it(encoded: bytes) -> None:
    with pytest.raises(InvalidDocument, match=r"results\[0\]") as refused:
        decode_frame(encoded, 0)
    with pytest.raises(InvalidDocument, match=re.escape(str(refused.value))):
        decode_values(encoded, 0)
