"""Occurrences in consecutive frames are one span."""

import pytest

from job_client.spans import Span, SpanKind, frame_times, spans_of
from tests.support.found import FRAME_RESULTS, frame, frame_results

pytestmark = pytest.mark.unit


def test_consecutive_occurrences_are_merged_and_others_are_not() -> None:
    assert spans_of(FRAME_RESULTS, SpanKind.label) == [
        Span("car", 0, 1, 0.0, 80.0, 0.75, 1),
        Span("dog", 1, 1, 40.0, 80.0, 0.9, 1),
        Span("car", 3, 3, 120.0, 160.0, 0.6, 3),
    ]
    assert [(span.name, span.first_frame, span.last_frame) for span in spans_of(FRAME_RESULTS, SpanKind.text)] == [
        ("STOP", 0, 0),
        ("[live] Кадр", 1, 1),
        ("STOP", 2, 2),
        ("[/b]", 2, 2),
    ]


def test_several_in_one_frame_are_one_span_with_the_best_confidence() -> None:
    twice = frame(0, {"dog": 0.3}, {})
    twice["result"]["detections"].append({"label": "dog", "class_id": 0, "confidence": 0.8, "box": [0, 0, 1, 1]})
    assert spans_of(frame_results([twice]), SpanKind.label) == [Span("dog", 0, 0, 0.0, 40.0, 0.8, 0)]


def test_a_frame_is_shown_until_the_next_one_begins() -> None:
    uneven = [{"frame_index": index, "result": {"timestamp_ms": time}} for index, time in enumerate([5.0, 7.0, 17.0])]
    assert frame_times(frame_results(uneven)) == [(5.0, 7.0), (7.0, 17.0), (17.0, 27.0)]
    assert frame_times([]) == []
    assert frame_times(frame_results([{"frame_index": 2, "result": {}}])) == [(80.0, 120.0)]


def test_codes_have_spans_named_by_what_they_say_on_one_line() -> None:
    code = {"format": "QRCode", "text": "BEGIN\nEND", "polygon": [[0, 0], [9, 0], [9, 9], [0, 9]]}
    results = frame_results({"frame_index": index, "result": {"codes": [code]}} for index in range(2))
    assert spans_of(results, SpanKind.code) == [Span("BEGIN END", 0, 1, 0.0, 80.0, 1.0, 0)]


def test_results_without_objects_or_text_have_no_spans() -> None:
    results = frame_results([{"frame_index": 0, "result": {"timestamp_ms": 0.0}}])
    assert spans_of(results, SpanKind.label) == spans_of(results, SpanKind.text) == []
