"""The rules as `forbidden_vocabulary_phase16.yaml` states them."""

from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

RULES_FILE = Path("governance") / "forbidden_vocabulary_phase16.yaml"

Rule = Literal[
    "async-session", "eight-columns", "exception", "forbidden-import", "forbidden-word", "four-statuses", "missing",
    "one-base", "phase-name", "queue-payload", "unary-rpc", "unknown-folder", "unreadable",
]  # fmt: skip
Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Texts = Annotated[tuple[Text, ...], Field(min_length=1)]


class RulebookUnusable(Exception):
    """The file of rules is missing, or holds something that is no rule; the message says what."""


class _Entry(BaseModel):
    """A part of the file; an unknown key is refused, so that none can weaken a rule unnoticed."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _ForbiddenWord(_Entry):
    word: Text
    forms: Texts
    instead: Text


class _ForbiddenName(_Entry):
    rule: Rule
    what: Text
    names: Texts
    library: str = ""
    only_in: tuple[Text, ...] = ()
    instead: Text


class _JobRules(_Entry):
    statuses: Texts
    other_statuses: Texts
    table: Text
    columns: Texts


class _ServiceException(_Entry):
    service: Annotated[str, StringConstraints(pattern=r"^grpc\.[\w.]+$")]
    added_by: Text
    reason: Text


class _FileException(_Entry):
    files: Texts
    reason: Text


class _Exceptions(_Entry):
    grpc_services: tuple[_ServiceException, ...]
    generated_files: tuple[_FileException, ...]
    third_party_files: tuple[_FileException, ...]


class Rulebook(_Entry):
    """All rules."""

    functional_folders: Texts
    other_folders: Texts
    ignored_folders: Texts
    configuration_files: Texts
    forbidden_words: Annotated[tuple[_ForbiddenWord, ...], Field(min_length=1)]
    forbidden_names: Annotated[tuple[_ForbiddenName, ...], Field(min_length=1)]
    job: _JobRules
    exceptions: _Exceptions


def load_rulebook(root: Path) -> Rulebook:
    """Return the rules of a checkout.

    Raises:
        RulebookUnusable: They cannot be read.
    """
    try:
        return Rulebook.model_validate(yaml.safe_load((root / RULES_FILE).read_text(encoding="utf-8")))
    except (OSError, ValidationError, yaml.YAMLError) as error:
        raise RulebookUnusable(f"{RULES_FILE} cannot be used: {error}") from error
