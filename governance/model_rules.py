"""What a job is in the database: one base, one table, eight columns."""

import ast
import re
from collections.abc import Iterator, Sequence

from governance.rulebook import JobRules
from governance.sources import PythonSource, Violation

__all__ = ["base_violations", "column_violations", "migration_violations"]

_BASE_MAKERS = {"DeclarativeBase", "DeclarativeBaseNoMeta", "declarative_base", "as_declarative", "automap_base"}
_BASE_MAKERS_BY_FULL_NAME = {"sqlalchemy.orm.registry", "sqlalchemy.orm.decl_api.registry"}
_COLUMN_MAKERS = {"mapped_column", "Column"}
_TABLE_MAKERS = {"sqlalchemy.Table", "sqlalchemy.schema.Table"}
_SCHEMA_BY_TEXT = re.compile(r"\b(?:ALTER|CREATE)\s+(?:OR\s+REPLACE\s+)?(?:TEMP\w*\s+)?TABLE\b", re.IGNORECASE)

_ONLY_THESE = "keep to the columns of the rules: leases and counts live in memory, progress is derived"


def base_violations(sources: Sequence[PythonSource], rules: JobRules) -> Iterator[Violation]:
    """Yields every declarative base but the one, and its absence."""
    found = 0
    for source in sources:
        for node in _uses_of_base_makers(source):
            if source.path == rules.base_module and not found:
                found = 1
                continue
            yield source.violation(node.lineno, "one-base", "a second declarative base", f"use {rules.base_module}")
    if not found:
        yield Violation(rules.base_module, 1, "one-base", "the declarative base is not there", "define Base here alone")


def _uses_of_base_makers(source: PythonSource) -> list[ast.expr]:
    """Returns where a base is made. An import alone makes none, and an attribute holds no use beside its own."""
    uses = [
        node
        for node in source.nodes
        if isinstance(node, ast.Name | ast.Attribute)
        and (source.last_name(node) in _BASE_MAKERS or source.full_name(node) in _BASE_MAKERS_BY_FULL_NAME)
    ]
    return sorted(uses, key=lambda node: node.lineno)


def column_violations(sources: Sequence[PythonSource], rules: JobRules) -> Iterator[Violation]:
    """Yields every table but the one, and every column that it has beside its own or lacks."""
    tables = [(source, node) for source in sources for node in source.classes() if _table_of(node) is not None]
    for source, node in tables:
        if _table_of(node) != rules.table:
            yield source.violation(node.lineno, "eight-columns", f"a second table {_table_of(node)!r}", _ONLY_THESE)
    models = [(source, node) for source, node in tables if _table_of(node) == rules.table]
    if len(models) != 1:
        path, line = (models[1][0].path, models[1][1].lineno) if models else (rules.base_module, 1)
        yield Violation(path, line, "eight-columns", f"{len(models)} models of {rules.table!r}", "define it once")
    for source in sources:
        model = next((node for its, node in models if its is source), None)
        yield from _columns_of_module(source, model, rules)


def _columns_of_module(source: PythonSource, model: ast.ClassDef | None, rules: JobRules) -> Iterator[Violation]:
    own = _columns_of(source, model) if model else {}
    for name, statement in own.items():
        if name not in rules.columns:
            yield source.violation(statement.lineno, "eight-columns", f"a column {name!r}", _ONLY_THESE)
    for name in rules.columns if model else ():
        if name not in own and model:
            yield source.violation(model.lineno, "eight-columns", f"no column {name!r}", "restore it")
    within = {id(node) for statement in own.values() for node in ast.walk(statement)}
    for node in source.nodes:
        if id(node) not in within and _makes_column(source, node):
            yield source.violation(getattr(node, "lineno", 1), "eight-columns", "a column of its own", _ONLY_THESE)


def _table_of(node: ast.ClassDef) -> str | None:
    for statement in node.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and _target_of(statement) == "__tablename__":
            return str(statement.value.value) if isinstance(statement.value, ast.Constant) else "?"
    return None


def _columns_of(source: PythonSource, model: ast.ClassDef) -> dict[str, ast.stmt]:
    """Returns the statements of a model that make a column, by its name."""
    statements = [node for node in model.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    return {
        _target_of(statement): statement
        for statement in statements
        if any(_makes_column(source, node) for node in ast.walk(statement))
    }


def _target_of(statement: ast.Assign | ast.AnnAssign) -> str:
    target = statement.targets[0] if isinstance(statement, ast.Assign) else statement.target
    return ast.unparse(target)


def _makes_column(source: PythonSource, node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        name = source.full_name(node.func)
        is_sqlalchemys = (
            name.startswith("sqlalchemy.") or "." not in name
        )  # others have columns too, of tables to print
        return name in _TABLE_MAKERS or (is_sqlalchemys and source.last_name(node.func) in _COLUMN_MAKERS)
    return isinstance(node, ast.AnnAssign) and source.last_name(node.annotation) == "Mapped"


def migration_violations(source: PythonSource, rules: JobRules) -> Iterator[Violation]:
    """Yields every table and column of a migration that is none of the job's, and what cannot be read."""
    for call in source.calls():
        name, first = source.last_name(call.func), _text_of(call.args[0]) if call.args else None
        if name == "create_table":
            if first != rules.table:
                yield source.violation(call.lineno, "eight-columns", f"a second table {first!r}", _ONLY_THESE)
            yield from _missing_columns(source, call, rules)
        elif name == "Column" and first not in rules.columns:
            yield source.violation(call.lineno, "eight-columns", f"a column {first!r}", _ONLY_THESE)
    yield from _dropped_columns(source, rules)
    for node in source.nodes:
        if isinstance(node, ast.keyword) and node.arg in {"new_column_name", "new_table_name"}:
            yield source.violation(node.value.lineno, "eight-columns", "a new name of a column or table", _ONLY_THESE)
        elif isinstance(node, ast.Constant) and _SCHEMA_BY_TEXT.search(str(node.value)):
            instead = "use alembic's op, so that its columns can be read"
            yield source.violation(node.lineno, "eight-columns", "a table made or changed by SQL text", instead)


def _dropped_columns(source: PythonSource, rules: JobRules) -> Iterator[Violation]:
    upgrades = [node for node in source.nodes if isinstance(node, ast.FunctionDef) and node.name == "upgrade"]
    for call in (node for upgrade in upgrades for node in ast.walk(upgrade) if isinstance(node, ast.Call)):
        if source.last_name(call.func) in {"drop_column", "drop_table"}:
            dropped = {_text_of(argument) for argument in call.args} & {rules.table, *rules.columns}
            if dropped:
                yield source.violation(
                    call.lineno, "eight-columns", f"an upgrade drops {dropped}", "keep what a job is"
                )


def _missing_columns(source: PythonSource, call: ast.Call, rules: JobRules) -> Iterator[Violation]:
    columns = [argument for argument in call.args if isinstance(argument, ast.Call)]
    made = {_text_of(column.args[0]) for column in columns if column.args}
    for name in rules.columns:
        if name not in made:
            yield source.violation(call.lineno, "eight-columns", f"no column {name!r}", "restore it")


def _text_of(node: ast.expr) -> str | None:
    return str(node.value) if isinstance(node, ast.Constant) else None
