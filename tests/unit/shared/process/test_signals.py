"""Signals as calls in a thread of their own."""

import signal
import subprocess
import sys
import threading

import pytest

from shared.process.signals import STOP_SIGNALS, stop_signals
from tests.support.waiting import eventually

pytestmark = pytest.mark.unit

LONG_SECONDS = 600.0
STUCK = """
import os, signal, threading
from shared.process.signals import stop_signals
with stop_signals(lambda: None, 0.2):
    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGTERM)
    threading.Event().wait()
"""


@pytest.mark.parametrize("number", STOP_SIGNALS)
def test_each_signal_is_one_call(number: int) -> None:
    calls: list[str] = []
    with stop_signals(lambda: calls.append(threading.current_thread().name), LONG_SECONDS):
        for times in (1, 2):
            signal.raise_signal(number)
            eventually(lambda: len(calls) == times, f"{times} calls")  # noqa: B023 (called at once)
    assert calls == ["signals", "signals"]


def test_a_signal_in_the_middle_of_a_locks_use_waits_for_the_lock_and_blocks_nobody() -> None:
    lock, called = threading.Lock(), threading.Event()

    def on_signal() -> None:
        with lock:
            called.set()

    with stop_signals(on_signal, LONG_SECONDS):
        with lock:
            signal.raise_signal(signal.SIGTERM)
            assert not called.wait(0.05)
        assert called.wait(10)


def test_many_signals_at_once_end_nothing_and_the_first_is_heard() -> None:
    called = threading.Event()
    with stop_signals(called.set, LONG_SECONDS):
        for _ in range(10_000):
            signal.raise_signal(signal.SIGTERM)
        assert called.wait(10)


def test_afterwards_signals_do_what_they_did_before() -> None:
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    threads_before = threading.active_count()
    with stop_signals(lambda: None, LONG_SECONDS):
        assert [signal.getsignal(number) for number in STOP_SIGNALS] != before
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before
    assert signal.set_wakeup_fd(-1) == -1
    assert threading.active_count() == threads_before


def test_a_signal_of_another_kind_is_no_call() -> None:
    calls: list[None] = []
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with stop_signals(lambda: calls.append(None), LONG_SECONDS):
            signal.raise_signal(signal.SIGUSR1)
            signal.raise_signal(signal.SIGTERM)
            eventually(lambda: calls, "the call")
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(calls) == 1


def test_a_stop_that_never_ends_is_cut_off() -> None:
    with subprocess.Popen([sys.executable, "-c", STUCK], stderr=subprocess.PIPE, text=True) as process:
        assert process.wait(30) == 0
        assert process.stderr
        assert "took too long" in process.stderr.read()
