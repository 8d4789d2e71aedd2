"""A disk that does not keep what it was given."""

import errno
import math
import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


class FailingSyncs:
    """Makes syncs fail, each time that they are tried; Linux reports a failure only once.

    Attributes:
        path: The file or folder whose syncs fail. None: all succeed.
        inside: Syncs of what is in this folder fail, too.
        failures: How many more fail.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path: Path | None = None
        self.inside: Path | None = None
        self.failures = math.inf
        self._fsync = os.fsync
        monkeypatch.setattr("os.fsync", self._sync)

    def _sync(self, descriptor: int) -> None:
        failing = [self.path] if self.path else []
        failing += self.inside.iterdir() if self.inside else ()
        if self.failures and any(os.path.samestat(path.stat(), os.fstat(descriptor)) for path in failing):
            self.failures -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self._fsync(descriptor)
