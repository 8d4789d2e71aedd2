"""Hide installed packages from a process, as if they were not installed."""

import os
from collections.abc import Collection
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

_HIDE = """
import os, sys
from importlib.machinery import PathFinder

class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in hidden else super().find_spec(name, path, target)

hidden = set(os.environ["HIDDEN"].split())
sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
"""


def with_what_they_need(*packages: str) -> set[str]:
    """Return the names of packages and of all that they depend on, as far as it is installed."""
    installed = {canonicalize_name(package.name): package for package in metadata.distributions()}
    found: set[str] = set()
    left: list[str] = [*map(canonicalize_name, packages)]
    while left:
        name = left.pop()
        if name in found or name not in installed:
            continue
        found.add(name)
        needs = map(Requirement, installed[name].requires or [])
        left += [canonicalize_name(need.name) for need in needs if _is_needed(need)]
    return found


def hiding_all_but(packages: Collection[str], folder: Path) -> dict[str, str]:
    """Return the environment of a process in which no other installed package can be imported.

    Args:
        packages: The names of packages.
        folder: Gets the module that hides the others.
    """
    names = {*map(canonicalize_name, packages)}
    kept: set[str] = set()
    others: set[str] = set()
    for package in metadata.distributions():
        (kept if canonicalize_name(package.name) in names else others).update(_modules(package))
    (folder / "sitecustomize.py").write_text(_HIDE)
    hidden = {name for name in others - kept if name != "sitecustomize" and not _is_own(name)}
    return os.environ | {"PYTHONPATH": str(folder), "HIDDEN": " ".join(hidden)}


def _is_needed(need: Requirement) -> bool:
    return not need.marker or need.marker.evaluate({"extra": ""})


def _modules(package: metadata.Distribution) -> set[str]:
    """Return the top-level names that a package installs."""
    return {file.parts[0].partition(".")[0] for file in package.files or [] if file.parts[0] != ".."}


def _is_own(name: str) -> bool:
    return (Path(__file__).parents[2] / name).is_dir()
