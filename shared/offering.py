"""What a process offers or runs: the built-in pipelines, and those that the settings file names."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, ValidationInfo, model_validator
from pydantic_settings import CliSuppress

from shared.named_pipelines import NamedPipeline, PipelineTables
from shared.pipelines import BUILT_IN_PIPELINES, PipelineInfo
from shared.profiles import PROFILE_DESCRIPTIONS, Profile
from shared.settings import Names, ProcessSettings, from_file

__all__ = ["OfferingSettings", "PipelineNames", "offered_pipelines"]

TABLES = "pipeline_tables"


def _known(names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    if TABLES not in info.data:
        return names  # the tables are wrong, which is mistake enough
    known = [*BUILT_IN_PIPELINES, *info.data[TABLES]]
    if not names or not set(names) <= set(known):
        raise ValueError(f"must name one or more of {', '.join(known)}")
    return names


PipelineNames = Annotated[Names, AfterValidator(_known)]
"""Names of pipelines that are built in or that the settings file names; all of them unless it is said."""


class OfferingSettings(ProcessSettings):
    """Settings of a process that offers or runs pipelines, in a field `pipelines`."""

    file_tables: ClassVar[dict[str, str]] = {"pipelines": TABLES}

    pipeline_tables: CliSuppress[PipelineTables] = from_file("The pipelines that the settings file names.")

    @model_validator(mode="before")
    @classmethod
    def _all_unless_said(cls, values: dict[str, Any]) -> dict[str, Any]:
        tables = values.get(TABLES, {})
        return {"pipelines": (*BUILT_IN_PIPELINES, *tables), **values} if isinstance(tables, dict) else values


def offered_pipelines(
    names: Iterable[str], profile: Profile, tables: Mapping[str, NamedPipeline] | None = None
) -> list[PipelineInfo]:
    """Returns pipelines as clients are told of them, with what the profile means for them.

    Args:
        names: Which, in their order.
        profile: The workers' profile.
        tables: Those that the settings file names; a profile of their own comes before the workers'.
    """
    return [_offered(name, profile, (tables or {}).get(name)) for name in names]


def _offered(name: str, profile: Profile, table: NamedPipeline | None) -> PipelineInfo:
    info = table.info(name) if table else BUILT_IN_PIPELINES[name]
    own = (table and table.profile) or profile
    told = PROFILE_DESCRIPTIONS[own] if info.reads_text else own
    return replace(info, description=f"{info.description} Profile {told}.")
