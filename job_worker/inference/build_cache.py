"""Caches folders that take long to build: the first process builds one, all later ones use it."""

import tempfile
from collections.abc import Callable
from pathlib import Path


def cached_build(folder: Path, build: Callable[[Path], Path]) -> Path:
    """Return a folder, built unless it exists; it appears complete or not at all.

    Several processes may call this at once: each builds, the first one's result is kept.

    Args:
        folder: The folder.
        build: Called with an empty temporary folder; builds the folder somewhere below it and returns its path.

    Raises:
        OSError: The folder cannot be written.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".making-") as working:
        built = build(Path(working))
        try:
            built.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first, and this copy is dropped
                raise
    return folder
