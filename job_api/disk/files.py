"""Files and folders: whether one is still the same, and how it survives a loss of power."""

import os
from pathlib import Path


def is_replaced(path: Path, known: os.stat_result) -> bool:
    """Return whether the file was deleted, moved or replaced since this was known of it."""
    try:
        return not os.path.samestat(path.stat(), known)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False  # a disk that does not answer may come back


def sync(path: Path) -> None:
    """Make a file, or a folder's renames and new files, survive a loss of power."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
