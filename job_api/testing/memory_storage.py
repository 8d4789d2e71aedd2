"""Storage in memory, for tests."""

import io
from collections.abc import Iterator
from typing import BinaryIO

from job_api.storage.base import StorageFull, StorageService, checked_key


class MemoryStorage(StorageService):
    """Keeps each file in a dict, up to a capacity in bytes."""

    def __init__(self, capacity_bytes: int = 1 << 40) -> None:
        self._files: dict[str, bytes] = {}
        self._capacity_bytes = capacity_bytes

    def save_file(self, src: BinaryIO, dest_path: str) -> str:
        """Store the file under its key."""
        key, content = checked_key(dest_path), src.read()
        if len(content) - len(self._files.get(key, b"")) > self.free_bytes():
            raise StorageFull("no space is left")
        self._files[key] = content
        return dest_path

    def load_file(self, path: str) -> BinaryIO:
        """Open the file for reading."""
        try:
            return io.BytesIO(self._files[checked_key(path)])
        except KeyError:
            raise FileNotFoundError(path) from None

    def delete_file(self, path: str) -> None:
        """Delete the file; a missing one is no error."""
        self._files.pop(checked_key(path), None)

    def list_files(self, folder: str) -> Iterator[str]:
        """Yield the keys of the files directly under the folder."""
        prefix = checked_key(folder) + "/"
        yield from sorted(key for key in self._files if key.startswith(prefix) and "/" not in key[len(prefix) :])

    def delete_unfinished(self, folder: str) -> int:
        """Return 0: a save in memory leaves nothing unfinished."""
        checked_key(folder)
        return 0

    def free_bytes(self) -> int:
        """Return the free bytes of the capacity."""
        return self._capacity_bytes - sum(map(len, self._files.values()))
