"""Storage on several disks, for a site whose videos no longer fit on one."""

import heapq
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from job_api.storage.base import StorageService, checked_key
from job_api.storage.local_storage import LocalStorage


class SeveralDisks(StorageService):
    """Spreads the files over folders by a hash of their keys, so the folders must not change while files are stored.

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
        """Store the file on its disk."""
        return self._disk_of(dest_path).save_file(src, dest_path)

    def load_file(self, path: str) -> BinaryIO:
        """Open the file for reading."""
        return self._disk_of(path).load_file(path)

    def delete_file(self, path: str) -> None:
        """Delete the file; a missing one is no error."""
        self._disk_of(path).delete_file(path)

    def list_files(self, folder: str) -> Iterator[str]:
        """Yield the keys on all disks, in order."""
        yield from heapq.merge(*(disk.list_files(folder) for disk in self._disks))

    def delete_unfinished(self, folder: str) -> int:
        """Delete temporary files that a crash left on the disks; return how many."""
        return sum(disk.delete_unfinished(folder) for disk in self._disks)

    def free_bytes(self) -> int:
        """Return the space on the fullest disk, because the next file may go there."""
        return min(disk.free_bytes() for disk in self._disks)

    def _disk_of(self, key: str) -> LocalStorage:
        return self._disks[zlib.crc32(checked_key(key).encode()) % len(self._disks)]
