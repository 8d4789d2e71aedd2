"""The folder that holds the video in hand, and the sweep of those that killed workers left behind."""

import fcntl
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from job_worker.errors import InsufficientSpace

__all__ = ["insufficient_space_explained", "job_folder", "sweep_job_folders"]

logger = logging.getLogger(__name__)

PREFIX = "foregsyte-job-"
LOCK_NAME = "in-use"
MIN_AGE_SECONDS = 60.0
"""Younger folders are left alone: their worker may be about to lock them."""


@contextmanager
def job_folder(parent: Path | None) -> Iterator[Path]:
    """Yields a new folder that is gone when the block ends.

    Args:
        parent: Where to make it; None for the system's temporary folder.

    Raises:
        InsufficientSpace: It cannot be made.
    """
    with insufficient_space_explained():
        folder = tempfile.TemporaryDirectory(prefix=PREFIX, dir=parent)
    with folder as name:
        with insufficient_space_explained():
            lock = (Path(name) / LOCK_NAME).open("wb")
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the kernel lets go of it however this process ends
            yield Path(name)


@contextmanager
def insufficient_space_explained() -> Iterator[None]:
    """Turns an error in writing a file of the job in hand into `InsufficientSpace`."""
    try:
        yield
    except OSError as error:
        raise InsufficientSpace(
            f"the job's video cannot be kept on this host ({error.strerror}); free space, or name another --work-dir"
        ) from error


def sweep_job_folders(parent: Path | None) -> int:
    """Deletes the folders of workers that are no more; returns how many.

    Args:
        parent: Where they are; None for the system's temporary folder.
    """
    folders = [folder for folder in Path(parent or tempfile.gettempdir()).glob(f"{PREFIX}*") if _is_left(folder)]
    for folder in folders:
        logger.info("folder of a lost worker deleted", extra={"folder": folder.name})
        shutil.rmtree(folder, ignore_errors=True)
    return len(folders)


def _is_left(folder: Path) -> bool:
    try:
        if time.time() - folder.stat().st_mtime < MIN_AGE_SECONDS:
            return False
        with (folder / LOCK_NAME).open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False  # in use, another user's, or gone by now
    return True
