"""Plugins: objects that other packages register as entry points of our groups."""

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any


class PluginUnusable(ValueError):
    """A plugin cannot be used; the message names the plugin, its package and the reason."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One installed plugin. Its text names it and its package: `the pipeline 'brightness' of some_package 1.2`.

    Attributes:
        noun: What it is, for messages: `pipeline`.
        entry_point: Where its object is; nothing is imported before `load`.
    """

    noun: str
    entry_point: EntryPoint

    def __str__(self) -> str:
        return f"the {self.noun} {self.entry_point.name!r} of {self.package}"

    @property
    def package(self) -> str:
        """The package that registers it, with its version."""
        distribution = self.entry_point.dist
        return f"{distribution.name} {distribution.version}" if distribution else "a package without a name"

    def load(self) -> Any:
        """Import its object and return it.

        Raises:
            PluginUnusable: It cannot be imported, or its module lacks it.
        """
        try:
            return self.entry_point.load()
        except (Exception, SystemExit) as error:
            raise PluginUnusable(
                f"{self} cannot be loaded from {self.entry_point.value}: {type(error).__name__}: {error}"
            ) from error


def find_plugins(noun: str, group: str) -> Mapping[str, Plugin]:
    """Return the installed plugins of an entry point group by name, without importing any.

    Args:
        noun: What they are, for messages: `pipeline`.
        group: The entry point group: `foregsyte.pipelines`.

    Raises:
        PluginUnusable: Two packages register the same name.
    """
    return _find_plugins(noun, group, tuple(sys.path))


@cache  # reading what is installed takes some 20 ms
def _find_plugins(noun: str, group: str, _path: tuple[str, ...]) -> Mapping[str, Plugin]:
    found: dict[str, Plugin] = {}
    for point in sorted(entry_points(group=group), key=lambda point: (point.name, point.value)):
        plugin = Plugin(noun, point)
        if (other := found.setdefault(point.name, plugin)).entry_point.value != point.value:
            raise PluginUnusable(
                f"the plugin packages {other.package} and {plugin.package} both provide the {noun} {point.name!r}: "
                "remove one"
            )
    return found


def unfit_options(make: Callable[..., Any], options: Mapping[str, Any]) -> str:
    """Return why a call does not take these keyword arguments, by its parameters alone; empty where it does."""
    try:
        inspect.signature(make).bind(**options)
    except TypeError as error:
        return str(error)
    except ValueError:  # its parameters are not known
        return ""
    return ""
