"""What pyproject.toml says of Pythons and of the versions of dependencies."""

import re
import tomllib
from functools import cache
from typing import Any

from packaging.requirements import Requirement

from tests.support.project_copy import ROOT

__all__ = ["declared", "tried_pythons"]


def tried_pythons() -> list[str]:
    """Return the Pythons that pyproject.toml names, oldest first."""
    found = (re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line) for line in _project()["classifiers"])
    return [match[1] for match in found if match]


def declared(*extras: str) -> list[Requirement]:
    """Return what the project requires, and what these extras add to it."""
    of_extras = (line for extra in extras for line in _project()["optional-dependencies"][extra])
    requirements = map(Requirement, [*_project()["dependencies"], *of_extras])
    return [requirement for requirement in requirements if requirement.name != _project()["name"]]


@cache
def _project() -> dict[str, Any]:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project
