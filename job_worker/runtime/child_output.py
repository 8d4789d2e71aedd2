"""What an isolated child process prints: it is logged within limits, since hostile code may print without end."""

import json
import logging
import threading
from multiprocessing.connection import Connection

from job_worker.errors import HostUnusable
from job_worker.runtime.pipeline_child import MAX_PIPE_MESSAGE_BYTES
from shared.process.clock import Clock

logger = logging.getLogger(__name__)

MAX_BYTES_A_SECOND = 128 << 10
"""How much of it is logged in a second: more than a long traceback, and less than a disk feels."""
MAX_BYTES_A_JOB = 1 << 20
"""How much of it is logged of one job: some thousand lines."""
RECORD_BYTES = 200
"""About how much a log record holds beside the line; blank lines must not be free."""


class ChildOutput:
    """Logs what a child prints, line by line until its end, and says of each job how much was left out.

    At the level that is just logged: the child has left out what is below it.

    Args:
        printed: What it prints.
        clock: Seconds that never go back.

    Raises:
        HostUnusable: There is no thread to be had for it.
    """

    def __init__(self, printed: Connection, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._second_began_at = clock()
        self._second_bytes = MAX_BYTES_A_SECOND
        self._job_bytes = MAX_BYTES_A_JOB
        self._left_out_bytes = 0
        self._thread = threading.Thread(target=self._log_lines, args=(printed,), name="child-output", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:
            raise HostUnusable("this host has no thread left for the job") from error

    def end_job(self) -> None:
        """Log how much was left out, and allow the next job the same."""
        with self._lock:
            left_out, self._left_out_bytes, self._job_bytes = self._left_out_bytes, 0, MAX_BYTES_A_JOB
        if left_out:
            logger.log(_level(), "too much printed by the child process", extra={"left_out_bytes": left_out})

    def join(self, seconds: float) -> None:
        """Wait so long for the last lines of a child that has ended."""
        self._thread.join(seconds)

    def _log_lines(self, printed: Connection) -> None:
        with printed, open(printed.fileno(), "rb", closefd=False) as lines:
            while line := lines.readline(MAX_PIPE_MESSAGE_BYTES):
                if self._has_room_for(line):
                    logger.log(_level(), "printed by the child process", extra={"line": _text(line)})
        self.end_job()

    def _has_room_for(self, line: bytes) -> bool:
        """Return whether a line may still be logged; where it may not, neither may others in this second."""
        with self._lock:
            if (now := self._clock()) - self._second_began_at >= 1:
                self._second_began_at, self._second_bytes = now, MAX_BYTES_A_SECOND
            if self._second_bytes:  # to measure a line takes longer than to leave it out
                size_bytes = RECORD_BYTES + len(json.dumps(_text(line)))
                if size_bytes <= min(self._second_bytes, self._job_bytes):
                    self._second_bytes -= size_bytes
                    self._job_bytes -= size_bytes
                    return True
            self._second_bytes = 0
            self._left_out_bytes += len(line)
            return False


def _level() -> int:
    return logger.getEffectiveLevel()


def _text(line: bytes) -> str:
    return line.decode(errors="replace").rstrip()
