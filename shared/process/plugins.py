"""What other packages bring: objects that they register under one of our entry point groups."""

import inspect
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

__all__ = ["PluginUnusable", "installed", "load_plugin", "package_of", "unfit_options"]


class PluginUnusable(ValueError):
    """What a package registers cannot be used; the message says what, of which package, and why."""


def installed(group: str) -> dict[str, EntryPoint]:
    """Returns what is registered under a group, by name, without importing any of it.

    Raises:
        PluginUnusable: Two packages register the same name.
    """
    found: dict[str, EntryPoint] = {}
    for point in sorted(entry_points(group=group), key=lambda point: point.name):
        if (other := found.setdefault(point.name, point)).value != point.value:
            raise PluginUnusable(
                f"{package_of(other)} and {package_of(point)} both bring {point.name!r} in {group}: remove one"
            )
    return found


def load_plugin(point: EntryPoint) -> Any:
    """Imports what was registered.

    Raises:
        PluginUnusable: It cannot be imported, or is not in its module.
    """
    try:
        return point.load()
    except Exception as error:
        raise PluginUnusable(
            f"{point.name!r} of {package_of(point)} cannot be loaded from {point.value}: "
            f"{type(error).__name__}: {error}"
        ) from error


def package_of(point: EntryPoint) -> str:
    """Returns the package that registers it, with its version."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else "a package without a name"


def unfit_options(make: Callable[..., Any], options: Mapping[str, Any]) -> str:
    """Says why something cannot be made from these keyword arguments, by its parameters alone; empty where it can."""
    try:
        inspect.signature(make).bind(**options)
    except TypeError as error:
        return str(error)
    except ValueError:  # it does not tell its parameters
        return ""
    return ""
