"""Settings of a process: one typed object, read once at start.

A setting comes from, first found wins: a command line flag (`--lease-seconds 30`), the environment
(`FOREGSYTE_LEASE_SECONDS=30`; an empty variable is not set), the process's table in a TOML file (`foregsyte.toml` in
the working folder, or the file that `FOREGSYTE_CONFIG` names), the default. Wrong values and unknown names are
reported together.

A setting that is itself a table (`[storage.my_disks]`) is read from the file only, where it stands beside the
processes' tables.
"""

import argparse
import os
import shlex
import tomllib
from collections.abc import Container, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self, TypeVar, cast

from pydantic import AfterValidator, BeforeValidator, DirectoryPath, Field, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    CliSettingsSource,
    CliSuppress,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from shared.contract.endpoint import checked_address
from shared.process.launcher import print_version

PREFIX = "FOREGSYTE_"
"""The prefix of variables that are settings."""
CONFIG_FILE_VARIABLE = "FOREGSYTE_CONFIG"
DEFAULT_CONFIG_FILE = "foregsyte.toml"
FILE_TABLES = ("api", "worker", "pipelines", "storage", "queue")
"""The tables that the file may hold; each process reads its own, and both may share one file."""
_SETTINGS_OF_THE_CLIENT_ALONE = frozenset({"PIPELINE"})
_LEAST_LIKENESS = 0.9
"""Of a misspelt setting, as `difflib` measures it: the server's and the worker's own differ by more."""

MIB = 1 << 20
GIB = 1 << 30
"""What sizes are given in, in bytes."""

Address = Annotated[str, AfterValidator(checked_address)]
"""`host:port`; an IPv6 host stands in brackets."""

MAX_SECONDS = 2_000_000
"""The longest time of a setting, 23 days: some waits of the system take no more than 24.8."""

SecondsOrZero = Annotated[float, Field(ge=0, le=MAX_SECONDS, allow_inf_nan=False)]
"""A time in seconds that can be waited for; 0 waits for nothing."""

Seconds = Annotated[SecondsOrZero, Field(gt=0)]
"""Such a time above 0."""


def _not_empty(path: object) -> object:
    if path == "":
        raise ValueError("must not be empty")  # it would be the working folder
    return path


NonEmptyPath = Annotated[Path, BeforeValidator(_not_empty)]
"""A path; the working folder is `.`."""
ExistingFolder = Annotated[DirectoryPath, BeforeValidator(_not_empty)]
"""Such a path; the folder must exist."""


def _split_names(value: object) -> object:
    """Return `("a", "b")` for `a,b`, or for a list of such, as the command line gives it."""
    parts = [value] if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        return value
    return tuple(name for part in parts for name in str(part).replace(",", " ").split())


Names = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_split_names)]
"""A list of names, written `a,b` on the command line and in the environment."""


def snake_case(table: dict[str, Any]) -> dict[str, Any]:
    """Return a table of the file with its keys as the code writes them: `image-size` becomes `image_size`.

    Raises:
        ValueError: It holds a key in both spellings.
    """
    for name in table:
        if (other := name.replace("-", "_")) != name and other in table:
            raise ValueError(f"{name} and {other} are one key")
    return {name.replace("-", "_"): value for name, value in table.items()}


Tables = CliSuppress[dict[str, Annotated[dict[str, Any], AfterValidator(snake_case)]]]
"""Tables of the file by name."""


def from_file(table: str, description: str) -> Any:
    """Return a field that the file alone sets, from its tables `[TABLE.NAME]`; it has no flag."""
    return Field(default_factory=dict, description=description, json_schema_extra={"file_table": table})


def file_table(field: FieldInfo) -> str | None:
    """Return the table of the file that sets a field of `from_file`; None for any other field."""
    extra = field.json_schema_extra
    return str(extra["file_table"]) if isinstance(extra, dict) else None


class InvalidSettings(Exception):
    """The settings of a process are wrong; the message has one line per mistake."""


