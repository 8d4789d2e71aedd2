"""DuckDB's write-ahead log: when it is merged into the file of the database, and whether it is still there."""

import logging
import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path

import duckdb
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session, sessionmaker

from job_api.disk.files import is_replaced

CHECKPOINT_BYTES = 1_000_000
"""DuckDB's log is merged into the file at this size: replay after a crash takes under a second (7 s at 16 MB)."""
CHECKPOINT_BLOCKS_BYTES = 16 * 256 * 1024
"""What a checkpoint may write beside the rows: blocks that are hardly used, one for each column, index and list."""

logger = logging.getLogger(__name__)


class WriteAheadLog:
    """The log of a database that is kept in a file.

    Args:
        file: The database's file.
        engine: The database's engine.
        sessions: Its sessions.
        checkpoint_bytes: At which size the log is merged into the file.
    """

    def __init__(
        self, file: Path, engine: Engine, sessions: sessionmaker[Session], checkpoint_bytes: int = CHECKPOINT_BYTES
    ) -> None:
        self._file = file
        self._log_file = Path(os.fspath(file) + ".wal")
        self._engine = engine
        self._checkpoint_bytes = checkpoint_bytes
        self._begun: os.stat_result | None = None
        self._merging = threading.Lock()
        self._has_commits = False
        event.listen(engine, "commit", self._note_commit)
        event.listen(sessions, "after_commit", self._note_log)

    def open(self) -> None:
        """Take over the log that an earlier process left, once the database is open."""
        self._has_commits = self._size_bytes() > 0

    def is_gone(self) -> bool:
        """Return whether the log was deleted, moved or replaced since it was begun; its rows are in memory."""
        if not self._merging.acquire(blocking=False):
            return False  # while it merges the log, DuckDB itself deletes it
        try:
            self._size_bytes()
            return self._begun is not None and is_replaced(self._log_file, self._begun)
        except OSError:
            return False  # a disk that does not answer may come back
        finally:
            self._merging.release()

    def merge_if_long(self) -> None:
        """Merge the log into the file where it is long and the disk has room for it.

        DuckDB would do so by itself, but it declares the database invalid where the disk is full before the merge has
        ended. Without room the log grows; a write that it has no space for is refused, and that is all.
        """
        with self._merging:
            if self._size_bytes() >= self._checkpoint_bytes:
                self._merge()

    def close(self) -> None:
        """Merge what was committed where there is room: the log may be gone, but what it held is in memory."""
        with self._merging:
            if self._has_commits:
                self._merge()

    def _note_commit(self, _: Connection) -> None:
        self._has_commits = True

    def _note_log(self, _: Session) -> None:
        """Remember the log before the caller of a write has its answer: from then on it must not vanish unnoticed."""
        if self._begun is None:
            with self._merging, suppress(OSError):
                self._size_bytes()

    def _merge(self) -> None:
        try:
            if self._has_room():
                self._has_commits = False
                with self._engine.connect() as connection:
                    connection.exec_driver_sql("CHECKPOINT")
                self._begun = None
        except (OSError, DBAPIError) as error:
            self._has_commits = True
            if not isinstance(getattr(error, "orig", None), duckdb.TransactionException):  # a reader is under way
                logger.warning("log of the database not merged", extra={"error": str(getattr(error, "orig", error))})

    def _size_bytes(self) -> int:
        """Return how long the log is, 0 where there is none, and remember which file it is."""
        try:
            log = self._log_file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return 0
        self._begun = self._begun or log
        return log.st_size

    def _has_room(self) -> bool:
        """Return whether the disk takes all rows a second time, those of the log in whatever form."""
        needed_bytes = self._file.stat().st_size + 2 * self._size_bytes() + CHECKPOINT_BLOCKS_BYTES
        return shutil.disk_usage(self._file.parent).free >= needed_bytes
