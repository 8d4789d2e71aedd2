"""What pyproject.toml says of Pythons and of the versions of dependencies."""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from tests.support.pins import Platform
from tests.support.project_copy import ROOT

__all__ = ["build_bounds", "declared", "other_than_bounds", "tried_pythons"]


def tried_pythons() -> list[str]:
    """Return the Pythons that pyproject.toml names, oldest first."""
    found = (re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", line) for line in _project()["classifiers"])
    return [match[1] for match in found if match]


def declared(*extras: str, python: str = "", platform: Platform | None = None) -> list[Requirement]:
    """Return what the project requires and what these extras add, by default on the oldest Python, on this machine."""
    python = python or tried_pythons()[0]
    of_extras = (line for extra in extras for line in _project()["optional-dependencies"][extra])
    requirements = map(Requirement, [*_project()["dependencies"], *of_extras])
    return [
        requirement
        for requirement in requirements
        if requirement.name != _project()["name"] and _installs(requirement.marker, python, platform)
    ]


def _installs(marker: Marker | None, python: str, platform: Platform | None) -> bool:
    if platform:
        return platform.installs(marker, python)
    return marker is None or marker.evaluate({"python_version": python})


def build_bounds() -> list[str]:
    """Return the lowest version of each requirement of the build, as `name==version`."""
    requires = map(Requirement, _pyproject()["build-system"]["requires"])
    return [f"{one.name}=={specifier.version}" for one in requires for specifier in one.specifier]


def other_than_bounds(requirements: Iterable[Requirement], installed: Mapping[str, str]) -> Iterator[str]:
    """Yield each requirement of which another version than its lower bound is installed: the bound was not tried.

    Args:
        requirements: What was required.
        installed: The version of each package, by its canonical name.
    """
    for requirement in requirements:
        version = installed[canonicalize_name(requirement.name)]
        if any(Version(specifier.version) != Version(version) for specifier in requirement.specifier):
            yield f"{requirement}: the lowest that installs is {version}"


def _project() -> dict[str, Any]:
    project: dict[str, Any] = _pyproject()["project"]
    return project


@cache
def _pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
