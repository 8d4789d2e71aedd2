"""Codes over a video's frames: the same one is one, for as long as it is seen."""

import pytest

from job_client.timeline import CodeSpan, timeline_of
from tests.support.found import frame_results

pytestmark = pytest.mark.unit


def codes_of(*frames: list[str]) -> tuple[CodeSpan, ...]:
    """Return the codes of frames of 40 ms in which these texts were read."""
    polygon = [[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [0.0, 9.0]]
    results = [
        {
            "frame_index": index,
            "result": {
                "codes": [{"format": "QRCode", "text": text, "polygon": polygon} for text in texts],
                "timestamp_ms": 40.0 * index,
            },
        }
        for index, texts in enumerate(frames)
    ]
    return timeline_of(frame_results(results)).codes


def test_a_code_is_one_over_the_frames_in_which_it_is_missed() -> None:
    (code,) = codes_of([], ["A"], [], ["A"], [])
    assert (code.text, code.format, code.first_frame, code.last_frame, code.frames) == ("A", "QRCode", 1, 3, 2)
    assert (code.start_ms, code.end_ms, code.box) == (40.0, 160.0, (0.0, 0.0, 9.0, 9.0))


def test_codes_that_say_something_else_are_others_however_like_they_are() -> None:
    assert [code.text for code in codes_of(["A1", "A2"], ["A2"])] == ["A1", "A2"]


def test_a_binary_code_keeps_its_bytes_and_is_another_than_the_text_that_looks_like_it() -> None:
    corners = [[0.0, 0.0], [9.0, 0.0], [9.0, 9.0], [0.0, 9.0]]
    code = {"format": "QRCode", "text": "ÿ", "polygon": corners}
    results = [{"frame_index": 0, "result": {"codes": [code, code | {"bytes": "/w=="}]}}]
    assert [code.bytes for code in timeline_of(frame_results(results)).codes] == [None, "/w=="]


def test_a_code_that_comes_back_much_later_is_seen_twice() -> None:
    assert [code.first_frame for code in codes_of(["A"], *[[]] * 30, ["A"])] == [0, 31]
