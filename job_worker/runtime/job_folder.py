"""The worker's own folder, that of the current job in it, and the cleanup of what killed workers left behind."""

import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from filelock import FileLock

from job_worker.errors import InsufficientSpace, WorkFolderGone
from job_worker.locked_folders import LOCK_NAME, is_abandoned

logger = logging.getLogger(__name__)

PREFIX = "foregsyte-work-"
OWN_NAME = "files"
"""The worker's own folder lies beside the lock: its child process may write in it, and must not replace the lock."""
MAX_FOLDERS = 1_000_000
"""How many folders in a folder are deleted: a process that still makes them must not hold the worker up for ever."""
MIN_AGE_SECONDS = 60.0
"""Younger folders are left alone: their worker may be about to lock them."""


@contextmanager
def work_folder(parent: Path | None) -> Iterator[Path]:
    """Yield a new, locked folder, the worker's own, that is deleted when the block ends.

    Args:
        parent: Where to make it; None for the system's temporary folder.

    Raises:
        InsufficientSpace: It cannot be made.
    """
    with ExitStack() as stack:
        with space_errors_translated("the worker's own folder cannot be made"):
            folder = _made(stack, parent, PREFIX)
            stack.enter_context(FileLock(folder / LOCK_NAME))  # released however this process ends
            own = folder.resolve() / OWN_NAME
            own.mkdir()
        yield own


def mark_as_used(folder: Path) -> None:
    """Show those who delete old temporary files that the worker's own folder is in use.

    Raises:
        WorkFolderGone: They have deleted it, or its lock.
    """
    for path in (folder, folder.with_name(LOCK_NAME)):
        try:
            os.utime(path)
        except FileNotFoundError:
            raise WorkFolderGone("the worker's own folder was deleted; see --work-dir") from None
        except OSError:
            logger.debug("the worker's own folder cannot be marked as used", exc_info=True)


@contextmanager
def job_folder(parent: Path | None) -> Iterator[Path]:
    """Yield a new folder for one job that is deleted when the block ends.

    Args:
        parent: The worker's own folder; None for the system's temporary one.

    Raises:
        InsufficientSpace: It cannot be made.
    """
    with ExitStack() as stack:
        with space_errors_translated():
            folder = _made(stack, parent)
        yield folder


def _made(stack: ExitStack, parent: Path | None, prefix: str | None = None) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    stack.callback(_delete, folder)
    return folder


@contextmanager
def space_errors_translated(problem: str = "the job's files cannot be kept on this host") -> Iterator[None]:
    """Translate the errors of writing a file, with what cannot be done for it.

    Raises:
        InsufficientSpace: The block met one.
    """
    try:
        yield
    except OSError as error:
        raise InsufficientSpace(f"{problem} ({error.strerror}); free space, or name another --work-dir") from error


def check_space(folder: Path, size_bytes: int) -> None:
    """Write so much into a folder, and delete it again.

    Raises:
        InsufficientSpace: It cannot be written.
    """
    with space_errors_translated(), tempfile.TemporaryFile(dir=folder) as file:
        file.write(os.urandom(size_bytes))  # zeros would take no space on some file systems


def clean_work_folders(parent: Path | None) -> int:
    """Delete the folders of workers that no longer run.

    Args:
        parent: Where they are; None for the system's temporary folder.

    Returns:
        How many were deleted.
    """
    found = Path(parent or tempfile.gettempdir()).glob(f"{PREFIX}*")
    folders = [folder for folder in found if is_abandoned(folder, MIN_AGE_SECONDS)]
    for folder in folders:
        logger.info("folder of a lost worker deleted", extra={"folder": folder.name})
        _delete(folder)
    return len(folders)


def _delete(folder: Path) -> None:
    """Delete a folder in which hostile code may have made folders in folders, deeper than recursion or a path goes."""
    empty_folder(folder)
    with suppress(RecursionError):
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        logger.warning("folder not deleted; delete it by hand", extra={"folder": str(folder)})


def empty_folder(folder: Path) -> None:
    """Delete what is in a folder, where there is one: each file once, and each folder once all in it lies beside it.

    All of it by descriptors: hostile code may put a link in the place of a folder meanwhile.
    """
    with suppress(OSError), _opened(folder) as top:
        pending = _emptied(top, top)
        for _ in range(MAX_FOLDERS):
            if not pending:
                return
            name = pending.pop()
            with suppress(OSError):
                with _opened(name, top) as inner:
                    pending += _emptied(inner, top)
                os.rmdir(name, dir_fd=top)


def _emptied(inner: int, top: int) -> list[str]:
    """Delete all files in a folder and move its folders into another; return their names there."""
    names = []
    with os.scandir(inner) as entries:
        for entry in entries:
            name = entry.name if inner == top else uuid4().hex
            with suppress(OSError):
                if not entry.is_dir(follow_symlinks=False):
                    os.unlink(entry.name, dir_fd=inner)
                    continue
                if inner != top:
                    with _opened(entry.name, inner):  # only what can be written to can be moved
                        os.rename(entry.name, name, src_dir_fd=inner, dst_dir_fd=top)
                names.append(name)
    return names


@contextmanager
def _opened(folder: Path | str, dir_fd: int | None = None) -> Iterator[int]:
    """Open a folder, with the permission to change what is in it."""
    descriptor = _open(folder, dir_fd)
    try:
        os.fchmod(descriptor, 0o700)
        yield descriptor
    finally:
        os.close(descriptor)


def _open(folder: Path | str, dir_fd: int | None) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        return os.open(folder, flags, dir_fd=dir_fd)
    except PermissionError:  # it may not be read
        with suppress(NotImplementedError, ValueError):  # it is a link by now, or the C library is old
            os.chmod(folder, 0o700, dir_fd=dir_fd, follow_symlinks=False)
    return os.open(folder, flags, dir_fd=dir_fd)
