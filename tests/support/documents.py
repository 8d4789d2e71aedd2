"""The documents of the project, taken apart: links, code, commands, and the names that the code knows."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]

CODE_FOLDERS = sorted({path.parent.name for path in ROOT.glob("*/*.py")} - {"tests"})
"""Every package at the root, whoever adds it."""

PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("[a-z]*/README.md"), *(ROOT / "docs").rglob("*.md")})
PAGE_NAMES = [path.relative_to(ROOT).as_posix() for path in PAGES]

_SOURCES = (
    *CODE_FOLDERS,
    *("protos", ".github", ".ci/run", "Makefile", "pyproject.toml", "alembic.ini", "requirements"),
    *("docs/phase_16/rollback.sh", "docs/clients", "docs/templates"),
)
_READ = {".py", ".proto", ".yaml", ".yml", ".toml", ".ini", ".txt", ".mako", ".sh", ""}

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")


def text_of(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def prose_of(page: str) -> str:
    """Return a page without its blocks of code."""
    return _FENCE.sub("", text_of(page))


def blocks_of(page: str, language: str) -> list[str]:
    """Return the blocks of code in this language, without the indentation they have in a list."""
    found = (match for match in _FENCE.finditer(text_of(page)) if match[1] == language)
    return [re.sub(r"^ {3}", "", match[2], flags=re.MULTILINE) for match in found]


def links_of(page: str) -> list[str]:
    """Return where the page's links lead, those to other sites left out."""
    return [link for link in _LINK.findall(prose_of(page)) if "://" not in link]


def code_of(page: str) -> list[str]:
    """Return what stands between backticks in the page's sentences."""
    return sorted(set(_CODE.findall(prose_of(page))))


def anchors_of(page: str) -> set[str]:
    """Return the anchors that a code host gives to the page's headings."""
    headings = re.findall(r"^#+ (.+)$", prose_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands_of(page: str) -> list[list[str]]:
    """Return the commands of the page's shell blocks, as words, without comments and anything behind a pipe."""
    lines = "\n".join(blocks_of(page, "sh")).replace("\\\n", " ").splitlines()
    words = (re.sub(r"(^|\s)#.*", "", line).split(" | ")[0].split() for line in lines)
    return [line for line in words if line]


@cache
def known_words() -> frozenset[str]:
    """Return every name that occurs in the code, the contract, the rules and the configuration."""
    text = "\n".join(_source_texts())
    return frozenset(re.findall(r"\w+(?:-\w+)+", text)) | frozenset(re.findall(r"\w+", text))


@cache
def known_flags() -> frozenset[str]:
    """Return every flag that the code names itself; settings make theirs from their fields."""
    return frozenset(re.findall(r"[\"'\s](--[a-z][a-z0-9-]+)\b", "\n".join(_source_texts())))


def _source_texts() -> Iterator[str]:
    for name in _SOURCES:
        path = ROOT / name
        files = [path] if path.is_file() else sorted(path.rglob("*"))
        for file in files:
            if file.is_file() and file.suffix in _READ and "__pycache__" not in file.parts:
                yield file.read_text(encoding="utf-8")


def test_is_there(name: str) -> bool:
    """Whether `tests/a.py::Class::test` is defined."""
    file, *parts = name.split("::")
    if not (ROOT / file).is_file():
        return False
    body = _body_of(file)
    for part in parts:
        names = _names_in(body)
        if part not in names or not part.lower().startswith("test"):
            return False
        body = names[part]
    return True


@cache
def _body_of(file: str) -> list[ast.stmt]:
    return ast.parse((ROOT / file).read_text(encoding="utf-8")).body


test_is_there.__test__ = False  # type: ignore[attr-defined]


def _names_in(body: list[ast.stmt]) -> dict[str, list[ast.stmt]]:
    """Return what is defined in a module or class, with what is defined within it."""
    names: dict[str, list[ast.stmt]] = {}
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names[node.name] = node.body
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = []
    return names