class ProcessSettings(BaseSettings):
    """The settings of every process.

    Attributes:
        table: The process's own table in the TOML file.
    """

    table: ClassVar[str]

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        extra="forbid",
        frozen=True,
        cli_kebab_case=True,
        cli_implicit_flags=True,
        cli_hide_none_type=True,
        cli_avoid_json=True,
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least severe level logged.")
    log_format: Literal["text", "json"] = Field("text", description="How a line of the log is written.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003 (the library's signature)
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources, first found wins; the library puts the command line in front."""
        return init_settings, _environment(settings_cls), _TomlTable(settings_cls)

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Return settings of these values and the defaults, without reading a file or the environment."""
        return cls.model_validate(values)


def _environment(settings_class: type[BaseSettings]) -> EnvSettingsSource:
    """Return the environment as a source of settings, in which an empty variable is not set: `X=${X}` leaves such."""
    return EnvSettingsSource(settings_class, env_ignore_empty=True)  # of the model, it would drop empty flags too


class _TomlTable(PydanticBaseSettingsSource):
    """The process's own table of the TOML file, and those of its fields of `from_file`, as a source of settings."""

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        return None, field_name, False

    def __call__(self) -> dict[str, Any]:
        settings_class = cast("type[ProcessSettings]", self.settings_cls)
        tables = _tables_of_file()
        table_of = {name: file_table(field) for name, field in settings_class.model_fields.items()}
        others = {name: tables[table] for name, table in table_of.items() if table in tables}
        try:
            return snake_case(tables.get(settings_class.table, {})) | others
        except ValueError as error:
            raise InvalidSettings(f"{_place(settings_class.table)}: {error}") from error


def config_file() -> Path:
    """Return the path of the settings file, which need not exist."""
    return Path(os.environ.get(CONFIG_FILE_VARIABLE) or DEFAULT_CONFIG_FILE)


def _tables_of_file() -> dict[str, dict[str, Any]]:
    """Return the tables of the TOML file; none where no file is named and the default one is absent."""
    path = config_file()
    if not os.environ.get(CONFIG_FILE_VARIABLE) and not path.exists():
        return {}
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidSettings(f"the settings file {path} cannot be read: {error}") from error
    for name, table in tables.items():
        if name not in FILE_TABLES:
            known = ", ".join(f"[{known}]" for known in FILE_TABLES)
            raise InvalidSettings(f"the settings file {path} holds {name!r}, which is none of {known}")
        if not isinstance(table, dict):
            raise InvalidSettings(f"the settings file {path} must hold a table [{name}], not {name} = {table!r}")
    return tables


class _ShowVersion(argparse.Action):
    """The flag `--version`, for `--help` to list it; an installed command answers it before it reads settings."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.exit(print_version(parser.prog))


S = TypeVar("S", bound=ProcessSettings)


def load_settings(settings_class: type[S], arguments: Sequence[str], program: str) -> S:
    """Read a process's settings from its command line, environment and file.

    Args:
        settings_class: The settings of the process.
        arguments: The command line without the program's name.
        program: The program's name, for `--help`.

    Raises:
        InvalidSettings: A setting is wrong or unknown; the message names every one that is.
        SystemExit: With code 0 after `--help` or `--version`, with code 2 for a flag without its value.
    """
    unknown: list[str] = []

    def parse(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
        known, others = parser.parse_known_args(words)
        unknown.extend(others)
        return known

    try:
        command_line: CliSettingsSource[Any] = CliSettingsSource(
            settings_class, cli_prog_name=program, parse_args_method=parse
        )
        command_line.root_parser.add_argument(
            "--version", action=_ShowVersion, nargs=0, dest=argparse.SUPPRESS, help="show the version and exit"
        )
        command_line(args=list(arguments))
        settings, mistakes = _validated(settings_class, command_line)
    except SettingsError as error:
        raise InvalidSettings(str(error)) from error
    if unknown:
        mistakes.append(f"unrecognized arguments: {shlex.join(unknown)} (--help lists the settings)")
    if settings is None or mistakes:
        raise InvalidSettings("\n".join(mistakes))
    return settings


def _validated(settings_class: type[S], command_line: CliSettingsSource[Any]) -> tuple[S | None, list[str]]:
    """Return the settings, or None and a line about each mistake."""
    try:
        return settings_class(_cli_settings_source=command_line), []
    except ValidationError as error:
        outside_file = command_line() | _environment(settings_class)()
        return None, [_explain(mistake, settings_class, outside_file) for mistake in error.errors()]


def misspelt_variables(settings_class: type[ProcessSettings]) -> dict[str, str]:
    """Return the variables of the environment that are no setting but nearly one, each with that setting's variable.

    One that is like no setting may belong to another program: the environment can serve them all.
    """
    settings = {name.upper() for name, field in settings_class.model_fields.items() if not file_table(field)}
    given = {name.upper().removeprefix(PREFIX) for name in os.environ if name.upper().startswith(PREFIX)}
    others = given - settings - _SETTINGS_OF_THE_CLIENT_ALONE
    nearest = {name: get_close_matches(name, settings, 1, _LEAST_LIKENESS) for name in sorted(others)}
    return {PREFIX + name: PREFIX + found[0] for name, found in nearest.items() if found}


def _explain(mistake: Any, settings_class: type[ProcessSettings], outside_file: Container[str]) -> str:
    """Return the line about a mistake; what is not among the settings given outside the file is in the file."""
    what = mistake["msg"].removeprefix("Value error, ")
    if not mistake["loc"]:  # of several settings together: the message names them
        return str(what)
    got = "" if isinstance(mistake["input"], dict) else f" (got {mistake['input']!r})"
    name, *within = map(str, mistake["loc"])
    field = settings_class.model_fields.get(name)
    if table := field and file_table(field):
        return f"{_place(table, *within[:1], keys=within[1:])}: {what}{got}"
    if name not in outside_file:
        return f"{_place(settings_class.table, keys=[_as_written(name, settings_class.table), *within])}: {what}{got}"
    return f"--{name.replace('_', '-')} / {PREFIX}{name.upper()}: {what}{got}"


def _as_written(name: str, table: str) -> str:
    """Return the key of a table as the file spells it, which may be with `-`."""
    return next((key for key in _tables_of_file().get(table, {}) if key.replace("-", "_") == name), name)


def _place(*tables: str, keys: Sequence[str] = ()) -> str:
    return f"{config_file()} [{'.'.join(tables)}] {'.'.join(keys)}".strip()
