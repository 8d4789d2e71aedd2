"""Settings of a process that offers or runs pipelines."""

from typing import Annotated, Any

from pydantic import AfterValidator, ValidationInfo, model_validator
from pydantic_settings import CliSuppress

from shared.pipelines.catalogue import PipelineCatalogue, PipelineTables
from shared.process.settings import Names, ProcessSettings, from_file

TABLES = "pipeline_tables"


def _are_in_the_catalogue(names: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    if TABLES not in info.data:
        return names  # the tables are wrong, and that is reported
    known = PipelineCatalogue(info.data[TABLES]).names
    if not names or not set(names) <= set(known):
        raise ValueError(f"must name one or more of {', '.join(known)}")
    return names


PipelineNames = Annotated[Names, AfterValidator(_are_in_the_catalogue)]
"""Names of pipelines of the catalogue; all of them by default."""


class PipelineSettings(ProcessSettings):
    """Settings of a process that offers or runs pipelines: a derived class names them in a field `pipelines`."""

    pipeline_tables: CliSuppress[PipelineTables] = from_file("pipelines", "The pipelines that the settings file names.")

    @model_validator(mode="before")
    @classmethod
    def _name_all_by_default(cls, values: dict[str, Any]) -> dict[str, Any]:
        tables = values.get(TABLES, {})
        return {"pipelines": PipelineCatalogue(tables).names, **values} if isinstance(tables, dict) else values

    @property
    def catalogue(self) -> PipelineCatalogue:
        """The pipelines that there are, those of the settings file included."""
        return PipelineCatalogue(self.pipeline_tables)
