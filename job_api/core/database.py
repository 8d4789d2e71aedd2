"""The one database: DuckDB, which belongs to this process alone while it runs.

`Base`, `engine`, `SessionLocal` and `get_db` belong to the database that the environment names; a server builds its own
`Database` from its settings.
"""

import logging
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import duckdb
from sqlalchemy import URL, Connection, Engine, ExceptionContext, create_engine, dialects, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.pool import NullPool

from job_api.disk.errors import system_reason
from job_api.disk.files import is_replaced

DEFAULT_DATABASE_URL = "duckdb:///data/foregsyte.duckdb"

CHECKPOINT_BYTES = 1_000_000
"""DuckDB's log is merged into the file at this size: replay after a crash takes under a second (7 s at 16 MB)."""
CHECKPOINT_BLOCKS_BYTES = 16 * 256 * 1024
"""What a checkpoint may write beside the rows: blocks that are hardly used, one for each column, index and list."""
STUCK_SECONDS = 5.0
"""How long a commit or a checkpoint may take before health says that the disk does not take writes."""

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
    """

    def __init__(
        self,
        url: str | URL,
        *,
        checkpoint_bytes: int = CHECKPOINT_BYTES,
        stuck_seconds: float = STUCK_SECONDS,
    ) -> None:
        self.url = _exact(make_url(url))
        self._checkpoint_bytes = checkpoint_bytes
        self._stuck_seconds = stuck_seconds
        self.engine = _make_engine(self.url)
        self.sessions = sessionmaker(self.engine, expire_on_commit=False)
        self.failed = threading.Event()
        self._is_refused = False
        self._writing_since: float | None = None
        self._open_connection: Any = None
        self._opened: os.stat_result | None = None
        self._log: os.stat_result | None = None
        self._merging = threading.Lock()
        self._has_commits = False
        event.listen(self.engine, "handle_error", self._note_failure)
        event.listen(self.engine, "commit", self._note_commit)
        event.listen(self.sessions, "after_commit", self._note_log)

    def _note_failure(self, context: ExceptionContext) -> None:
        if isinstance(context.original_exception, duckdb.FatalException):
            self.failed.set()

    def _note_commit(self, _: Connection) -> None:
        self._has_commits = True

    def _note_log(self, _: Session) -> None:
        """Remember the log before the caller of a write has its answer: from then on it must not vanish unnoticed."""
        if self.file and self._log is None:
            with self._merging, suppress(OSError):
                self._log_bytes()

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
            self._open_connection = self.engine.raw_connection()
            self._execute("PRAGMA disable_checkpoint_on_shutdown")
            self._opened = self.file.stat() if self.file else None
            self._has_commits = self.file is not None and self._log_bytes() > 0

    def is_gone(self) -> bool:
        """Return whether the file was deleted, moved or replaced since it was opened."""
        return self.file is not None and self._opened is not None and is_replaced(self.file, self._opened)

    def is_log_gone(self) -> bool:
        """Return whether DuckDB's log was deleted, moved or replaced since it was begun; its rows are in memory."""
        if self.file is None or not self._merging.acquire(blocking=False):
            return False  # while it merges the log, DuckDB itself deletes it
        try:
            self._log_bytes()
            return self._log is not None and is_replaced(self._log_file, self._log)
        except OSError:
            return False  # a disk that does not answer may come back
        finally:
            self._merging.release()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Measure how long the write takes that the block makes; there is one at a time."""
        self._writing_since = time.monotonic()
        try:
            yield
        finally:
            self._writing_since = None

    def note_write(self, *, is_refused: bool) -> None:
        """Note whether the disk refused what was written."""
        self._is_refused = is_refused

    def is_refused(self) -> bool:
        """Return whether the disk refused the last write."""
        return self._is_refused

    def is_stuck(self) -> bool:
        """Return whether the write that is under way takes so long that the disk may never answer."""
        began = self._writing_since
        return began is not None and time.monotonic() - began > self._stuck_seconds

    def try_to_write(self) -> None:
        """Write what is there already, the schema's version: where the disk takes it, `is_refused` ends."""
        try:
            with self.engine.begin() as connection:
                connection.exec_driver_sql("UPDATE alembic_version SET version_num = version_num")
        except (OSError, DBAPIError):
            return
        self.note_write(is_refused=False)

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

    def checkpoint(self) -> None:
        """Merge DuckDB's log into the file where the log is long and the disk has room for it.

        DuckDB would do so by itself, but it declares the database invalid where the disk is full before the merge has
        ended. Without room the log grows; a write that it has no space for is refused, and that is all.
        """
        with self._merging:
            if self.file and self._log_bytes() >= self._checkpoint_bytes:
                self._merge(self.file)

    def _merge(self, file: Path) -> None:
        try:
            if self._has_room(file):
                self._has_commits = False
                self._execute("CHECKPOINT")
                self._log = None
        except (OSError, DBAPIError) as error:
            self._has_commits = True
            if not isinstance(getattr(error, "orig", None), duckdb.TransactionException):  # a reader is under way
                logger.warning("log of the database not merged", extra={"error": str(getattr(error, "orig", error))})

    def _execute(self, statement: str) -> None:
        with self.engine.connect() as connection:
            connection.exec_driver_sql(statement)

    @property
    def _log_file(self) -> Path:
        return Path(f"{self.file}.wal")

    def _log_bytes(self) -> int:
        """Return how long DuckDB's log is, 0 where there is none, and remember which file it is."""
        try:
            log = self._log_file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return 0
        self._log = self._log or log
        return log.st_size

    def _has_room(self, file: Path) -> bool:
        """Return whether the disk takes all rows a second time, those of the log in whatever form."""
        needed_bytes = file.stat().st_size + 2 * self._log_bytes() + CHECKPOINT_BLOCKS_BYTES
        return shutil.disk_usage(file.parent).free >= needed_bytes

    def close(self) -> None:
        """Close the database, its log merged into the file where there is room."""
        if self._open_connection is not None:
            with self._merging:
                if self.file and self._has_commits:  # the log may be gone: what it held is in memory
                    self._merge(self.file)
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
        "checkpoint_threshold": "1TB",  # never by itself: see `Database.checkpoint`
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
