"""Storage in memory: the twin of the real one, for tests."""

import io
from collections.abc import Iterator
from typing import BinaryIO

from job_api.storage.base import StorageFull, StorageService, checked_key

__all__ = ["MemoryStorage"]


class MemoryStorage(StorageService):
    """Keeps each file in a dict, up to a capacity in bytes."""

    def __init__(self, capacity_bytes: int = 1 << 40) -> None:
        self._files: dict[str, bytes] = {}
        self._capacity_bytes = capacity_bytes

    def save_file(self, src: BinaryIO, dest_path: str) -> str:
        """Stores the file; see the port."""
        key, content = checked_key(dest_path), src.read()
        if len(content) - len(self._files.get(key, b"")) > self.free_bytes():
            raise StorageFull("no space is left")
        self._files[key] = content
        return dest_path

    def load_file(self, path: str) -> BinaryIO:
        """Opens the file; see the port."""
        try:
            return io.BytesIO(self._files[checked_key(path)])
        except KeyError:
            raise FileNotFoundError(path) from None

    def delete_file(self, path: str) -> None:
        """Deletes the file; see the port."""
        self._files.pop(checked_key(path), None)

    def list_files(self, folder: str) -> Iterator[str]:
        """Yields the keys under the folder; see the port."""
        prefix = checked_key(folder) + "/"
        yield from sorted(key for key in self._files if key.startswith(prefix) and "/" not in key[len(prefix) :])

    def delete_unfinished(self, folder: str) -> int:
        """Finds nothing: a save here has no middle; see the port."""
        checked_key(folder)
        return 0

    def free_bytes(self) -> int:
        """Returns what is left of the capacity; see the port."""
        return self._capacity_bytes - sum(map(len, self._files.values()))
