"""The thread that takes jobs back from lost workers, and notices when the server itself did not run."""

import logging
import threading
from collections.abc import Callable, Sequence

from job_api.services.lease_expiry import LeaseExpiry
from shared.process.clock import Clock, monotonic_clock

LAST_ROUND_SECONDS = 1.0
"""How long a stop waits for the last round: its disk may not answer."""

logger = logging.getLogger(__name__)


class Housekeeper:
    """Expires leases from a thread of its own: at an interval, and at once when that is due.

    A second thread only looks at the clock. Where neither of them did for an interval more than one, the process was
    stopped or starved. Workers could not renew in that time, so it is added to every lease before any is looked at.

    Args:
        expiry: What expires them.
        chores: What else is done in each round.
        interval_seconds: The longest time between two rounds.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        expiry: LeaseExpiry,
        chores: Sequence[Callable[[], None]],
        interval_seconds: float,
        clock: Clock = monotonic_clock,
    ) -> None:
        self._expiry = expiry
        self._chores = chores
        self._interval_seconds = interval_seconds
        self._clock = clock
        self._is_stopping = threading.Event()
        self._lock = threading.Lock()
        self._seen_at = clock()
        self._observer = threading.Thread(target=self._observe, name="observer", daemon=True)
        self._thread = threading.Thread(target=self._run, name="housekeeper", daemon=True)

    def start(self) -> None:
        """Start the threads."""
        self._seen_at = self._clock()
        self._observer.start()
        self._thread.start()

    def stop_expiring(self) -> None:
        """Take no job back from a worker any more; the next start of the server gives each of them a new lease."""
        self._expiry.stop()

    def stop(self) -> None:
        """End the threads after a last round; harmless where it was never started."""
        self._is_stopping.set()
        self._expiry.due.set()
        if self._thread.is_alive():
            self._thread.join(LAST_ROUND_SECONDS)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._expiry.due.wait(self._interval_seconds)
            self._expiry.due.clear()
            is_last = self._is_stopping.is_set()  # read before the work, so that what was due at the stop is done
            try:
                self._extend_by_stop()
                self._expiry.expire_leases()
                for chore in self._chores:
                    chore()
            except Exception:
                logger.exception("housekeeping failed, trying again")

    def _observe(self) -> None:
        while not self._is_stopping.wait(self._interval_seconds):
            self._extend_by_stop()

    def _extend_by_stop(self) -> None:
        with self._lock:
            now = self._clock()
            stopped_seconds = now - self._seen_at - self._interval_seconds
            self._seen_at = now
            if stopped_seconds > self._interval_seconds:
                self._expiry.extend_leases(stopped_seconds)
