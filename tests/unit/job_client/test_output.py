"""Which errors say that nobody reads the output any more."""

import errno
import sys

import pytest

from job_client.cli.outcome import Outcome
from job_client.cli.output import says_nobody_reads

pytestmark = pytest.mark.unit

CLOSED_PIPE_OF_WINDOWS = OSError(errno.EINVAL, "Invalid argument")


def end_a_part_with(error: OSError) -> None:
    with Outcome().of():
        raise error


def test_a_closed_pipe_of_windows_ends_the_command_as_any_other_does(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(sys, "platform", "win32")
        closed, of_a_file = map(says_nobody_reads, (CLOSED_PIPE_OF_WINDOWS, OSError(errno.EINVAL, "bad", "file")))
        with pytest.raises(OSError, match="Invalid argument"):
            end_a_part_with(CLOSED_PIPE_OF_WINDOWS)
    assert (closed, of_a_file) == (True, False)


def test_elsewhere_the_same_error_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert not says_nobody_reads(CLOSED_PIPE_OF_WINDOWS)
    end_a_part_with(CLOSED_PIPE_OF_WINDOWS)
    assert "Invalid argument" in capsys.readouterr().err
