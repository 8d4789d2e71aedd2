"""A folder that is held open, so that nothing can take its place unnoticed."""

import os
import weakref
from pathlib import Path
from typing import Self

from job_api.disk.files import is_replaced, sync


class HeldFolder:
    """A folder that can be distinguished from every later one at its path: while it is open none gets its number.

    It is closed by `close`, or with the last reference.
    """

    def __init__(self, path: Path) -> None:
        """Hold the folder.

        Raises:
            OSError: There is none, or it cannot be read.
        """
        self._path = path
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self._closing = weakref.finalize(self, os.close, self._descriptor)

    @classmethod
    def made(cls, path: Path) -> Self:
        """Hold the folder, made where there is none so that it survives a loss of power.

        Raises:
            OSError: It cannot be made or read.
        """
        path.mkdir(parents=True, exist_ok=True)
        sync(path.parent)
        return cls(path)

    def is_gone(self) -> bool:
        """Return whether the folder was deleted, moved or replaced, or another disk is mounted in its place."""
        try:
            return self._closing.alive and is_replaced(self._path, os.fstat(self._descriptor))
        except OSError:
            return False  # a disk that does not answer may come back

    def close(self) -> None:
        """Release the folder; whether it is gone is not known from then on."""
        self._closing()
