"""The data folder, which belongs to one server: locked for as long as the process lives, whatever its database is."""

import logging
import os
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec
from filelock import FileLock, Timeout

from job_api.disk.files import is_replaced
from job_api.disk.held_folder import HeldFolder

LOCK_NAME = "foregsyte.lock"
"""Holds who has the folder. The file stays when the lock is released; the kernel releases it however a process ends."""

DATABASE_NAME = "foregsyte.database"
"""Names the database whose jobs the folder holds."""

POLL_SECONDS = 0.1
"""How soon a server that waits for another to end notices that it did."""

logger = logging.getLogger(__name__)


def was_of_another_database(folder: Path, database: str) -> bool:
    """Return whether the jobs in the folder are those of another database than this one, as `note_database` noted."""
    try:
        noted = (folder / DATABASE_NAME).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return noted != database


def note_database(folder: Path, database: str) -> None:
    """Note whose jobs the folder holds from now on, unless its disk is full."""
    with suppress(OSError):
        (folder / DATABASE_NAME).write_text(database, encoding="utf-8")


class _Holder(msgspec.Struct):
    """What the lock file says of the server that has the folder."""

    pid: int | None = None
    shutdown_seconds: float = 0.0


class DataFolderHeld(Exception):
    """Another server has the data folder; the message names both."""


class DataFolderUnusable(Exception):
    """The data folder cannot be made or written; the message names it and says why."""


class DataFolder:
    """A folder that only this process uses once it is locked.

    Args:
        path: The folder.
        folders: The names of those in it that are needed too: each may be a mount of its own.
    """

    def __init__(self, path: Path, folders: Iterable[str] = ()) -> None:
        self._path = path.resolve()
        self._folders = [self._path / name for name in folders]
        self._held: dict[Path, HeldFolder] = {}
        self._lock_file = self._path / LOCK_NAME
        self._lock = FileLock(self._lock_file)
        self._locked: os.stat_result | None = None

    def lock(self, shutdown_seconds: float, stopping: threading.Event) -> bool:
        """Lock the folder, making it where there is none; wait while a server that has it may be stopping.

        Args:
            shutdown_seconds: How long a stop of this process waits for calls: so long the next server waits for it.
            stopping: Ends the wait.

        Returns:
            Whether the folder is locked; if not, `stopping` ended the wait.

        Raises:
            DataFolderHeld: Another server has the folder and did not end within its own `shutdown_seconds`.
            DataFolderUnusable: The folder cannot be made or written.
        """
        try:
            self._path.mkdir(parents=True, exist_ok=True)
            if not self._wait(stopping):
                return False
            self._locked = self._lock_file.stat()
        except OSError as error:
            raise DataFolderUnusable(f"the data folder {self._path} cannot be written: {error.strerror}") from error
        with suppress(OSError):  # it only tells who has the folder, which may be on a full disk
            # Without locks of the file system, filelock finds by what it writes there that a holder has died.
            if not self._lock_file.read_bytes().startswith(b"%d\n" % os.getpid()):
                self._lock_file.write_bytes(msgspec.json.encode(_Holder(os.getpid(), shutdown_seconds)))
        return True

    def unlock(self) -> None:
        """Leave the folder to the next server."""
        for folder in self._held.values():
            folder.close()
        self._lock.release()

    def is_gone(self) -> bool:
        """Return whether the folder was deleted, moved or replaced since it was locked."""
        return self._locked is None or is_replaced(self._lock_file, self._locked)

    def hold_folders(self) -> None:
        """Make the folders in it where there are none, and watch them from now on.

        Raises:
            DataFolderUnusable: One cannot be made, or is no folder.
        """
        for folder in self._folders:
            try:
                self._held[folder] = HeldFolder.made(folder)
            except OSError as error:
                raise DataFolderUnusable(f"the folder {folder} cannot be made or read: {error.strerror}") from error

    def lost_folder(self) -> str | None:
        """Return the name of a folder in it that was deleted, moved or replaced since it was held; None if none was."""
        return next((folder.name for folder, held in self._held.items() if held.is_gone()), None)

    def is_writable(self) -> bool:
        """Return whether files can be made in the folder, and in those of its folders that are held."""
        return all(os.access(folder, os.W_OK | os.X_OK) for folder in (self._path, *self._held))

    def _wait(self, stopping: threading.Event) -> bool:
        deadline: float | None = None
        while True:
            try:
                self._lock.acquire(blocking=False)
            except Timeout:
                holder = self._holder()
                if deadline is None:
                    deadline = time.monotonic() + holder.shutdown_seconds
                    logger.warning(
                        "data folder held by another server, waiting for its end", extra=msgspec.structs.asdict(holder)
                    )
            else:
                return True
            if stopping.wait(POLL_SECONDS):
                return False
            if time.monotonic() >= deadline:
                raise DataFolderHeld(
                    f"the data folder {self._path} is held by another server (PID {holder.pid or 'unknown'}): "
                    "stop that one, or name another --data-dir"
                )

    def _holder(self) -> _Holder:
        try:
            return msgspec.json.decode(self._lock_file.read_bytes(), type=_Holder)
        except (OSError, ValueError, msgspec.DecodeError):
            return _Holder()
