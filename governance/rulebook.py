"""The rules as `forbidden_vocabulary_phase16.yaml` states them."""

from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

__all__ = [
    "RULES_FILE",
    "FileException",
    "ForbiddenImport",
    "ForbiddenName",
    "ForbiddenWord",
    "JobRules",
    "Rulebook",
    "RulebookUnusable",
    "ServiceException",
    "load_rulebook",
]

RULES_FILE = Path("governance") / "forbidden_vocabulary_phase16.yaml"

Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Texts = Annotated[tuple[Text, ...], Field(min_length=1)]


class RulebookUnusable(Exception):
    """The file of rules is missing, or holds something that is no rule; the message says what."""


class _Entry(BaseModel):
    """A part of the file; a key that is not known is refused, so that none can weaken a rule in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ForbiddenWord(_Entry):
    """A word that the code must not use, in all its forms."""

    word: Text
    forms: Texts
    instead: Text


class ForbiddenImport(_Entry):
    """A backend that the code must not use: its modules, its packages, the schemes of its addresses."""

    backend: Text
    modules: Texts
    packages: tuple[Text, ...]
    schemes: tuple[Text, ...]
    instead: Text


class ForbiddenName(_Entry):
    """Names of other libraries that the code must not use."""

    rule: Text
    names: Texts
    instead: Text


class JobRules(_Entry):
    """What a job is."""

    statuses: Texts
    table: Text
    columns: Texts
    base_module: Text


class ServiceException(_Entry):
    """A standard service of gRPC and the function that adds it to a server."""

    service: Annotated[str, StringConstraints(pattern=r"^grpc\.[\w.]+$")]
    added_by: Text
    reason: Text


class FileException(_Entry):
    """Files, by a pattern from the root, that no rule reads."""

    files: Text
    reason: Text


class _Exceptions(_Entry):
    grpc_services: tuple[ServiceException, ...]
    generated_files: tuple[FileException, ...]
    third_party_files: tuple[FileException, ...]


class Rulebook(_Entry):
    """All rules."""

    functional_folders: Texts
    configuration_files: Texts
    forbidden_words: Annotated[tuple[ForbiddenWord, ...], Field(min_length=1)]
    forbidden_imports: Annotated[tuple[ForbiddenImport, ...], Field(min_length=1)]
    forbidden_names: Annotated[tuple[ForbiddenName, ...], Field(min_length=1)]
    job: JobRules
    exceptions: _Exceptions


def load_rulebook(root: Path) -> Rulebook:
    """Reads the rules of a checkout.

    Args:
        root: The checkout.

    Raises:
        RulebookUnusable: They cannot be read.
    """
    path = root / RULES_FILE
    try:
        return Rulebook.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, ValidationError, yaml.YAMLError) as error:
        raise RulebookUnusable(f"{RULES_FILE} cannot be used: {error}") from error
