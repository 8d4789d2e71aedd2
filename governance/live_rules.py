"""What a job is in the running code: reads the model, the states, the queue and the migrations and compares.

Run as a module in the root of a checkout, it checks that checkout and prints the violations as JSON.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, text
from sqlalchemy.orm import DeclarativeBase

from governance.job_rules import difference
from governance.rulebook import Rule, Rulebook, load_rulebook
from governance.sources import Violation

BASE, MODEL, STATUSES = "job_api/core/database.py", "job_api/models/job.py", "shared/contract/job_status.py"
QUEUES, MIGRATIONS = "job_api/queue", "migrations"

JOB_ID = "6f9619ff-8b86-4011-b42d-00cf4fc964ff"
_SCHEMA = text("SELECT * FROM information_schema.columns WHERE table_name <> 'alembic_version'")

Facts = Iterator[tuple[str, Rule, set[str]]]
"""The file that a fact comes from, the rule that it is compared by, and what is found."""


def live_violations(rules: Rulebook) -> Iterator[Violation]:
    """Yield what differs from the rules in the checkout in the working directory, and what cannot be read."""
    checks: tuple[tuple[str, Rule, Callable[[], Facts]], ...] = (
        (BASE, "one-base", _bases), (MODEL, "eight-columns", _model), (STATUSES, "four-statuses", _statuses),
        (QUEUES, "queue-payload", _payloads), (MIGRATIONS, "eight-columns", _migrations),
    )  # fmt: skip
    for path, rule, facts in checks:
        try:
            yield from _compared(facts(), rules)
        except Exception as error:  # noqa: BLE001 (whatever it is, nothing shows that the rule is kept)
            yield Violation(path, 1, rule, f"this cannot be checked: {error!r}".replace("\n", " "), "restore it")


def _compared(facts: Facts, rules: Rulebook) -> Iterator[Violation]:
    expected: dict[Rule, tuple[str, set[str]]] = {
        "one-base": ("declarative bases", {"job_api.core.database.Base"}),
        "eight-columns": ("columns", {f"{rules.job.table}.{column}" for column in rules.job.columns}),
        "four-statuses": ("states of a job", set(rules.job.statuses)),
        "queue-payload": ("payloads", {repr(JOB_ID)}),
    }
    reported = {""}
    for path, rule, found in facts:
        what, right = expected[rule]
        if (wrong := difference(what, found, right)) not in reported:
            reported.add(wrong)  # once, and not for every later migration
            yield Violation(path, _line(path, found ^ right), rule, wrong, f"keep to {', '.join(sorted(right))}")


def _bases() -> Facts:
    _import(MODEL)
    yield BASE, "one-base", {f"{base.__module__}.{base.__qualname__}" for base in DeclarativeBase.__subclasses__()}


def _model() -> Facts:
    table = _import(MODEL).Job.__table__
    yield MODEL, "eight-columns", {str(column) for each in table.metadata.tables.values() for column in each.columns}
    yield MODEL, "four-statuses", set(table.columns["status"].type.enums)


def _statuses() -> Facts:
    yield STATUSES, "four-statuses", {status.value for status in _import(STATUSES).JobStatus}


def _payloads() -> Facts:
    """Hand payloads to the queue, of which it may take one, and read what it gives out."""
    queue = _import(f"{QUEUES}/memory_queue.py").MemoryQueue()
    for payload in (JOB_ID, JOB_ID.upper(), "job 1", UUID(JOB_ID), {"job_id": JOB_ID}):
        with suppress(ValueError):
            queue.enqueue(payload)
    yield f"{QUEUES}/base.py", "queue-payload", {repr(queue.dequeue()) for _ in range(queue.size())}


def _migrations() -> Facts:
    """Run each migration on a database in memory, and read the schema after it."""
    config = Config()
    config.set_main_option("script_location", MIGRATIONS)
    with create_engine("duckdb:///:memory:").connect() as connection:
        config.attributes["connection"] = connection
        for revision in reversed(list(ScriptDirectory.from_config(config).walk_revisions())):
            command.upgrade(config, revision.revision)
            path, rows = Path(revision.path).relative_to(Path.cwd()).as_posix(), connection.execute(_SCHEMA).all()
            yield path, "eight-columns", {f"{row.table_name}.{row.column_name}" for row in rows}
            yield path, "four-statuses", {state for row in rows for state in re.findall(r"'(\w+)'", row.data_type)}


def _import(path: str) -> Any:
    return import_module(path.removesuffix(".py").replace("/", "."))


def _line(path: str, names: set[str]) -> int:
    """Return the first line that holds the last part of a name, or 1."""
    words = {name.rpartition(".")[2] for name in names}
    lines = enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1)
    return next((number for number, line in lines if words & set(re.findall(r"\w+", line))), 1)


if __name__ == "__main__":
    print(json.dumps(list(live_violations(load_rulebook(Path.cwd())))))
