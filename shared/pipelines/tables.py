"""Pipelines that an operator names: tables `[pipelines.NAME]` of the settings file, read by both sides.

Here is what can be seen without any model: that a table is one, and that its keys fit its kind.
"""

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, field_validator, model_validator

from shared.pipelines.catalogue import BUILT_IN_PIPELINES
from shared.pipelines.languages import recogniser_for
from shared.pipelines.plugins import plugin_description, plugin_pipelines
from shared.pipelines.profiles import Profile
from shared.process.settings import snake_case

__all__ = ["NamedPipeline", "PipelineTables"]

MAX_DESCRIPTION_CHARACTERS = 500

Share = Annotated[float, Field(ge=0, le=1)]
"""A confidence or an overlap."""

_OF_OBJECTS = {"weights", "classes", "confidence", "iou", "image_size"}
_OF_TEXT = {"ocr_detection_model", "ocr_recognition_model", "ocr_confidence", "languages"}
_OF_BUILT_IN = _OF_OBJECTS | _OF_TEXT | {"profile"}


class NamedPipeline(BaseModel):
    """One table: a kind of pipeline with models and limits of its own. What it leaves out is the worker's setting.

    Attributes:
        kind: A built-in pipeline, whose form the results have, or one that a package brings.
        description: What clients are told; empty for what follows from the rest.
        profile: What is given up for speed.
        weights: The detector, as `--yolo-weights` names it.
        classes: The labels that are kept; empty for all.
        confidence: Least confidence of a detection.
        iou: Overlap above which two boxes are one object.
        image_size: Side that frames are fitted into for detection, in pixels.
        ocr_detection_model: Text detection: a PaddleOCR model's folder or name.
        ocr_recognition_model: Text recognition: a PaddleOCR model's folder or name.
        ocr_confidence: Least confidence of a line of text.
        languages: What the text is written in, in place of `ocr_recognition_model`.
        options: What a pipeline that a package brings is told.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    description: str = Field("", max_length=MAX_DESCRIPTION_CHARACTERS)
    profile: Profile | None = None
    weights: str | None = Field(None, min_length=1)
    classes: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    confidence: Share | None = None
    iou: Share | None = None
    image_size: PositiveInt | None = None
    ocr_detection_model: str | None = Field(None, min_length=1)
    ocr_recognition_model: str | None = Field(None, min_length=1)
    ocr_confidence: Share | None = None
    languages: tuple[str, ...] = ()
    options: dict[str, Any] = {}

    @field_validator("kind")
    @classmethod
    def _is_known(cls, kind: str) -> str:
        known = [*BUILT_IN_PIPELINES, *plugin_pipelines()]
        if kind not in known:
            raise ValueError(f"must be one of {', '.join(known)}")
        return kind

    @field_validator("options")
    @classmethod
    def _as_the_code_writes_them(cls, options: dict[str, Any]) -> dict[str, Any]:
        return snake_case(options)

    @field_validator("languages")
    @classmethod
    def _are_read_by_one_model(cls, languages: tuple[str, ...]) -> tuple[str, ...]:
        recogniser_for(languages)
        return languages

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        if wrong := sorted(self._unfit() & self.model_fields_set):
            raise ValueError(f"the kind {self.kind} has no use for {', '.join(wrong)}")
        if self.languages and self.ocr_recognition_model:
            raise ValueError("languages choose the model for recognition, so ocr_recognition_model must not name one")
        return self

    def _unfit(self) -> set[str]:
        """Returns the keys that mean nothing to the kind."""
        info = BUILT_IN_PIPELINES.get(self.kind)
        if info is None:
            return _OF_BUILT_IN
        return {"options"} | (set() if info.finds_objects else _OF_OBJECTS) | (set() if info.reads_text else _OF_TEXT)

    def described(self) -> str:
        """Returns what clients are told of it.

        Raises:
            PluginUnusable: A package brings it, and it cannot be used.
        """
        if self.kind not in BUILT_IN_PIPELINES:
            of_package = plugin_description(self.kind, self.options)
            return self.description or of_package
        parts = [BUILT_IN_PIPELINES[self.kind].description]
        parts += [f"Objects: {', '.join(self.classes)}."] if self.classes else []
        parts += [f"Languages: {', '.join(self.languages)}."] if self.languages else []
        return self.description or " ".join(parts)


def _is_no_built_in(name: str) -> str:
    if name in BUILT_IN_PIPELINES:
        raise ValueError("is built in: choose another name")
    return name


def _snake_case(table: Any) -> Any:
    return snake_case(table) if isinstance(table, dict) else table


PipelineTables = dict[
    Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]{0,63}$"), BeforeValidator(_is_no_built_in)],
    Annotated[NamedPipeline, BeforeValidator(_snake_case)],
]
"""The tables by the names that clients submit with."""
