"""The database: what a call costs beside DuckDB's own work."""

from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import event, make_url
from sqlalchemy.engine.interfaces import CacheStats

from job_api.core.database import Database
from job_api.core.group_writer import GroupWriter
from job_api.repositories.jobs import JobRepository

pytestmark = pytest.mark.unit


def test_a_query_is_turned_into_sql_once(database: Database, writer: GroupWriter) -> None:
    repository = JobRepository(database, writer)
    made = []

    @event.listens_for(database.engine, "before_cursor_execute")
    def note(*call: Any) -> None:
        if (context := call[4]).cache_hit is not CacheStats.CACHE_HIT:
            made.append(context)

    assert [repository.get(uuid4()) for _ in range(5)] == [None] * 5
    assert len(made) == 1
    assert [repository.newest(None, None, count) for count in (1, 2, 3)] == [[], [], []]
    assert len(made) == 2


@pytest.mark.parametrize("is_in_memory", [True, False])
def test_a_database_that_keeps_no_job_beyond_a_stop_says_so(
    caplog: pytest.LogCaptureFixture, tmp_path: Path, is_in_memory: bool
) -> None:
    name = f":memory:{uuid4().hex}" if is_in_memory else str(tmp_path / "jobs.duckdb")
    database = Database(make_url(f"duckdb:///{name}"))
    database.open()
    database.close()
    assert ("all jobs are lost" in caplog.text) is is_in_memory
