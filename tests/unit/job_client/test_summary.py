"""What a video's results come to."""

import pytest

from job_client.summary import Sighting, labels_of, texts_of
from tests.support.found import RESULTS, frame

pytestmark = pytest.mark.unit


def test_labels_and_texts_are_counted_once_a_frame_and_the_most_frequent_come_first() -> None:
    twice = frame(7, {"dog": 0.3}, {})
    twice["result"]["detections"] *= 2
    assert labels_of([*RESULTS, twice]) == [
        Sighting("car", frames=3, first_frame=0, last_frame=3, best_confidence=0.75),
        Sighting("dog", frames=2, first_frame=1, last_frame=7, best_confidence=0.9),
    ]
    assert texts_of(RESULTS) == [
        Sighting("STOP", frames=2, first_frame=0, last_frame=2, best_confidence=0.9),
        Sighting("[live] Кадр", frames=1, first_frame=1, last_frame=1, best_confidence=0.8),
        Sighting("[/b]", frames=1, first_frame=2, last_frame=2, best_confidence=0.6),
    ]


def test_results_of_a_pipeline_without_objects_or_text_have_no_labels_or_texts() -> None:
    results = [{"frame_index": 0, "result": {"timestamp_ms": 0.0}}]
    assert labels_of(results) == texts_of(results) == []
