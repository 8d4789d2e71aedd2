"""The catalogue of built-in pipelines: what the API offers and the worker must be able to run."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import AfterValidator

from shared.profiles import PROFILE_DESCRIPTIONS, Profile
from shared.settings import Names

__all__ = ["BUILT_IN_PIPELINES", "PipelineInfo", "PipelineNames", "offered_pipelines"]


@dataclass(frozen=True, slots=True)
class PipelineInfo:
    """One pipeline as clients see it.

    Attributes:
        pipeline_id: The name a client submits with.
        description: What the pipeline finds, in a sentence.
        finds_objects: Whether its results hold detections.
        reads_text: Whether its results hold text.
    """

    pipeline_id: str
    description: str
    finds_objects: bool
    reads_text: bool


BUILT_IN_PIPELINES: dict[str, PipelineInfo] = {
    info.pipeline_id: info
    for info in (
        PipelineInfo(
            "yolo_ocr",
            "Objects (YOLO detection) and text (PaddleOCR) in every frame.",
            finds_objects=True,
            reads_text=True,
        ),
        PipelineInfo("yolo", "Objects (YOLO detection) in every frame.", finds_objects=True, reads_text=False),
        PipelineInfo("ocr", "Text (PaddleOCR) in every frame.", finds_objects=False, reads_text=True),
    )
}


def offered_pipelines(names: Iterable[str], profile: Profile) -> list[PipelineInfo]:
    """Returns pipelines of the catalogue as clients are told of them, with what the profile means for them."""
    infos = (BUILT_IN_PIPELINES[name] for name in names)
    return [replace(info, description=f"{info.description} {_told(info, profile)}") for info in infos]


def _told(info: PipelineInfo, profile: Profile) -> str:
    return f"Profile {PROFILE_DESCRIPTIONS[profile] if info.reads_text else profile}."


def _known(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names or not set(names) <= set(BUILT_IN_PIPELINES):
        raise ValueError(f"must name one or more of {', '.join(BUILT_IN_PIPELINES)}")
    return names


PipelineNames = Annotated[Names, AfterValidator(_known)]
"""Names of pipelines of the catalogue."""
