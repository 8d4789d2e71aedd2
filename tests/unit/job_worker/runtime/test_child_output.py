"""What a child prints: within which limits it is logged."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import Pipe

import pytest

from job_worker.runtime.child_output import MAX_BYTES_A_JOB, MAX_BYTES_A_SECOND, RECORD_BYTES, ChildOutput
from tests.support.clock import FakeClock
from tests.support.waiting import WAIT_SECONDS, eventually

pytestmark = [pytest.mark.unit, pytest.mark.worker]

LINE = b"\x01" * 1000 + b"\n"
FLOOD = 500
"""So many of them are far beyond every limit."""


class HastyClock(FakeClock):
    """A second goes by between two reads."""

    def __call__(self) -> float:
        self.advance(1)
        return super().__call__()


class Child:
    """What prints, and what logs it."""

    def __init__(self, clock: FakeClock) -> None:
        printed, self._log = Pipe(duplex=False)
        self.output, self._clock = ChildOutput(printed, clock), clock

    def print(self, lines: bytes) -> None:
        """Print all of them, and wait until they are logged or left out."""
        reads = self._clock.reads + lines.count(b"\n")
        for at in range(0, len(lines), 1 << 15):
            os.write(self._log.fileno(), lines[at : at + (1 << 15)])
        eventually(lambda: self._clock.reads == reads, "all lines")

    def end(self) -> None:
        self._log.close()
        self.output.join(WAIT_SECONDS)


@contextmanager
def child(clock: FakeClock) -> Iterator[Child]:
    child = Child(clock)
    try:
        yield child
    finally:
        child.end()


def logged_lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [vars(record)["line"] for record in caplog.records if hasattr(record, "line")]


def left_out(caplog: pytest.LogCaptureFixture) -> list[int]:
    return [vars(record)["left_out_bytes"] for record in caplog.records if hasattr(record, "left_out_bytes")]


@pytest.mark.parametrize(
    ("clock", "max_bytes"),
    [(FakeClock(), MAX_BYTES_A_SECOND), (HastyClock(), MAX_BYTES_A_JOB)],
    ids=["in a second", "of a job"],
)
def test_a_flood_is_logged_up_to_a_limit_and_one_line_says_how_much_is_left_out(
    clock: FakeClock, max_bytes: int, caplog: pytest.LogCaptureFixture
) -> None:
    with child(clock) as it:
        it.print(LINE * FLOOD)
    lines = logged_lines(caplog)
    assert max_bytes / 2 < sum(len(json.dumps(line)) for line in lines) <= max_bytes
    assert left_out(caplog) == [(FLOOD - len(lines)) * len(LINE)]


def test_blank_lines_count_too(clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    with child(clock) as it:
        it.print(b"\n" * 100 * FLOOD)
    assert 0 < len(logged_lines(caplog)) <= MAX_BYTES_A_SECOND / RECORD_BYTES


def test_the_next_job_may_print_as_much_again(caplog: pytest.LogCaptureFixture) -> None:
    with child(HastyClock()) as it:
        it.print(LINE * FLOOD)
        it.output.end_job()
        of_first_job = len(logged_lines(caplog))
        it.print(LINE * of_first_job)
        it.output.end_job()
    assert len(logged_lines(caplog)) == 2 * of_first_job
    assert left_out(caplog) == [(FLOOD - of_first_job) * len(LINE)]
