"""Being told to stop: once to stop in an orderly way, twice to stop at once."""

import signal
import threading

from shared.clock import Clock, monotonic_clock

__all__ = ["StopSignal"]


class StopSignal:
    """What SIGINT and SIGTERM set and the worker looks at."""

    def __init__(self, drain_seconds: float, clock: Clock = monotonic_clock) -> None:
        self._drain_seconds = drain_seconds
        self._clock = clock
        self._deadline: float | None = None
        self.requested = threading.Event()

    def install(self) -> None:
        """Listens to SIGINT and SIGTERM of this process."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self.request())

    def request(self) -> None:
        """Asks to stop: take no more jobs and finish the one in hand. A second time: hand it back at once."""
        is_first = self._deadline is None
        self._deadline = self._clock() + (self._drain_seconds if is_first else 0.0)
        self.requested.set()

    @property
    def must_hand_back(self) -> bool:
        """Whether the time to finish the job in hand is over."""
        return self._deadline is not None and self._clock() >= self._deadline
