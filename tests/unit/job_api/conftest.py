"""What several tests of the server's units stand on."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from job_api.core.database import Database
from job_api.core.group_writer import GroupWriter
from job_api.core.migrations import migrate
from tests.support.adapters import HookedStorage, JobHooks, RecordingQueue


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
    writer = GroupWriter(database)
    writer.start()
    yield writer
    writer.close()


@pytest.fixture
def storage() -> HookedStorage:
    """A storage in memory that calls what a test hooks into it."""
    return HookedStorage()


@pytest.fixture
def queue() -> RecordingQueue:
    """A queue that records what passes through it."""
    return RecordingQueue()


@pytest.fixture
def jobs() -> JobHooks:
    """Repositories that call what a test hooks into them."""
    return JobHooks()
