"""The documents are true: their links, names and commands exist."""

import importlib.util
import os
import re
import tomllib
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import typer
from alembic import command as alembic_command

from job_api.settings import ApiSettings
from job_api.storage.keys import JOBS_FOLDER, SET_ASIDE_FOLDER
from job_client.command import app
from job_worker.settings import WorkerSettings
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2
from shared.contract.job_status import JobStatus
from shared.process.exit_codes import ExitCode
from shared.process.settings import CONFIG_FILE_VARIABLE, DEFAULT_CONFIG_FILE
from tests.support.documents import (
    PAGE_NAMES,
    ROOT,
    anchors_of,
    blocks_of,
    code_of,
    commands_of,
    known_flags,
    known_words,
    links_of,
    prose_of,
    test_is_there,
    text_of,
)

pytestmark = [pytest.mark.unit, pytest.mark.thorough]

every_page = pytest.mark.parametrize("page", PAGE_NAMES)

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
IGNORED = {
    line.strip("/") for line in (ROOT / ".gitignore").read_text().splitlines() if not line.startswith(("#", "!"))
}
STORED = {JOBS_FOLDER, SET_ASIDE_FOLDER, "foregsyte.duckdb", "foregsyte.duckdb.wal", "wal", DEFAULT_CONFIG_FILE}
"""What a running server, or its operator, makes."""

FLAGS = {
    program: {f"--{name.replace('_', '-')}" for name in settings.model_fields}
    for program, settings in {"foregsyte-api": ApiSettings, "foregsyte-worker": WorkerSettings}.items()
}
VARIABLES = {
    *(f"FOREGSYTE_{flag.strip('-').replace('-', '_').upper()}" for flags in FLAGS.values() for flag in flags),
    CONFIG_FILE_VARIABLE,
    "FOREGSYTE_ADDRESS",
}
OF_THE_SYSTEM = {"cp", "git", "grpcurl", "printf", "pip", "pipx", "uv", "uvx", "{", "cd", "node", "go"}
OF_TYPER = {"--help", "--install-completion", "--show-completion"}
PATH = re.compile(r"[\w.@-]*(?:/[\w.@-]+)+/?|[\w-]+\.(?:py|md|toml|yaml|yml|ini|sh|mp4|proto|txt|duckdb)")
OUTSIDE = ("/", "..", "path/to")


def test_the_pages_of_phase_16_are_there() -> None:
    asked_for = ("overview", "architecture", "endpoints", "migration_guide", "rollback_plan", "contributor_exam",
                 "contributor_exam_answers", "release_notes")  # fmt: skip
    assert {f"docs/phase_16/{name}.md" for name in asked_for} <= set(PAGE_NAMES)
    for name in ("LICENSE", "NOTICE", "CHANGELOG.md", "CONTRIBUTING.md", "docs/phase_16/rollback.sh"):
        assert (ROOT / name).is_file()


def test_the_licence_is_the_one_that_the_package_names() -> None:
    assert PROJECT["project"]["license"] == "AGPL-3.0-or-later"
    words = " ".join((ROOT / "LICENSE").read_text(encoding="utf-8").split())
    assert words.startswith("GNU AFFERO GENERAL PUBLIC LICENSE Version 3")
    assert "PP-OCRv6" in (ROOT / "NOTICE").read_text(encoding="utf-8")


@every_page
def test_every_link_leads_somewhere(page: str) -> None:
    for link in links_of(page):
        file, _, anchor = link.partition("#")
        target = (ROOT / page).parent / file if file else ROOT / page
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(str(target.resolve().relative_to(ROOT))), link


@every_page
def test_nothing_is_left_to_do(page: str) -> None:
    assert not re.search(r"\b(TODO|TBD|FIXME|XXX)\b", text_of(page), re.IGNORECASE)


@every_page
def test_every_path_is_there(page: str) -> None:
    wrong = [code for code in code_of(page) if PATH.fullmatch(code) and not _is_there(code, page)]
    assert not wrong


def _is_there(path: str, page: str) -> bool:
    first = path.partition("/")[0]
    if path.startswith(OUTSIDE) or first in STORED or first in IGNORED:
        return True
    if re.match(r"(foregsyte|grpc)\.", path):
        return _is_rpc(path)
    return (ROOT / path).exists() or ((ROOT / page).parent / path).exists()


def _is_rpc(path: str) -> bool:
    service, _, method = path.rpartition("/")
    services = {service.full_name: service for service in jobs_pb2.DESCRIPTOR.services_by_name.values()}
    return service.startswith("grpc.health.") or method in services[service].methods_by_name


@every_page
def test_every_test_that_is_named_is_there(page: str) -> None:
    named = re.findall(r"tests/[\w/]+\.py::[\w:]+", text_of(page))
    assert [name for name in named if not test_is_there(name)] == []


@every_page
def test_every_flag_and_variable_is_a_setting(page: str) -> None:
    known = {*FLAGS["foregsyte-api"], *FLAGS["foregsyte-worker"], *known_flags(), "--autogenerate", *OF_TYPER}
    known |= {option for command in _commands().values() for option in _options(command)}
    assert {flag for code in code_of(page) for flag in re.findall(r"(?<!\S)--[a-z-]+", code)} <= known
    of_script = set(re.findall(r"FOREGSYTE_\w+", text_of("docs/phase_16/rollback.sh")))
    of_client = {name for name in known_words() if name.startswith("FOREGSYTE_")}
    assert set(re.findall(r"FOREGSYTE_[A-Z_]+[A-Z]", text_of(page))) <= (
        VARIABLES | _variables_of_tests() | of_script | of_client
    )


@cache
def _variables_of_tests() -> set[str]:
    return {
        name for path in (ROOT / "tests").rglob("*.py") for name in re.findall(r"FOREGSYTE_TEST_\w+", path.read_text())
    }


