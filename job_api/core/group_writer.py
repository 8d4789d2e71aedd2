"""Writes to the database: one thread that commits all waiting writes as one transaction.

A commit costs about a millisecond whatever is in it, and DuckDB refuses the second of two transactions that touch one
row. One writer has no conflicts, and the more callers wait, the more writes each commit contains.
"""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from job_api.core.database import Database
from job_api.disk.errors import disk_error
from job_api.errors import StorageUnavailable

logger = logging.getLogger(__name__)

T = TypeVar("T")

_Write = tuple[Callable[[Session], Any], "Future[Any]"]

MAX_GROUP = 128
"""The most writes in one commit: beyond it a commit gains nothing (7,100 a second at 128) and callers wait longer."""


class GroupWriter:
    """Runs writes one after the other and commits them in groups; between two of them, it checkpoints."""

    def __init__(self, database: Database, max_group: int = MAX_GROUP) -> None:
        self._database = database
        self._max_group = max_group
        self._waiting: SimpleQueue[_Write | None] = SimpleQueue()
        self._closing = threading.Lock()
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="group-writer", daemon=True)

    @property
    def waiting(self) -> int:
        """The number of writes that wait."""
        return self._waiting.qsize()

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def close(self) -> None:
        """Commit the waiting writes and stop the thread."""
        with self._closing:
            self._is_closed = True
            self._waiting.put(None)
        self._thread.join()

    def run(self, write: Callable[[Session], T]) -> T:
        """Run a write; return its result once it is committed.

        Args:
            write: Uses the session. Whatever else it does must be safe to repeat: where a group fails, its writes run
                again one by one.

        Raises:
            DiskLow: There is no space for it; nothing was written. DuckDB rolls back, and works again with space.
            Exception: Whatever else the write or its commit raised; nothing was written.
        """
        done: Future[T] = Future()
        with self._closing:
            if self._is_closed:
                raise RuntimeError("the writer is closed")
            self._waiting.put((write, done))
        return done.result()

    def _run(self) -> None:
        while group := self._next_group():
            with self._database.health.writing():
                self._commit(group)
                self._checkpoint()

    def _checkpoint(self) -> None:
        try:
            self._database.checkpoint()
        except Exception as error:  # noqa: BLE001 (the writes go on, and after the next of them it is tried again)
            logger.warning("log of the database not merged", extra={"error": repr(error)})

    def _next_group(self) -> list[_Write]:
        """Wait for a write and take all that wait behind it; return none when the writer is closed."""
        group: list[_Write] = []
        item = self._waiting.get()
        while item is not None:
            group.append(item)
            if len(group) == self._max_group:
                break
            try:
                item = self._waiting.get_nowait()
            except Empty:
                break
        else:
            if group:  # commit these first, then find the end again
                self._waiting.put(None)
        return group

    def _commit(self, group: list[_Write]) -> None:
        try:
            with self._database.sessions.begin() as session:
                results = [write(session) for write, _ in group]
        except Exception as error:  # noqa: BLE001 (the caller of the write gets it)
            if len(group) == 1:
                refusal = disk_error(error)
                if refusal:
                    refusal.__cause__ = error
                if isinstance(refusal, StorageUnavailable):
                    self._database.health.note(is_refused=True)
                group[0][1].set_exception(refusal or error)
                return
            logger.warning("group of writes failed, running them one by one", extra={"writes": len(group)})
            for write in group:
                self._commit([write])
        else:
            self._database.health.note(is_refused=False)
            for (_, done), result in zip(group, results, strict=True):
                done.set_result(result)
