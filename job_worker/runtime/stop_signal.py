"""Being told to stop: once to stop in an orderly way, twice to stop at once."""

import math
import threading

from shared.process.clock import Clock, monotonic_clock

__all__ = ["StopSignal"]


class StopSignal:
    """What SIGINT and SIGTERM set and the worker looks at; any thread may do either."""

    def __init__(self, drain_seconds: float, clock: Clock = monotonic_clock) -> None:
        self._drain_seconds = drain_seconds
        self._clock = clock
        self._first_request_at = math.inf
        self._deadline = math.inf
        self.requested = threading.Event()

    def request(self) -> None:
        """Asks to stop: take no more jobs and finish the one in hand. A second time: hand it back at once."""
        now = self._clock()
        self._deadline = min(self._deadline, now + (0.0 if self.requested.is_set() else self._drain_seconds))
        self._first_request_at = min(self._first_request_at, now)
        self.requested.set()

    @property
    def must_hand_back(self) -> bool:
        """Whether the time to finish the job in hand is over."""
        return self._clock() >= self._deadline

    @property
    def seconds_ago(self) -> float:
        """How long ago the worker was first told to stop; negative infinity where it was not."""
        return self._clock() - self._first_request_at
