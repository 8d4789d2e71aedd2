"""The one database: DuckDB, which belongs to this process alone while it runs.

`Base`, `engine`, `SessionLocal` and `get_db` belong to the database that the environment names; a server builds its own
`Database` from its settings.
"""

import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
from sqlalchemy import URL, Engine, ExceptionContext, create_engine, dialects, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.pool import NullPool

from job_api.core.write_ahead_log import CHECKPOINT_BYTES, WriteAheadLog
from job_api.core.write_health import STUCK_SECONDS, WriteHealth
from job_api.disk.errors import system_reason
from job_api.disk.files import is_replaced

DEFAULT_DATABASE_URL = "duckdb:///data/foregsyte.duckdb"

_NOT_FOR_DUCKDB = re.compile(r"[?\\\udc80-\udcff]")
r"""DuckDB would put its log into another folder (what follows `?` are options for it), or the database itself (it takes
`\` for `/`), whatever way leads to the folder, for it follows links. It takes no bytes that are not UTF-8."""

# Else every start reads what all installed packages register.
dialects.registry.register("duckdb", "duckdb_engine", "Dialect")

logger = logging.getLogger(__name__)

engine: Engine
SessionLocal: sessionmaker[Session]


class Base(DeclarativeBase):
    """The one declarative base."""


class DatabaseUnavailable(Exception):
    """The database cannot be used; the message names the file and says what to do."""


class Database:
    """An engine without a pool, its sessions, and one connection held open.

    DuckDB loads its file when the first connection opens and unloads it when the last one closes. With `NullPool`
    every session would pay for that, so one connection stays open as long as the database is. Nothing runs on it: a
    transaction left open there would prevent checkpoints.

    Args:
        url: Where the database is.
        checkpoint_bytes: At which size its log is merged into its file.
        stuck_seconds: How long a write may take.

    Attributes:
        failed: Set once DuckDB has declared the database invalid, as it does where its log cannot be synced. It could
            be opened again, but nobody would know which of the last writes are in it: only a start finds that out.
        health: Whether the disk takes what is written.
    """

    def __init__(
        self,
        url: str | URL,
        *,
        checkpoint_bytes: int = CHECKPOINT_BYTES,
        stuck_seconds: float = STUCK_SECONDS,
    ) -> None:
        self.url = _exact(make_url(url))
        self.engine = _make_engine(self.url)
        self.sessions = sessionmaker(self.engine, expire_on_commit=False)
        self.failed = threading.Event()
        self.health = WriteHealth(stuck_seconds)
        self._open_connection: Any = None
        self._opened: os.stat_result | None = None
        self._log = WriteAheadLog(self.file, self.engine, self.sessions, checkpoint_bytes) if self.file else None
        event.listen(self.engine, "handle_error", self._note_failure)

    def _note_failure(self, context: ExceptionContext) -> None:
        if isinstance(context.original_exception, duckdb.FatalException):
            self.failed.set()

    @property
    def file(self) -> Path | None:
        """The database's file, or None for one in memory."""
        name = self.url.database or ":memory:"
        return None if name.startswith(":memory:") else Path(name)

    def name_in(self, folder: Path) -> str:
        """Return what tells the database from others: its path, within the folder if it is there, for that may move."""
        file, folder = self.file, folder.resolve()
        return str(file.relative_to(folder) if file and file.is_relative_to(folder) else file or "in memory")

    def open(self) -> None:
        """Open the database, making its folder where there is none.

        Raises:
            DatabaseUnavailable: Another process holds the file, or it is damaged or cannot be read.
        """
        with self.driver_errors_translated():
            if self.file:
                _check_name(self.file)
                self.file.parent.mkdir(parents=True, exist_ok=True)
            else:
                logger.warning("the database is in memory: all jobs are lost when this process ends")
            self._open_connection = self.engine.raw_connection()
            with self.engine.connect() as connection:
                connection.exec_driver_sql("PRAGMA disable_checkpoint_on_shutdown")
            if self.file and self._log:
                self._opened = self.file.stat()
                self._log.open()

    def is_gone(self) -> bool:
        """Return whether the file was deleted, moved or replaced since it was opened."""
        return self.file is not None and self._opened is not None and is_replaced(self.file, self._opened)

    def is_log_gone(self) -> bool:
        """Return whether DuckDB's log was deleted, moved or replaced since it was begun; its rows are in memory."""
        return self._log is not None and self._log.is_gone()

    def checkpoint(self) -> None:
        """Merge DuckDB's log into the file where the log is long and the disk has room for it."""
        if self._log:
            self._log.merge_if_long()

    def try_to_write(self) -> None:
        """Write what is there already, the schema's version: where the disk takes it, `health.is_refused` ends."""
        try:
            with self.engine.begin() as connection:
                connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
        except (OSError, DBAPIError):
            return
        self.health.note(is_refused=False)

    @contextmanager
    def driver_errors_translated(self) -> Iterator[None]:
        """Translate the driver's errors about a database that cannot be used.

        Raises:
            DatabaseUnavailable: The block met such an error.
        """
        try:
            yield
        except (duckdb.Error, DBAPIError, OSError) as error:
            raise DatabaseUnavailable(_problem(self.file, str(getattr(error, "orig", error)))) from error

    def close(self) -> None:
        """Close the database, its log merged into the file where there is room."""
        if self._open_connection is not None:
            if self._log:
                self._log.close()
            self._open_connection.close()
            self._open_connection = None
        self.engine.dispose()


