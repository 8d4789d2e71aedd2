"""Say whether the pinned versions are for the Python that runs this; exit with 2 and what to do where they are not.

The arguments are the targets that make was called with, so that they can be called again. The classifiers in
pyproject.toml are the one place that states which Pythons the pinned versions are for.
"""

import re
import sys
from pathlib import Path

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def problem_of(version, pyproject, targets=()):  # type: ignore[no-untyped-def]  # read by older Pythons too
    """Return what is wrong with this (major, minor) version, empty where nothing is."""
    supported = re.findall(r'"Programming Language :: Python :: (\d+\.\d+)"', pyproject)
    this = "{}.{}".format(*version)
    if this in supported:
        return ""
    again = " ".join(["make", *(targets or ["setup"])])
    problem = (
        f"The pinned versions are for Python {supported[0]} to {supported[-1]}, and this is {this}. Name another, as "
        f"in `{again} PYTHON=python{supported[-1]}`"
    )
    if version < tuple(map(int, supported[0].split("."))):
        return problem
    return problem + ", or install without pins: pip install '.[api]'"


if __name__ == "__main__":
    problem = problem_of(sys.version_info[:2], PYPROJECT.read_text(encoding="utf-8"), sys.argv[1:])
    if problem:
        sys.stderr.write(problem + "\n")
        sys.exit(2)
