"""The file of a job's results, while it is sent."""

import hashlib
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from job_worker.errors import JobCannotBeDone

DIGEST_BYTES = 1 << 20
"""How much is read at a time for the digest."""
_CHANGED = "the results were changed while they were sent"


class ResultsFile:
    """Reads the results of a job, which hostile code in the process that wrote them may change meanwhile.

    Args:
        path: The file.

    Attributes:
        size_bytes: Its size at first.

    Raises:
        JobCannotBeDone: There is no file that can be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("rb", buffering=0)
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError):
            raise JobCannotBeDone(_CHANGED) from None
        self.size_bytes = os.fstat(self._file.fileno()).st_size
        self._sent = hashlib.sha256()
        self._sent_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def digest(self) -> bytes:
        """Return the SHA-256 of the results.

        Raises:
            JobCannotBeDone: They are shorter than they were.
        """
        digest = hashlib.sha256()
        for offset in range(0, self.size_bytes, DIGEST_BYTES):
            digest.update(self._read(offset, DIGEST_BYTES))
        return digest.digest()

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Return a chunk to send, which the end of the results cuts off.

        Raises:
            JobCannotBeDone: The results are shorter than they were.
        """
        data = self._read(offset, size_bytes)
        if offset == 0:
            self._sent, self._sent_bytes = hashlib.sha256(), 0
        if offset <= self._sent_bytes < offset + len(data):
            self._sent.update(data[self._sent_bytes - offset :])
            self._sent_bytes = offset + len(data)
        return data

    def check_sent(self, digest: bytes) -> None:
        """Compare what was read from the beginning to the end with the digest.

        Of a chunk that was read again, the first bytes count; where the second ones differ, the server notices it.

        Raises:
            JobCannotBeDone: They differ.
        """
        if self._sent_bytes == self.size_bytes and self._sent.digest() != digest:
            raise JobCannotBeDone(_CHANGED)

    def _read(self, offset: int, size_bytes: int) -> bytes:
        self._file.seek(offset)
        expected_bytes = min(size_bytes, self.size_bytes - offset)
        data = self._file.read(expected_bytes)
        if len(data) < expected_bytes:
            raise JobCannotBeDone(_CHANGED)
        return data
