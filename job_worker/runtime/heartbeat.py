"""Keeping the lease of the job in hand alive, whatever the work does."""

import logging
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

import grpc

from job_worker.errors import LeaseLost

__all__ = ["Heartbeat"]

logger = logging.getLogger(__name__)

RENEWALS_PER_LEASE = 3
RETRY_SECONDS = 1.0
"""Pause after a renewal that did not reach the server: short, for the lease is running out."""


class Heartbeat:
    """Renews one job's lease from a thread of its own, for as long as the `with` block lasts.

    Attributes:
        lost: Set once the server says that the job is another's.
    """

    def __init__(self, renew: Callable[[], float]) -> None:
        self._renew = renew
        self._ended = threading.Event()
        self.lost = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        pause = 0.0
        while not self._ended.wait(pause):
            try:
                pause = self._renew() / RENEWALS_PER_LEASE
            except LeaseLost:
                self.lost.set()
                return
            except grpc.RpcError as error:
                logger.warning("lease not renewed, trying again", extra={"error": error.details()})
                pause = RETRY_SECONDS
