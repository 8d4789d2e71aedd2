"""Whether the disk takes what the database writes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

STUCK_SECONDS = 5.0
"""How long a commit or a checkpoint may take before health says that the disk does not take writes."""


class WriteHealth:
    """What the writes of a database say of its disk.

    Args:
        stuck_seconds: How long a write may take.
    """

    def __init__(self, stuck_seconds: float = STUCK_SECONDS) -> None:
        self._stuck_seconds = stuck_seconds
        self._is_refused = False
        self._writing_since: float | None = None

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Measure how long the write takes that the block makes; there is one at a time."""
        self._writing_since = time.monotonic()
        try:
            yield
        finally:
            self._writing_since = None

    def note(self, *, is_refused: bool) -> None:
        """Note whether the disk refused what was written."""
        self._is_refused = is_refused

    def is_refused(self) -> bool:
        """Return whether the disk refused the last write."""
        return self._is_refused

    def is_stuck(self) -> bool:
        """Return whether the write that is under way takes so long that the disk may never answer."""
        began = self._writing_since
        return began is not None and time.monotonic() - began > self._stuck_seconds
