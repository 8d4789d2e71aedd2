"""The threads that serve calls."""

import threading

import pytest

from job_api.backpressure.call_pool import CallPool

pytestmark = pytest.mark.unit


def test_all_threads_are_there_before_the_first_call() -> None:
    with CallPool(7, "seven"):
        assert sum(thread.name.startswith("seven_") for thread in threading.enumerate()) == 7


def test_a_pool_whose_threads_cannot_all_be_started_is_refused_and_leaves_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    start, started = threading.Thread.start, []

    def start_a_few(thread: threading.Thread) -> None:
        if len(started) == 5:
            raise RuntimeError("can't start new thread")  # as Python does at the system's limit
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_a_few)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        CallPool(7, "seven")
    assert len(started) == 5
    for thread in started:
        thread.join(10)
