"""The pipeline catalogue: which pipelines there are, what each name stands for, and how clients see it described.

A pipeline is built in, or a plugin (entry point group `foregsyte.pipelines`), or a table `[pipelines.NAME]` of the
settings file, which gives one of these another name and settings of its own. Server and worker read one catalogue. The
server imports a plugin to read its description and to check its options, and does not call it: so importing a plugin
must need nothing but what the server has, and its own libraries are imported when a pipeline is made.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, model_validator

from shared.pipelines.languages import recognition_model_for
from shared.pipelines.profiles import PROFILE_DESCRIPTIONS, Profile
from shared.process.plugins import Plugin, PluginUnusable, find_plugins, unfit_options
from shared.process.settings import snake_case


@dataclass(frozen=True, slots=True)
class BuiltInPipeline:
    """A pipeline that comes with the worker.

    Attributes:
        description: What it finds, in a sentence.
        finds_objects: Whether its results hold detections.
        reads_text: Whether its results hold text.
        reads_codes: Whether its results hold codes, without a table that says so.
    """

    description: str
    finds_objects: bool
    reads_text: bool
    reads_codes: bool = False

    @property
    def has_profile(self) -> bool:
        """Whether a profile changes what it does: codes are read alike in each."""
        return self.finds_objects or self.reads_text


BUILT_IN_PIPELINES: Mapping[str, BuiltInPipeline] = {
    "yolo_ocr": BuiltInPipeline(
        "Objects (YOLO detection) and text (PaddleOCR) in every frame.", finds_objects=True, reads_text=True
    ),
    "yolo": BuiltInPipeline("Objects (YOLO detection) in every frame.", finds_objects=True, reads_text=False),
    "ocr": BuiltInPipeline("Text (PaddleOCR) in every frame.", finds_objects=False, reads_text=True),
    "codes": BuiltInPipeline(
        "What QR codes, Data Matrix, Aztec, PDF417 and linear codes (zxing-cpp) in every frame say.",
        finds_objects=False,
        reads_text=False,
        reads_codes=True,
    ),
}

MakePipeline = Callable[..., Any]
"""What a plugin registers: a class or function with a `description`, called with the options, returns a pipeline."""


def _plugins() -> Mapping[str, Plugin]:
    """Return the installed plugins by name.

    Raises:
        PluginUnusable: Two packages provide one name, or one provides that of a built-in pipeline.
    """
    plugins = find_plugins("pipeline", "foregsyte.pipelines")
    if taken := sorted(BUILT_IN_PIPELINES.keys() & plugins.keys()):
        package = plugins[taken[0]].package
        raise PluginUnusable(f"the plugin package {package} provides the pipeline {taken[0]!r}, which is built in")
    return plugins


def load_plugin_pipeline(kind: str, options: Mapping[str, Any]) -> MakePipeline:
    """Import what makes the pipeline of a plugin, and check that it takes the options.

    Raises:
        PluginUnusable: It cannot be imported, has no description, or does not take the options.
    """
    plugin = _plugins()[kind]
    make: MakePipeline = plugin.load()
    if not callable(make) or not plugin_description(make):
        raise PluginUnusable(
            f"{plugin} is no pipeline: {plugin.entry_point.value} must be a class or function with a description as "
            "text"
        )
    if problem := unfit_options(make, options):
        raise PluginUnusable(f"{plugin} does not take its options: {problem}")
    return make


def plugin_description(make: object) -> str:
    """Return the `description` of what makes a pipeline; empty where it has no such text."""
    description = getattr(make, "description", "")
    return description.strip() if isinstance(description, str) else ""


MAX_DESCRIPTION_CHARACTERS = 500

_DETECTION_KEYS = {"weights", "classes", "confidence", "iou", "image_size"}
_TEXT_KEYS = {"ocr_detection_model", "ocr_recognition_model", "ocr_confidence", "languages"}


def _is_known(kind: str) -> str:
    if kind not in (known := PipelineCatalogue().names):
        raise ValueError(f"must be one of {', '.join(known)}")
    return kind


def _are_read_by_one_model(languages: tuple[str, ...]) -> tuple[str, ...]:
    recognition_model_for(languages)
    return languages


Share = Annotated[float, Field(ge=0, le=1)]
"""A confidence or an overlap, 0 to 1."""
Text = Annotated[str, Field(min_length=1)]


class PipelineDefinition(BaseModel):
    """What the name of a pipeline stands for: a kind, and the keys of its table. The worker's settings fill the gaps.

    Attributes:
        kind: The built-in pipeline, which decides the form of the results, or the plugin.
        description: What clients read; empty for what follows from the rest.
        profile: What is given up for speed.
        weights: The detector, as `--yolo-weights` names it.
        classes: The labels to keep; empty for all.
        confidence: Least confidence of a detection.
        iou: Overlap above which two boxes are one object.
        image_size: Side that frames are fitted into for detection, in pixels.
        ocr_detection_model: Text detection: a PaddleOCR model's folder or name.
        ocr_recognition_model: Text recognition: a PaddleOCR model's folder or name.
        ocr_confidence: Least confidence of a line of text.
        languages: The languages of the text, which choose the model for recognition.
        codes: Whether codes are read as well.
        options: The keyword arguments of a plugin.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=lambda key: key.replace("_", "-"),  # both `image-size` and `image_size` are read
        populate_by_name=True,
        loc_by_alias=False,
    )

    kind: Annotated[str, AfterValidator(_is_known)]
    description: str = Field("", max_length=MAX_DESCRIPTION_CHARACTERS)
    profile: Profile | None = None
    weights: Text | None = None
    classes: tuple[Text, ...] = ()
    confidence: Share | None = None
    iou: Share | None = None
    image_size: PositiveInt | None = None
    ocr_detection_model: Text | None = None
    ocr_recognition_model: Text | None = None
    ocr_confidence: Share | None = None
    languages: Annotated[tuple[str, ...], AfterValidator(_are_read_by_one_model)] = ()
    codes: bool = False
    options: Annotated[dict[str, Any], AfterValidator(snake_case)] = {}

    @model_validator(mode="after")
    def _has_the_keys_of_its_kind(self) -> Self:
        if wrong := sorted(self._keys_of_other_kinds() & self.model_fields_set):
            raise ValueError(f"the kind {self.kind} has no use for {', '.join(wrong)}")
        if self.languages and self.ocr_recognition_model:
            raise ValueError("languages choose the model for recognition, so ocr_recognition_model must not name one")
        return self

    def _keys_of_other_kinds(self) -> set[str]:
        if self.built_in is None:
            return {"profile", "codes"} | _DETECTION_KEYS | _TEXT_KEYS
        unused = {"options"} | ({"codes"} if self.built_in.reads_codes and not self.codes else set())
        unused |= set() if self.built_in.has_profile else {"profile"}
        unused |= set() if self.built_in.finds_objects else _DETECTION_KEYS
        return unused | (set() if self.built_in.reads_text else _TEXT_KEYS)

    @property
    def built_in(self) -> BuiltInPipeline | None:
        """The built-in pipeline of its kind; None for a plugin."""
        return BUILT_IN_PIPELINES.get(self.kind)

    @property
    def reads_codes(self) -> bool:
        """Whether its results hold codes."""
        return self.codes or bool(self.built_in and self.built_in.reads_codes)

    @property
    def recognition_model(self) -> str | None:
        """The text recognition model: the one that the table names, or that reads its languages."""
        return recognition_model_for(self.languages) if self.languages else self.ocr_recognition_model

    def describe(self, profile: Profile) -> str:
        """Return what clients read about the pipeline, with what the profile means for it.

        Args:
            profile: The workers' profile; one of its own comes first, and reading codes alone has none.

        Raises:
            PluginUnusable: Its plugin cannot be used.
        """
        if self.built_in is None:
            of_plugin = plugin_description(load_plugin_pipeline(self.kind, self.options))
            return self.description or of_plugin
        parts = [self.description] if self.description else self._parts_by_keys(self.built_in)
        if self.built_in.has_profile:
            own = self.profile or profile
            parts.append(f"Profile {PROFILE_DESCRIPTIONS[own] if self.built_in.reads_text else own}.")
        return " ".join(parts)

    def _parts_by_keys(self, built_in: BuiltInPipeline) -> list[str]:
        parts = [built_in.description]
        parts += ["Codes are read."] if self.codes and not built_in.reads_codes else []
        parts += [f"Objects: {', '.join(self.classes)}."] if self.classes else []
        parts += [f"Languages: {', '.join(self.languages)}."] if self.languages else []
        return parts


