"""Temporary folders that are locked while they are used, so that those of killed processes can be recognised."""

import time
from pathlib import Path

from filelock import FileLock

LOCK_NAME = "in-use"
"""The file in such a folder that its process locks; the lock is released however that process ends."""


def is_abandoned(folder: Path, min_age_seconds: float) -> bool:
    """Return whether no process uses a folder any more.

    Args:
        folder: The folder, with its lock; without one it is abandoned by its age alone.
        min_age_seconds: A younger folder is not: its process may be about to lock it.
    """
    lock = folder / LOCK_NAME
    try:
        if folder.is_symlink() or not folder.is_dir() or time.time() - folder.stat().st_mtime < min_age_seconds:
            return False
        if not lock.exists():  # its process was killed before it had one
            return True
        with FileLock(lock, blocking=False):
            return True
    except OSError:
        return False  # in use (filelock.Timeout is an OSError), another user's, or deleted meanwhile
