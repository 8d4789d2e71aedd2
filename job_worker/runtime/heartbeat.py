"""Renew the lease of the current job, whatever the work does."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import grpc

from job_worker.errors import HostUnusable, LeaseLost
from shared.contract.errors import description_of

logger = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 3
RETRY_SECONDS = 1.0
"""Pause after a renewal that failed: short, for the lease is running out."""
END_SECONDS = 1.0
"""How long the end of the job waits for a renewal that is under way; the thread ends with that call, by itself."""


class Heartbeat:
    """Renews one job's lease from a thread of its own, for as long as the `with` block lasts.

    Args:
        renew: Renews the lease; returns its length in seconds.
        retry_seconds: Pause after a renewal that failed.

    Attributes:
        lost: Set once the server says that this worker no longer holds the job.
    """

    def __init__(self, renew: Callable[[], float], retry_seconds: float = RETRY_SECONDS) -> None:
        self._renew = renew
        self._retry_seconds = retry_seconds
        self._ended = threading.Event()
        self.lost = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread.

        Raises:
            HostUnusable: There is none to be had.
        """
        try:
            self._thread.start()
        except RuntimeError as error:
            raise HostUnusable("this host has no thread left for the job") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(END_SECONDS)

    def _run(self) -> None:
        pause = 0.0
        while not self._ended.wait(pause):
            try:
                pause = self._renew() / RENEWALS_PER_LEASE
            except LeaseLost:
                self.lost.set()
                return
            except grpc.RpcError as error:
                logger.warning("lease not renewed, trying again", extra={"error": description_of(error)})
                pause = self._retry_seconds
            except Exception:  # a heartbeat that ended silently would let the lease expire
                logger.exception("lease not renewed, trying again")
                pause = self._retry_seconds
