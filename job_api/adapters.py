"""The adapters of a port, by name: the built-in ones, and plugins, which register as entry points."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from shared.process.plugins import PluginUnusable, installed, load_plugin, unfit_options

__all__ = ["AdapterUnusable", "Port"]

P = TypeVar("P")


class AdapterUnusable(Exception):
    """The configured adapter cannot be made; the message says which setting to change, and to what."""


@dataclass(frozen=True, slots=True)
class Port(Generic[P]):
    """A port whose adapter is chosen by a setting.

    Attributes:
        name: The setting, and the table of the settings file that holds the adapters' own tables, such as `storage`.
        kind: The class that its adapters derive from.
        built_in: What makes each built-in adapter, by name.
    """

    name: str
    kind: type[Any]
    built_in: Mapping[str, Callable[..., P]]

    @property
    def group(self) -> str:
        """The entry point group of plugins."""
        return f"foregsyte.{self.name}"

    def adapter(self, name: str, options: Mapping[str, Any]) -> P:
        """Make an adapter.

        Args:
            name: Which one; a plugin cannot replace a built-in adapter of the same name.
            options: The adapter's own table of the settings file, passed as keyword arguments.

        Raises:
            AdapterUnusable: There is none of that name, it cannot be loaded, or it does not accept the options.
        """
        make = self.built_in.get(name) or self._installed(name)
        if problem := unfit_options(make, options):
            raise AdapterUnusable(
                f"[{self.name}.{name}] of the settings file is not what the {self.name} {name!r} takes: {problem}"
            )
        try:
            adapter: Any = make(**options)
        except Exception as error:
            raise AdapterUnusable(
                f"the {self.name} {name!r} cannot be made from [{self.name}.{name}] of the settings file: "
                f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(adapter, self.kind):
            raise AdapterUnusable(f"the {self.name} {name!r} is no {self.kind.__name__} but {type(adapter).__name__}")
        return cast("P", adapter)

    def _installed(self, name: str) -> Callable[..., Any]:
        try:
            points = installed(self.group)
            if name in points:
                make: Callable[..., Any] = load_plugin(points[name])
                return make
        except PluginUnusable as error:
            raise AdapterUnusable(f"the {self.name} {error}") from error
        known = ", ".join([*self.built_in, *points])
        raise AdapterUnusable(
            f"--{self.name} / FOREGSYTE_{self.name.upper()}: there is no {self.name} {name!r}; there are: {known}. "
            f"Others come with packages that register the entry point group {self.group}"
        )
