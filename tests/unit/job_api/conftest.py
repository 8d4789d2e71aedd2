"""What several tests of the server's units stand on."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from job_api.core.database import Database
from job_api.core.group_writer import GroupWriter
from job_api.core.migrations import migrate


@pytest.fixture
def database() -> Iterator[Database]:
    """A migrated database in memory."""
    database = Database(f"duckdb:///:memory:{uuid4().hex}")
    database.open()
    migrate(database)
    yield database
    database.close()


@pytest.fixture
def writer(database: Database) -> Iterator[GroupWriter]:
    """A writer at work on it."""
    writer = GroupWriter(database.sessions)
    writer.start()
    yield writer
    writer.close()
