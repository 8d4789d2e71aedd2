"""What make would run."""

import subprocess

from tests.support.project_copy import ROOT

__all__ = ["commands_of"]


def commands_of(*words: str) -> list[str]:
    """Return the commands that make would run for these targets and variables in a checkout that is set up."""
    done = subprocess.run(
        ["make", "--dry-run", "--old-file=.venv/.installed", *words],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout.splitlines()
