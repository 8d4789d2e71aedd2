"""Storage on several disks, for a site whose videos no longer fit on one."""

import heapq
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from job_api.storage.base import StorageService, checked_key
from job_api.storage.local_storage import LocalStorage


class SeveralDisks(StorageService):
    """Spreads the files over folders by their keys, so a folder that is added later is for a fresh start.

    Args:
        folders: One on each disk, always in the same order.

    Raises:
        ValueError: No folder is named, or one twice.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        if not folders or len(set(folders)) != len(folders):
            raise ValueError("folders must name one folder or more, each once")
        self._disks = [LocalStorage(Path(folder)) for folder in folders]

    def save_file(self, src: BinaryIO, dest_path: str) -> str:
        """Stores the file on its disk; see the port."""
        return self._disk_of(dest_path).save_file(src, dest_path)

    def load_file(self, path: str) -> BinaryIO:
        """Opens the file; see the port."""
        return self._disk_of(path).load_file(path)

    def delete_file(self, path: str) -> None:
        """Deletes the file; see the port."""
        self._disk_of(path).delete_file(path)

    def list_files(self, folder: str) -> Iterator[str]:
        """Yields the keys on all disks, in order; see the port."""
        yield from heapq.merge(*(disk.list_files(folder) for disk in self._disks))

    def delete_unfinished(self, folder: str) -> int:
        """Deletes left-over temporary files on all disks; see the port."""
        return sum(disk.delete_unfinished(folder) for disk in self._disks)

    def free_bytes(self) -> int:
        """Returns the space on the fullest disk: nobody knows where the next file goes; see the port."""
        return min(disk.free_bytes() for disk in self._disks)

    def _disk_of(self, key: str) -> LocalStorage:
        return self._disks[zlib.crc32(checked_key(key).encode()) % len(self._disks)]
