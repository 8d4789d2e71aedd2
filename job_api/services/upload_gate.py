"""How much of clients' uploads may be in memory at one time."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from job_api.errors import Overloaded

__all__ = ["ROOM_SECONDS", "Upload", "UploadGate"]

ROOM_SECONDS = 30.0
"""How long an upload waits for room before it is refused: a few large ones may pass ahead of it in that time."""


@dataclass(slots=True, eq=False)
class Upload:
    """One upload under way.

    Attributes:
        size_bytes: What it is counted with.
        is_refused: Whether it came when too many were under way, or waited too long for room.
    """

    size_bytes: int = 0
    is_refused: bool = False


class UploadGate:
    """Counts the uploads under way and their bytes, so that they cannot fill the memory.

    Nobody can tell how large a request is before it is read. So an upload is counted as the largest there may be until
    it is read, then as what it is; while there is no room for a largest one, the next waits, first come first served.
    """

    def __init__(self, max_uploads: int, max_upload_bytes: int, room_seconds: float = ROOM_SECONDS) -> None:
        self._max_uploads = max_uploads
        self._max_bytes = max_upload_bytes
        self._room_seconds = room_seconds
        self._changed = threading.Condition()
        self._inside: set[Upload] = set()
        self._waiting: deque[Upload] = deque()
        self._bytes = 0
        self._of_thread = threading.local()

    def enter(self) -> Upload:
        """Returns an upload, which is refused where too many are under way, and else counted until it leaves."""
        with self._changed:
            upload = Upload(is_refused=len(self._inside) >= self._max_uploads)
            if not upload.is_refused:
                self._inside.add(upload)
            return upload

    def wait_for_room(self, upload: Upload, largest_bytes: int) -> None:
        """Waits until an upload of the largest size may be read; refuses it where that takes too long."""
        with self._changed:
            self._waiting.append(upload)
            has_room = self._changed.wait_for(
                lambda: self._waiting[0] is upload and self._has_room(largest_bytes), self._room_seconds
            )
            self._waiting.remove(upload)
            upload.is_refused = not has_room
            self._count(upload, largest_bytes if has_room else 0)

    def leave(self, upload: Upload) -> None:
        """Counts the upload no longer."""
        with self._changed:
            self._inside.discard(upload)
            self._count(upload, 0)

    @contextmanager
    def on_this_thread(self, upload: Upload) -> Iterator[None]:
        """Makes it the upload that passes through on this thread, until the block ends."""
        self._of_thread.upload = upload
        try:
            yield
        finally:
            del self._of_thread.upload

    @contextmanager
    def pass_through(self, size_bytes: int) -> Iterator[None]:
        """Lets this thread's upload in, now that it has been read, and counts it as what it is.

        Raises:
            Overloaded: It was refused: too many, or too large ones, are under way.
        """
        entered: Upload | None = getattr(self._of_thread, "upload", None)
        upload = entered or self.enter()
        try:
            self._admit(upload, size_bytes)
            yield
        finally:
            if upload is not entered:
                self.leave(upload)

    def _admit(self, upload: Upload, size_bytes: int) -> None:
        with self._changed:
            if upload.is_refused or not (upload.size_bytes or self._has_room(size_bytes)):
                raise Overloaded(f"{len(self._inside)} uploads are under way, try again in a moment")
            self._count(upload, size_bytes)

    def _has_room(self, size_bytes: int) -> bool:
        """Whether so many bytes more are within the limit; one upload alone always is."""
        return self._bytes == 0 or self._bytes + size_bytes <= self._max_bytes

    def _count(self, upload: Upload, size_bytes: int) -> None:
        self._bytes += size_bytes - upload.size_bytes
        upload.size_bytes = size_bytes
        self._changed.notify_all()
