"""The adapters of a port, by name: built in or plugins."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from shared.process.plugins import find_plugins, unfit_options

P = TypeVar("P")


class AdapterUnusable(Exception):
    """The adapter that the settings name cannot be used; the message says which setting to change, and to what."""


@dataclass(frozen=True, slots=True)
class Port(Generic[P]):
    """A port whose adapter is chosen by a setting.

    Attributes:
        name: The setting, and the table of the settings file that holds the adapters' own tables: `storage`.
        base: The class that its adapters derive from.
        built_in: What makes each built-in adapter, by name.
    """

    name: str
    base: type[Any]
    built_in: Mapping[str, Callable[..., P]]

    def adapter(self, name: str, options: Mapping[str, Any]) -> P:
        """Make an adapter.

        Args:
            name: Which; a plugin with the name of a built-in adapter is ignored.
            options: The adapter's own table of the settings file, its keyword arguments.

        Raises:
            AdapterUnusable: There is none of that name, or it cannot be made from the options.
            PluginUnusable: Its plugin cannot be loaded.
        """
        make, table = self.built_in.get(name) or self._plugin(name), f"[{self.name}.{name}] of the settings file"
        if problem := unfit_options(make, options):
            raise AdapterUnusable(f"{table} is not what the {self.name} {name!r} takes: {problem}")
        try:
            adapter: Any = make(**options)
        except (Exception, SystemExit) as error:
            raise AdapterUnusable(
                f"the {self.name} {name!r} cannot be made from {table}: {type(error).__name__}: {error}"
            ) from error
        if not isinstance(adapter, self.base):
            raise AdapterUnusable(f"the {self.name} {name!r} is no {self.base.__name__} but {type(adapter).__name__}")
        return cast("P", adapter)

    def _plugin(self, name: str) -> Callable[..., Any]:
        group = f"foregsyte.{self.name}"
        plugins = find_plugins(self.name, group)
        if name not in plugins:
            raise AdapterUnusable(
                f"--{self.name} / FOREGSYTE_{self.name.upper()}: there is no {self.name} {name!r}; there are: "
                f"{', '.join([*self.built_in, *plugins])}. Plugin packages register others in the entry point group "
                f"{group}"
            )
        make: Callable[..., Any] = plugins[name].load()
        return make
