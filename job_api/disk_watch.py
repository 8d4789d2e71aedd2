"""The thread that notices when the disk under a running server fails."""

import logging
import threading
from collections.abc import Callable

from job_api.core.database import Database
from job_api.disk.data_folder import DataFolder

INTERVAL_SECONDS = 0.2
"""How late the server may notice that its folder is gone or read-only; a look is a few system calls, and a write where
the disk refused the last one."""
LAST_LOOK_SECONDS = 1.0
"""How long a stop waits for a look that is under way."""

logger = logging.getLogger(__name__)


class DiskWatch:
    """Watches the database and the data folder from a thread of its own.

    A folder or a database that cannot be written makes health NOT_SERVING until it can be. A database that is invalid,
    or it or a folder gone, cannot be fixed while the server runs: the watch reports that and ends.

    Args:
        folder: The data folder, locked.
        database: The database, open.
        set_serving: Called with what health has to say, whenever that changes.
        on_failure: Called once, after `failure` is set.
        interval_seconds: The time between two looks.

    Attributes:
        failure: What cannot be fixed; None while there is no such thing.
    """

    def __init__(
        self,
        folder: DataFolder,
        database: Database,
        set_serving: Callable[[bool], None],
        on_failure: Callable[[], None],
        interval_seconds: float = INTERVAL_SECONDS,
    ) -> None:
        self.failure: str | None = None
        self._is_stopping = False
        self._was_writable = True
        self._folder = folder
        self._database = database
        self._set_serving = set_serving
        self._on_failure = on_failure
        self._interval_seconds = interval_seconds
        self._thread = threading.Thread(target=self._run, name="disk-watch", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; one whose disk does not answer is left to the end of the process."""
        self._is_stopping = True
        self._thread.join(LAST_LOOK_SECONDS)

    def _run(self) -> None:
        while not (self._is_stopping or self.failure):
            try:
                self._look()
            except Exception as error:  # noqa: BLE001 (what cannot be looked at cannot be written, and may come back)
                self._report(is_writable=False, error=repr(error))

    def _look(self) -> None:
        if failure := self._failure():
            self._set_serving(False)  # noqa: FBT003 (what it says)
            self.failure = failure
            self._on_failure()
        elif not self._is_stopping:
            self._report(is_writable=self._is_writable())

    def _report(self, *, is_writable: bool, error: str = "") -> None:
        if is_writable != self._was_writable:
            text = "the disk can be written again" if is_writable else "the disk cannot be written"
            logger.warning(text, extra={"error": error} if error else {})
            self._set_serving(is_writable)
            self._was_writable = is_writable

    def _is_writable(self) -> bool:
        if self._database.health.is_stuck():
            return False  # nor can anything be tried: it would wait behind that write
        if self._database.health.is_refused():
            self._database.try_to_write()
        return self._folder.is_writable() and not self._database.health.is_refused()

    def _failure(self) -> str | None:
        if self._database.failed.wait(self._interval_seconds):
            return "the disk failed under the database, which has to be opened again"
        if self._folder.is_gone():
            return "the data folder was deleted or replaced"
        if lost := self._folder.lost_folder():
            return f"the folder {lost} in the data folder was deleted or replaced"
        if self._database.is_gone():
            return "the database was deleted or replaced"
        if self._database.is_log_gone():
            return "the log of the database was deleted or replaced"
        return None