@every_page
def test_every_exit_code_is_one_of_the_processes(page: str) -> None:
    named = {int(number) for number in re.findall(r"exit code (\d+)", text_of(page))}
    assert named <= {code.value for code in ExitCode}


@every_page
def test_every_command_can_be_typed(page: str) -> None:
    inline = [code.split() for code in code_of(page) if re.match(r"(make|pytest|alembic|foregsyte|python -m) ", code)]
    wrong = {" ".join(words): problem for words in commands_of(page) + inline if (problem := _problem_of(words, page))}
    assert not wrong


def _problem_of(words: list[str], page: str) -> str:
    """Return what is wrong with a command; empty where nothing is."""
    while re.match(r"[A-Z_]+=", words[0]):
        words = words[1:]
    program, arguments = words[0], words[1:]
    flags = {word.partition("=")[0] for word in arguments if word.startswith("--")}
    if program in FLAGS:
        return "" if flags <= FLAGS[program] | {"--help"} else f"no such setting: {flags - FLAGS[program]}"
    check = {"make": _make, "foregsyte": _foregsyte, "python": _python, "pytest": _pytest, "alembic": _alembic}.get(
        program
    )
    if check:
        return check(arguments, flags)
    if (ROOT / program).is_file():
        return "" if os.access(ROOT / program, os.X_OK) else "not executable"
    named = {extra for extras in re.findall(r"\.\[([\w,-]+)\]", " ".join(arguments)) for extra in extras.split(",")}
    missing = named - set(_extras())
    return f"unknown: {program} {missing}" if program not in OF_THE_SYSTEM or missing else ""


def _extras() -> dict[str, list[str]]:
    extras: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
    return extras


def _make(arguments: list[str], flags: set[str]) -> str:
    targets = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
    variables = {word.partition("=")[0] for word in arguments if "=" in word}
    known = set(re.findall(r"^([A-Z]+) [?:]=", MAKEFILE, re.MULTILINE))
    return "" if arguments[0] in targets and variables <= known else "no such target or variable"


def _commands() -> dict[str, Any]:
    return dict(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def _options(command: Any) -> set[str]:
    return {option for parameter in command.params for option in parameter.opts}


def _foregsyte(arguments: list[str], flags: set[str]) -> str:
    if arguments[0] in OF_TYPER or arguments == ["COMMAND", "--help"]:
        return ""
    if arguments[0] not in _commands():
        return "no such command"
    options = _options(_commands()[arguments[0]])
    return "" if flags <= options else f"no such option: {flags - options}"


def _python(arguments: list[str], flags: set[str]) -> str:
    if arguments[0].endswith(".py"):
        return "" if (ROOT / arguments[0]).is_file() else "no such file"
    is_there = arguments[0] == "-m" and importlib.util.find_spec(arguments[1]) is not None
    return "" if is_there and flags <= known_flags() | {"--help"} else "no such module or flag"


def _pytest(arguments: list[str], flags: set[str]) -> str:
    markers = [entry.partition(":")[0] for entry in PROJECT["tool"]["pytest"]["ini_options"]["markers"]]
    named = [word for before, word in pairwise(arguments) if before == "-m"]
    missing = [word for word in arguments if "/" in word and not (ROOT / word.partition("::")[0]).exists()]
    return "" if set(named) <= set(markers) and not missing else f"no such marker or file: {named} {missing}"


def _alembic(arguments: list[str], flags: set[str]) -> str:
    return "" if hasattr(alembic_command, arguments[0]) else "no such command"


class TestArchitecturePage:
    PAGE = "docs/phase_16/architecture.md"

    def test_the_drawn_life_of_a_job_has_the_four_states_and_rpcs_of_the_contract(self) -> None:
        (diagram,) = [block for block in blocks_of(self.PAGE, "mermaid") if block.startswith("stateDiagram")]
        moves = re.findall(r"^\s+(\S+) --> (\S+): (\w+)", diagram, re.MULTILINE)
        assert {state for *states, _ in moves for state in states} == {*(state.value for state in JobStatus), "[*]"}
        services = jobs_pb2.DESCRIPTOR.services_by_name.values()
        assert {rpc for *_, rpc in moves} <= {method for service in services for method in service.methods_by_name}
        finals = {state.value for state in JobStatus if state.is_final}
        assert {before for before, after, _ in moves if after == "[*]"} == finals

    def test_what_is_drawn_is_there(self) -> None:
        for block in blocks_of(self.PAGE, "mermaid"):
            names = set(re.findall(r"\b[A-Z][a-z]+(?:[A-Z][a-z]+)+\b|\b\w+_\w+\b", block))
            assert names <= known_words()


def test_the_release_notes_are_those_of_this_version() -> None:
    assert text_of("docs/phase_16/release_notes.md").startswith(f"# Release notes: {PROJECT['project']['version']}\n")


def test_every_question_of_the_exam_has_an_answer() -> None:
    questions = re.findall(r"^(\d+)\. ", prose_of("docs/phase_16/contributor_exam.md"), re.MULTILINE)
    answers = re.findall(r"^(\d+)\. ", prose_of("docs/phase_16/contributor_exam_answers.md"), re.MULTILINE)
    assert questions == answers == [str(number) for number in range(1, len(questions) + 1)]
    assert len(questions) > 10


def test_no_page_names_a_path_of_one_machine() -> None:
    for page in PAGE_NAMES:
        assert not re.search(r"/(?:home|root|Users|tmp|work)/", text_of(page))


def test_the_decisions_are_all_listed() -> None:
    pages = {path.name for path in (ROOT / "docs" / "decisions").glob("[0-9]*.md")}
    assert pages == {Path(link).name for link in links_of("docs/decisions/README.md")}