class PipelineCatalogue:
    """The pipelines that there are.

    Args:
        tables: Those of the settings file; none for the built-in pipelines and the plugins alone.
    """

    def __init__(self, tables: Mapping[str, PipelineDefinition] | None = None) -> None:
        self._tables = dict(tables or {})

    @property
    def names(self) -> tuple[str, ...]:
        """What clients can submit with: the built-in pipelines, the plugins, those of the settings file.

        Raises:
            PluginUnusable: Two packages provide one name, or one provides that of a built-in pipeline.
        """
        return tuple(dict.fromkeys([*BUILT_IN_PIPELINES, *_plugins(), *self._tables]))

    def get(self, name: str) -> PipelineDefinition:
        """Return what a name stands for.

        Raises:
            ValueError: There is no such pipeline.
        """
        return self._tables.get(name) or PipelineDefinition(kind=name)

    def describe(self, names: Iterable[str], profile: Profile) -> dict[str, str]:
        """Return, by name, what clients read about each of these pipelines in this profile."""
        return {name: self.get(name).describe(profile) for name in names}


def _is_not_built_in(name: str) -> str:
    if name in BUILT_IN_PIPELINES:
        raise ValueError("is built in: choose another name")
    return name


def _hide_no_plugin(tables: dict[str, PipelineDefinition]) -> dict[str, PipelineDefinition]:
    plugins = _plugins()
    for name, table in tables.items():
        if name in plugins and table.kind != name:
            raise ValueError(
                f"the plugin package {plugins[name].package} provides the pipeline {name!r}: choose another name, or "
                "that kind"
            )
    return tables


PipelineTables = Annotated[
    dict[
        Annotated[str, Field(pattern=r"^[A-Za-z0-9][\w.-]{0,63}$"), AfterValidator(_is_not_built_in)],
        PipelineDefinition,
    ],
    AfterValidator(_hide_no_plugin),
]
"""The tables `[pipelines.NAME]` of the settings file by name."""
