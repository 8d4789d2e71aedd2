"""What a process offers or runs: built-in pipelines, those that packages bring, those that the settings file names."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, ValidationInfo, field_validator, model_validator
from pydantic_settings import CliSuppress

from shared.pipelines.catalogue import BUILT_IN_PIPELINES, PipelineInfo
from shared.pipelines.plugins import plugin_pipelines
from shared.pipelines.profiles import PROFILE_DESCRIPTIONS, Profile
from shared.pipelines.tables import NamedPipeline, PipelineTables
from shared.process.settings import Names, ProcessSettings, from_file

__all__ = ["PipelineNames", "PipelineSettings", "offered_pipelines"]

TABLES = "pipeline_tables"


def _known(names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    if TABLES not in info.data:
        return names  # the tables are wrong, which is mistake enough
    known = _all_with(info.data[TABLES])
    if not names or not set(names) <= set(known):
        raise ValueError(f"must name one or more of {', '.join(known)}")
    return names


PipelineNames = Annotated[Names, AfterValidator(_known)]
"""Names of pipelines that are built in, that packages bring or that the settings file names; all unless it is said."""


def _all_with(tables: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*BUILT_IN_PIPELINES, *plugin_pipelines(), *tables]))


class PipelineSettings(ProcessSettings):
    """Settings of a process that offers or runs pipelines, in a field `pipelines`."""

    file_tables: ClassVar[dict[str, str]] = {"pipelines": TABLES}

    pipeline_tables: CliSuppress[PipelineTables] = from_file("The pipelines that the settings file names.")

    @field_validator(TABLES)
    @classmethod
    def _hide_nothing(cls, tables: PipelineTables) -> PipelineTables:
        brought = plugin_pipelines()
        if hidden := [name for name, table in tables.items() if name in brought and table.kind != name]:
            raise ValueError(f"a package brings a pipeline {hidden[0]!r}: choose another name, or that kind")
        return tables

    @model_validator(mode="before")
    @classmethod
    def _all_unless_said(cls, values: dict[str, Any]) -> dict[str, Any]:
        tables = values.get(TABLES, {})
        return {"pipelines": _all_with(tables), **values} if isinstance(tables, dict) else values

    def kind_of(self, pipeline: str) -> str:
        """Returns the built-in or brought pipeline that a name stands for; mostly itself."""
        table = self.pipeline_tables.get(pipeline)
        return table.kind if table else pipeline


def offered_pipelines(
    names: Iterable[str], profile: Profile, tables: Mapping[str, NamedPipeline] | None = None
) -> list[PipelineInfo]:
    """Returns pipelines as clients are told of them, with what the profile means for them.

    Args:
        names: Which, in their order.
        profile: The workers' profile.
        tables: Those that the settings file names; a profile of their own comes before the workers'.

    Raises:
        PluginUnusable: A package brings one, and it cannot be used.
    """
    return [_offered(name, profile, (tables or {}).get(name) or NamedPipeline(kind=name)) for name in names]


def _offered(name: str, profile: Profile, table: NamedPipeline) -> PipelineInfo:
    of_kind = BUILT_IN_PIPELINES.get(table.kind)
    if of_kind is None:
        return PipelineInfo(name, table.described(), finds_objects=False, reads_text=False)
    own = table.profile or profile
    told = PROFILE_DESCRIPTIONS[own] if of_kind.reads_text else own
    return replace(of_kind, pipeline_id=name, description=f"{table.described()} Profile {told}.")
