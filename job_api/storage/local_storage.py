"""Storage in a folder of the local file system."""

import errno
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from job_api.disk.errors import FULL_ERRNOS
from job_api.disk.files import sync
from job_api.disk.held_folder import HeldFolder
from job_api.storage.base import StorageFull, StorageService, checked_key

_UNFINISHED_SUFFIX = ".part"
_COPY_BYTES = 1 << 20


class LocalStorage(StorageService):
    """Keeps each file under `root / key`.

    A save writes a hidden temporary file beside the target, syncs it, renames it over the target and syncs the folder:
    a reader sees the old file or the new one, and after a crash the target is whole or absent.
    """

    def __init__(self, root: Path) -> None:
        root.mkdir(parents=True, exist_ok=True)  # not later: a folder that is gone took the stored files with it
        self._root = root
        self._held = {root: HeldFolder(root)}
        self._holding = threading.RLock()  # a folder that another thread makes meanwhile looks like a link to none

    def save_file(self, src: BinaryIO, dest_path: str) -> str:
        """Store the file under its key, whole or not at all."""
        target = self._path(dest_path)
        with full_disk_errors_translated():
            self._make_folder(target.parent)
            is_new = not target.exists()
            unfinished = target.with_name(f".{target.name}.{uuid4().hex}{_UNFINISHED_SUFFIX}")
            try:
                _write_synced(src, unfinished)
                unfinished.replace(target)
            except BaseException:
                unfinished.unlink(missing_ok=True)
                raise
            try:
                sync(target.parent)
            except OSError:
                with suppress(OSError):
                    if is_new:
                        target.unlink()
                raise
        return dest_path

    def adopt_file(self, source: Path, dest_path: str) -> str:
        """Rename the file to its key where that is possible, and copy it where not."""
        target = self._path(dest_path)
        with full_disk_errors_translated():
            self._make_folder(target.parent)
            _sync_or_delete(source)
            try:
                source.replace(target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                return super().adopt_file(source, dest_path)
            sync(target.parent)
        return dest_path

    def sync_file(self, path: str) -> None:
        """Sync the file and its folder."""
        target = self._path(path)
        _sync_or_delete(target)
        sync(target.parent)

    def load_file(self, path: str) -> BinaryIO:
        """Open the file for reading."""
        target = self._path(path)
        try:
            return target.open("rb")
        except (FileNotFoundError, NotADirectoryError):
            self._is_there(self._root)
            self._is_there(target.parent)
            raise

    def delete_file(self, path: str) -> None:
        """Delete the file; a missing one is no error."""
        self._path(path).unlink(missing_ok=True)

    def list_files(self, folder: str) -> Iterator[str]:
        """Yield the keys of the whole files directly under the folder."""
        for entry in self._entries(folder):
            if not entry.name.startswith("."):
                yield f"{folder}/{entry.name}"

    def delete_unfinished(self, folder: str) -> int:
        """Delete temporary files that a crash left under the folder; return how many."""
        unfinished = [
            entry
            for entry in self._entries(folder)
            if entry.name.startswith(".") and entry.name.endswith(_UNFINISHED_SUFFIX)
        ]
        for entry in unfinished:
            entry.unlink(missing_ok=True)
        return len(unfinished)

    def free_bytes(self) -> int:
        """Return the free bytes of the root's file system."""
        self._is_there(self._root)
        return shutil.disk_usage(self._root).free

    def close(self) -> None:
        """Release the folders."""
        for folder in self._held.values():
            folder.close()

    def _is_there(self, folder: Path) -> bool:
        """Return whether the folder is there, and hold it from then on.

        Raises:
            OSError: It is gone, or no folder: no file is missing by itself then.
        """
        with self._holding:
            if folder not in self._held and not self._hold(folder):
                return False
        if self._held[folder].is_gone():
            raise OSError(errno.ESTALE, "the storage's folder is gone", str(folder))
        return True

    def _hold(self, folder: Path) -> bool:
        try:
            self._held[folder] = HeldFolder(folder)
        except (FileNotFoundError, NotADirectoryError) as error:
            if not os.path.lexists(folder):
                return False
            raise OSError(errno.ESTALE, "no folder, or a link to none", str(folder)) from error
        return True

    def _make_folder(self, folder: Path) -> None:
        self._is_there(self._root)
        with self._holding:
            if not self._is_there(folder):
                self._held[folder] = HeldFolder.made(folder)

    def _path(self, key: str) -> Path:
        return self._root / checked_key(key)

    def _entries(self, folder: str) -> list[Path]:
        path = self._path(folder)
        return sorted(entry for entry in path.iterdir() if entry.is_file()) if self._is_there(path) else []


def _write_synced(src: BinaryIO, path: Path) -> None:
    with path.open("xb") as file:
        shutil.copyfileobj(src, file, _COPY_BYTES)
        file.flush()
        os.fsync(file.fileno())


def _sync_or_delete(file: Path) -> None:
    """Sync a file, or delete it: the system reports a failure once, and the next sync succeeds without the data."""
    try:
        sync(file)
    except OSError:
        with suppress(OSError):
            file.unlink()
        raise


@contextmanager
def full_disk_errors_translated() -> Iterator[None]:
    """Translate the errors of a full disk or quota.

    Raises:
        StorageFull: The block met one.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL_ERRNOS:
            raise StorageFull("no space is left") from error
        raise
