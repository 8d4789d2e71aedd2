"""The benchmark of the check of results fails where the check holds other threads up for too long."""

import sys
import time

import pytest

from benchmarks import results_check

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(("max_hold_ms", "exit_code"), [("-1", 1), ("10000", 0)])
def test_a_check_that_holds_other_threads_for_longer_than_allowed_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], max_hold_ms: str, exit_code: int
) -> None:
    monkeypatch.setattr(sys, "argv", ["", "--mib", "1", "--rounds", "1", "--max-hold-ms", max_hold_ms])
    assert results_check.main() == exit_code
    assert capsys.readouterr().out.count("too long") == 2 * exit_code


def test_a_hold_is_the_time_for_which_no_other_thread_runs() -> None:
    hold_ms, _ = results_check.longest_hold_ms(lambda: sum(range(5_000_000)))  # one call, in which nothing else runs
    assert hold_ms > 20
    assert max(results_check.longest_hold_ms(lambda: time.sleep(0.1))) < 20
