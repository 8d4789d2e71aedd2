"""Folders that are made once, by whichever process comes first, and then kept."""

import tempfile
from collections.abc import Callable
from pathlib import Path

__all__ = ["cached_build"]


def cached_build(folder: Path, make: Callable[[Path], Path]) -> Path:
    """Makes a folder unless it is there; it is seen whole or not at all, and several processes may do so at once.

    Args:
        folder: The folder.
        make: Given an empty folder to work in; makes the folder somewhere below it and returns where.

    Returns:
        The folder.

    Raises:
        OSError: It cannot be written.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as working:
        made = make(Path(working))
        try:
            made.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first, and this copy is dropped
                raise
    return folder
