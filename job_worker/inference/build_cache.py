"""Cache folders that take long to build: the first process builds one, all later ones use it."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock

from job_worker.locked_folders import LOCK_NAME, is_abandoned

_PREFIX = ".making-"
MIN_AGE_SECONDS = 3600.0
"""Younger builds are left alone, locked or not: an older version, or a host that does not see the lock, may run one."""


def cached_build(folder: Path, build: Callable[[Path], Path]) -> Path:
    """Return a folder, built unless it exists; it appears complete or not at all.

    Several processes may call this at once: each builds, the first one's result is kept. What killed ones left beside
    the folder is deleted.

    Args:
        folder: The folder.
        build: Called with an empty temporary folder; builds the folder somewhere below it and returns its path.

    Raises:
        OSError: The folder cannot be written.
    """
    _delete_abandoned_builds(folder.parent)
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _working_folder(folder.parent) as working:
        built = build(working)
        try:
            built.rename(folder)
        except OSError:
            if not folder.is_dir():  # else another process was first, and this copy is dropped
                raise
    return folder


@contextmanager
def _working_folder(parent: Path) -> Iterator[Path]:
    """Yield a new folder beside a lock that is held until the block ends; then both are deleted."""
    with tempfile.TemporaryDirectory(dir=parent, prefix=_PREFIX) as outer, ExitStack() as stack:
        with suppress(OSError):  # a file system without locks: nobody can lock the file, so the folder is left alone
            stack.enter_context(FileLock(Path(outer) / LOCK_NAME))
        working = Path(outer) / "files"
        working.mkdir()
        yield working


def _delete_abandoned_builds(parent: Path) -> None:
    for left in parent.glob(f"{_PREFIX}*"):
        if is_abandoned(left, MIN_AGE_SECONDS):
            shutil.rmtree(left, ignore_errors=True)
