"""Which libraries the code may use, and which of their names."""

import ast
import re
import tomllib
from collections.abc import Iterator
from itertools import chain

from governance.rulebook import ForbiddenImport, Rulebook
from governance.sources import PythonSource, Source, Violation

__all__ = ["address_violations", "dependency_violations", "import_violations", "name_violations"]

_IMPORTERS = ("importlib.import_module", "import_module", "__import__", "importlib.util.find_spec")


def import_violations(source: PythonSource, rules: Rulebook) -> Iterator[Violation]:
    """Yields every import of a backend that is forbidden, those by a string too."""
    for node in source.nodes:
        for module in _imported_by(source, node):
            for rule in rules.forbidden_imports:
                if any(module == name or module.startswith(f"{name}.") for name in rule.modules):
                    yield _backend_violation(source, getattr(node, "lineno", 1), f"import of {module}", rule)
                    break


def address_violations(source: Source, rules: Rulebook) -> Iterator[Violation]:
    """Yields every address of a forbidden backend: SQLAlchemy and others import what an address names."""
    for number, line in enumerate(source.text.splitlines(), 1):
        for rule in rules.forbidden_imports:
            schemes = "|".join(map(re.escape, rule.schemes))
            if schemes and re.search(rf"(?<![\w+])(?:{schemes})(?:\+\w+)?://", line):
                yield _backend_violation(source, number, "an address of it", rule)


def dependency_violations(source: Source, rules: Rulebook) -> Iterator[Violation]:
    """Yields every forbidden package that `pyproject.toml` declares."""
    project = tomllib.loads(source.text).get("project", {})
    extras = project.get("optional-dependencies", {}).values()
    for requirement in chain(project.get("dependencies", []), *extras):
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0].lower().replace("_", "-")
        for rule in rules.forbidden_imports:
            if name in rule.packages:
                line = source.text[: source.text.index(requirement)].count("\n") + 1
                yield _backend_violation(source, line, f"dependency on {requirement!r}", rule)


def name_violations(source: PythonSource, rules: Rulebook) -> Iterator[Violation]:
    """Yields every use of a forbidden name, also as a string (`getattr`), and of services added beside the contract."""
    for node in source.nodes:
        for name in _names_of(node):
            for rule in rules.forbidden_names:
                if name in rule.names:
                    yield source.violation(getattr(node, "lineno", 1), rule.rule, f"use of {name}", rule.instead)


def _backend_violation(source: Source, line: int, what: str, rule: ForbiddenImport) -> Violation:
    return source.violation(line, "forbidden-import", f"{what} ({rule.backend})", rule.instead)


def _imported_by(source: PythonSource, node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module or ''}.{alias.name}" for alias in node.names]
    if isinstance(node, ast.Call) and source.full_name(node.func) in _IMPORTERS and node.args:
        first = node.args[0]
        return [str(first.value)] if isinstance(first, ast.Constant) else []
    return []


def _names_of(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name):
        yield node.id
    elif isinstance(node, ast.Attribute):
        yield node.attr
    elif isinstance(node, ast.alias):
        yield node.name
    elif isinstance(node, ast.keyword) and node.arg:
        yield node.arg
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
