"""The database: what a call costs beside DuckDB's own work."""

from typing import Any
from uuid import uuid4

import pytest

from job_api.core.database import Database
from job_api.core.group_writer import GroupWriter
from job_api.repositories.jobs import JobRepository

pytestmark = pytest.mark.unit


def test_a_query_is_turned_into_sql_once(
    database: Database, writer: GroupWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = JobRepository(database, writer)
    compiler: Any = database.engine.dialect.statement_compiler
    made = []

    def counted(dialect: Any, statement: Any, **options: Any) -> Any:
        if statement is not None:
            made.append(statement)
        return compiler(dialect, statement, **options)

    monkeypatch.setattr(database.engine.dialect, "statement_compiler", counted)
    assert [repository.get(uuid4()) for _ in range(5)] == [None] * 5
    assert len(made) == 1
    assert [repository.newest(None, None, count) for count in (1, 2, 3)] == [[], [], []]
    assert len(made) == 2
