"""The request to stop: once for an orderly stop, twice for one at once."""

import math
import threading

from shared.process.clock import Clock, monotonic_clock


class StopSignal:
    """Set by SIGINT and SIGTERM, read by the worker; safe to use from any thread.

    Args:
        drain_seconds: How long the current job may take after the first request.
        clock: Seconds that never go back.

    Attributes:
        requested: Set once a stop was requested.
    """

    def __init__(self, drain_seconds: float, clock: Clock = monotonic_clock) -> None:
        self._drain_seconds = drain_seconds
        self._clock = clock
        self._deadline = math.inf
        self.requested = threading.Event()

    def request(self) -> None:
        """Request a stop: take no more jobs and finish the current one. A second time: release it at once."""
        now = self._clock()
        self._deadline = min(self._deadline, now + (0.0 if self.requested.is_set() else self._drain_seconds))
        self.requested.set()

    @property
    def must_release(self) -> bool:
        """Whether the time to finish the current job is over."""
        return self.overdue_seconds >= 0

    @property
    def overdue_seconds(self) -> float:
        """How long the time to finish the current job is over; negative before that and where no stop was requested."""
        return self._clock() - self._deadline
