"""How signals end the command."""

import signal

import pytest

from job_client.cli.signals import ending_on_signals
from tests.support.other_systems import not_on_windows

pytestmark = pytest.mark.unit


@not_on_windows
def test_a_signal_that_the_command_was_started_to_ignore_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as nohup does
    try:
        with ending_on_signals():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_any_other_one_ends_it_with_its_number() -> None:
    with pytest.raises(SystemExit) as left, ending_on_signals():
        signal.raise_signal(signal.SIGTERM)
    assert left.value.code == 128 + signal.SIGTERM
