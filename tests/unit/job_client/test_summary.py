"""Which labels and lines of text a summary lists, in which order."""

import pytest

from job_client.spans import SpanKind
from job_client.summary import SummaryRow, summary_of
from tests.support.found import FRAME_RESULTS, frame, frame_results

pytestmark = pytest.mark.unit


def numbers_of(row: SummaryRow) -> tuple[str, int, int, int, float]:
    return row.name, row.frames, row.spans[0].first_frame, row.spans[-1].last_frame, row.best.best_confidence


def test_labels_and_texts_are_counted_once_a_frame_and_the_most_frequent_come_first() -> None:
    twice = frame(7, {"dog": 0.3}, {})
    twice["result"]["detections"] *= 2
    results = [*FRAME_RESULTS, *frame_results([twice])]
    assert [numbers_of(row) for row in summary_of(results, SpanKind.label)] == [
        ("car", 3, 0, 3, 0.75),
        ("dog", 2, 1, 7, 0.9),
    ]
    assert [numbers_of(row) for row in summary_of(results, SpanKind.text)] == [
        ("STOP", 2, 0, 2, 0.95),
        ("[live] Кадр", 1, 1, 1, 0.95),
        ("[/b]", 1, 2, 2, 0.6),
    ]


def test_results_of_a_pipeline_without_objects_or_text_have_no_labels_or_texts() -> None:
    results = frame_results([{"frame_index": 0, "result": {"timestamp_ms": 0.0}}])
    assert [summary_of(results, kind) for kind in SpanKind] == [[], [], []]
