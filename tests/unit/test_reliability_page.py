"""docs/reliability.md names tests and exit codes that exist."""

import ast
import re

import pytest

from shared.exit_codes import ExitCode
from tests.conftest import ROOT

pytestmark = pytest.mark.unit

PAGE = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"tests/[\w/]+\.py::[\w:]+", PAGE)))


def names_in(body: list[ast.stmt]) -> dict[str, list[ast.stmt]]:
    """Returns what is defined in a module or class, with what is defined within it."""
    names: dict[str, list[ast.stmt]] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names[node.name] = node.body
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = []
    return names


def test_the_page_names_tests() -> None:
    assert len(NAMED) > 40


@pytest.mark.parametrize("name", NAMED)
def test_every_test_that_the_page_names_exists(name: str) -> None:
    file, *parts = name.split("::")
    body = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
    for part in parts:
        assert part.lower().startswith("test")
        assert part in names_in(body)
        body = names_in(body)[part]


def test_every_row_of_a_promise_names_a_test() -> None:
    promises = [row for row in PAGE.partition("## Backup")[0].splitlines() if row.startswith("| ")]
    without = [row for row in promises if "::" not in row]
    assert set(without) == {"| promise | held by |"}


def test_every_exit_code_is_there() -> None:
    rows = re.findall(r"^\| (\d+) \| ([A-Z]+) \|", PAGE, re.MULTILINE)
    assert {name: int(code) for code, name in rows} == {code.name: code.value for code in ExitCode}
