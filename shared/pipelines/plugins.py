"""Pipelines that other packages bring: entry points of the group `foregsyte.pipelines`.

The server reads what clients are told of one and whether its options fit; only a worker makes one. So importing it must
need nothing that the server's host does not have: a pipeline imports its libraries when it is made.
"""

import sys
from collections.abc import Callable, Mapping
from functools import cache
from importlib.metadata import EntryPoint
from typing import Any

from shared.pipelines.catalogue import BUILT_IN_PIPELINES
from shared.process.plugins import PluginUnusable, installed, load_plugin, package_of, unfit_options

__all__ = ["GROUP", "MakePipeline", "described_by", "load_plugin_pipeline", "plugin_description", "plugin_pipelines"]

GROUP = "foregsyte.pipelines"

MakePipeline = Callable[..., Any]
"""A class or function with a `description`, which takes the options as keyword arguments and returns a pipeline."""


def plugin_pipelines() -> Mapping[str, EntryPoint]:
    """Returns the pipelines that installed packages register, by name, without importing any.

    Raises:
        PluginUnusable: Two packages bring one name, or one brings that of a built-in pipeline.
    """
    return _brought(tuple(sys.path))


@cache
def _brought(_path: tuple[str, ...]) -> Mapping[str, EntryPoint]:
    points = installed(GROUP)
    if taken := sorted(points.keys() & BUILT_IN_PIPELINES.keys()):
        raise PluginUnusable(f"{package_of(points[taken[0]])} brings {taken[0]!r} in {GROUP}, which is built in")
    return points


def load_plugin_pipeline(kind: str, options: Mapping[str, Any]) -> MakePipeline:
    """Imports what makes a pipeline, and sees whether it takes the options.

    Args:
        kind: The name that a package registers.
        options: What it is to be told.

    Raises:
        PluginUnusable: It cannot be imported, says nothing of itself, or does not take the options.
    """
    point = plugin_pipelines()[kind]
    make = load_plugin(point)
    if not callable(make) or not described_by(make):
        raise PluginUnusable(
            f"{kind!r} of {package_of(point)} is no pipeline: {point.value} must be a class or function with a "
            "description in words"
        )
    if problem := unfit_options(make, options):
        raise PluginUnusable(f"{kind!r} of {package_of(point)} does not take its options: {problem}")
    found: MakePipeline = make
    return found


def plugin_description(kind: str, options: Mapping[str, Any]) -> str:
    """Returns what a pipeline says of itself; raises as `load_plugin_pipeline` does."""
    return described_by(load_plugin_pipeline(kind, options))


def described_by(make: object) -> str:
    """Returns the `description` of what makes a pipeline; empty where it has none in words."""
    said = getattr(make, "description", "")
    return said.strip() if isinstance(said, str) else ""
