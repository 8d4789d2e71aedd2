"""The storage that the service needs, as a port."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


class InvalidKey(ValueError):
    """A key is not a relative path of plain names, so it could leave the root."""


class StorageFull(Exception):
    """There is no space left for the file; nothing of it was kept."""


def checked_key(key: str) -> str:
    """Return the key if it cannot leave a storage's root.

    Raises:
        InvalidKey: The key is empty, absolute, has an empty, `.` or `..` part, a backslash or a control character.
    """
    unsafe_parts = {"", ".", ".."}.intersection(key.split("/"))
    if unsafe_parts or "\\" in key or not key.isprintable():
        raise InvalidKey(f"not a storage key: {key!r}")
    return key


class StorageService(ABC):
    """Files under keys such as `video_jobs/<job id>.mp4`: relative, `/` between the parts.

    Every method raises `InvalidKey` for a key that could leave the root.
    """

    @abstractmethod
    def save_file(self, src: BinaryIO, dest_path: str) -> str:
        """Store what can be read from `src` under the key, whole or not at all, replacing what was there.

        When it returns, the file survives a loss of power.

        Args:
            src: Read to its end.
            dest_path: The key.

        Returns:
            The key.

        Raises:
            StorageFull: There is no space left.
        """

    def adopt_file(self, source: Path, dest_path: str) -> str:
        """Store a finished local file under the key as `save_file` does, and remove it from where it is.

        A storage that can take the file over without copying it does so; this one copies it.

        Args:
            source: The file; it stays where it is if it cannot be stored, but is deleted if its disk did not keep it.
            dest_path: The key.

        Returns:
            The key.

        Raises:
            StorageFull: There is no space left.
        """
        with source.open("rb") as file:
            self.save_file(file, dest_path)
        source.unlink()
        return dest_path

    def sync_file(self, path: str) -> None:
        """Make a stored file survive a loss of power, although the call that stored it failed.

        A storage that can do so without another copy of the file does; this one stores it again.

        Args:
            path: The key.

        Raises:
            StorageFull: There is no space left.
        """
        with self.load_file(path) as file:
            self.save_file(file, path)

    @abstractmethod
    def load_file(self, path: str) -> BinaryIO:
        """Open a stored file for reading; it can be seeked and must be closed.

        Raises:
            FileNotFoundError: Nothing is stored under the key.
        """

    @abstractmethod
    def delete_file(self, path: str) -> None:
        """Delete a stored file; a missing one is no error."""

    @abstractmethod
    def list_files(self, folder: str) -> Iterator[str]:
        """Yield the keys of the whole files directly under the folder."""

    @abstractmethod
    def delete_unfinished(self, folder: str) -> int:
        """Delete what saves that a crash cut short left under the folder; return how many files.

        Must not be called while a save is under way.
        """

    @abstractmethod
    def free_bytes(self) -> int:
        """Return how many more bytes can be stored."""

    def close(self) -> None:  # noqa: B027 (most adapters hold nothing)
        """Release the adapter's resources; called once at the end of the process, but not in a crash."""