def database_url() -> str:
    """Return the URL that `FOREGSYTE_DATABASE_URL` names, or the default; an empty variable is not set."""
    return os.environ.get("FOREGSYTE_DATABASE_URL") or DEFAULT_DATABASE_URL


def _exact(url: URL) -> URL:
    """Return the URL with a name that DuckDB takes as it is."""
    name = url.database or ":memory:"
    if name == ":memory:":
        return url.set(database=name + uuid4().hex)  # named: sessions share it
    if name.startswith(":memory:"):
        return url
    return url.set(database=str(Path(name).resolve()))  # else "a:b" is one of another kind, and "~" the home


def _make_engine(url: URL) -> Engine:
    config = {
        "checkpoint_threshold": "1TB",  # never by itself: see `WriteAheadLog.merge_if_long`
        "autoinstall_known_extensions": "false",  # a file of another kind is refused, not looked up on the network
        "autoload_known_extensions": "false",
    }
    # A connection is closed, not returned to a pool: a rollback on return would be the second one.
    engine = create_engine(url, poolclass=NullPool, pool_reset_on_return=None, connect_args={"config": config})
    # The dialect leaves this off. It compiles statements like PostgreSQL's, which has it on.
    type(engine.dialect).supports_statement_cache = True
    return engine


def _check_name(file: Path) -> None:
    if wrong := _NOT_FOR_DUCKDB.search(str(file)):
        raise DatabaseUnavailable(
            f"DuckDB does not take {wrong[0]} in the path of a database, as in {file}: name another --data-dir, or a "
            "--database-url without it"
        )


def _problem(file: Path | None, cause: str) -> str:
    """Return what is wrong with the database and what to do, from the driver's message."""
    holder = re.search(r"Conflicting lock is held.*?\(PID (\d+)\)", cause)
    if holder or "set lock on file" in cause:
        who = f"another process (PID {holder[1]})" if holder else "another process"
        return f"the database {file} is held by {who}: only one server can use it; stop that one"
    if reason := system_reason(cause):
        return f"the database {file} cannot be opened or written: {reason}"
    return f"the database {file} cannot be opened, it was left as it is; restore it from a backup ({cause.strip()})"


@cache
def _default() -> Database:
    return Database(database_url())


def __getattr__(name: str) -> Any:
    """Make `engine` and `SessionLocal` on first use: importing this module must not fail on a wrong URL."""
    if name == "engine":
        return _default().engine
    if name == "SessionLocal":
        return _default().sessions
    raise AttributeError(name)


def get_db() -> Iterator[Session]:
    """Yield a session of the environment's database and always close it."""
    session = _default().sessions()
    try:
        yield session
    finally:
        session.close()
