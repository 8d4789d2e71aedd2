"""Calls that are repeated while the server cannot be reached, or is overloaded."""

import time
from collections.abc import Callable
from typing import TypeVar

import grpc
import tenacity

from job_client.errors import service_error
from shared.contract.errors import STOPPED_SERVER_CODES, reason_of
from shared.contract.reasons import Reason
from shared.contract.retry import RetryPause, failure_of
from shared.process.clock import Clock, monotonic_clock

T = TypeVar("T")

CALL_SECONDS = 60.0
TRANSFER_SECONDS = 600.0
"""How long a call may take that carries a video or results."""
PATIENCE_SECONDS = 3.0
"""How long a call is tried again while the server cannot be reached."""
BUSY_PATIENCE_SECONDS = 60.0
"""How long a call is tried again while the server is overloaded."""
FIRST_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 2.0


def call(
    method: Callable[..., T],
    request: object,
    seconds: float = CALL_SECONDS,
    *,
    clock: Clock = monotonic_clock,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Make a call that is safe to repeat.

    Args:
        method: The stub's method.
        request: Its request.
        seconds: The deadline of each try.
        clock: Seconds that never go back.
        sleep: Waits for a number of seconds.

    Raises:
        ServiceError: The server refuses, or cannot be reached.
    """
    began_at = clock()
    trying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: _patience(error) > 0),
        wait=RetryPause(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS),
        stop=lambda state: clock() - began_at + state.upcoming_sleep > _patience(failure_of(state)),
        sleep=sleep,
        reraise=True,
    )
    try:
        return trying(method, request, timeout=seconds)
    except grpc.RpcError as error:
        raise service_error(error) from error


def _patience(error: BaseException | None) -> float:
    """Return for how many seconds a call that fails so is tried again; 0 where trying again is of no use."""
    if not isinstance(error, grpc.RpcError):
        return 0.0
    if error.code() in STOPPED_SERVER_CODES:
        return PATIENCE_SECONDS
    return BUSY_PATIENCE_SECONDS if reason_of(error) == Reason.OVERLOADED else 0.0
