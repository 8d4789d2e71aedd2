"""The command on a terminal, as a person has it."""

import os
import pty
import re
import subprocess
import sys

from tests.support.processes import environment

_STYLES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What the command itself sends to the terminal: colours, and the movements of the cursor."""


def on_a_terminal(*arguments: str, typed: str = "", columns: int = 160, **variables: str) -> tuple[int, str]:
    """Run the command in a process of its own on a terminal; return its exit code and all that the terminal got.

    Args:
        *arguments: The command line.
        typed: What the person types.
        columns: How wide the terminal is, in characters.
        **variables: More of the environment.
    """
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "job_client", *arguments]
    its_environment = environment(COLUMNS=str(columns), LINES="50", TERM="xterm", **variables)
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=its_environment) as process:
        os.close(theirs)
        os.write(ours, typed.encode())
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:
            pass  # how a terminal says that the other side is closed
        code = process.wait(60)
    os.close(ours)
    return code, shown.decode()


def without_styles(shown: str) -> str:
    """Return what a terminal got without the command's own colours and movements."""
    return _STYLES.sub("", shown)
