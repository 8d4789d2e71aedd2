"""Calls that are repeated while the server cannot be reached, or is overloaded."""

import time
from collections.abc import Callable
from typing import TypeVar

import grpc
import tenacity

from job_client.errors import service_error
from shared.contract.channel import SLOWEST_BYTES_PER_SECOND
from shared.contract.errors import STOPPED_SERVER_CODES, description_of, is_above_grpc_limit, reason_of
from shared.contract.reasons import Reason
from shared.contract.retry import RetryPause, failure_of
from shared.process.clock import Clock, monotonic_clock

T = TypeVar("T")

CALL_SECONDS = 60.0
RESULTS_SECONDS = 4 * 3600.0
"""How long results may take, whose size is not known before: 440 MB over the slowest link. A lost
connection ends the call sooner, by its keepalive."""
UNREACHABLE_PATIENCE_SECONDS = 3.0
"""How long a call is tried again while the server cannot be reached, since it was last reached."""
PROGRESS_SECONDS = 0.5
"""A call that is cut off after so long had reached the server: it has carried bytes, of which gRPC says no number."""
CUT_SECONDS = 300.0
"""How long a call is tried again that is cut off each time after that: a video that needs longer than the connections
last never arrives."""
MIN_CUT_TRIES = 5
"""How often it is tried again at least, however long each try takes; so often only, where the server itself refuses."""
BUSY_PATIENCE_SECONDS = 60.0
"""How long a call is tried again while the server is overloaded."""
_NO_ANSWER = frozenset({grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})
"""What a connection that is reset, or a proxy, makes of a call; with a reason it is the server's own answer."""
MAX_TIMEOUT_SECONDS = 366 * 86_400.0
"""A year: gRPC takes what is far longer for a moment in the past."""
FIRST_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 2.0


def checked_timeout(seconds: float | None) -> float | None:
    """Return how long a call may take as the caller says it; None for 0 or None, which leave it to the call.

    Raises:
        ValueError: It is no such time.
    """
    if not 0 <= (seconds or 0) <= MAX_TIMEOUT_SECONDS:
        raise ValueError(f"a timeout must be 0 to {MAX_TIMEOUT_SECONDS:.0f} seconds, not {seconds}")
    return seconds or None


def upload_seconds(size_bytes: int) -> float:
    """Return how long a call may take that carries so many bytes to the server."""
    return CALL_SECONDS + size_bytes / SLOWEST_BYTES_PER_SECOND


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
    began_at = reached_at = clock()
    cut_tries = 0

    def attempt() -> T:
        nonlocal reached_at, cut_tries
        tried_at = clock()
        try:
            return method(request, timeout=seconds)
        except grpc.RpcError as error:
            was_connected = "failed to connect" not in description_of(error)
            is_early = reason_of(error) is None and clock() - began_at < CUT_SECONDS
            if was_connected and clock() - tried_at > PROGRESS_SECONDS and (is_early or cut_tries < MIN_CUT_TRIES):
                reached_at, cut_tries = clock(), cut_tries + 1
            raise

    trying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(lambda error: _patience(error) > 0),
        wait=RetryPause(FIRST_PAUSE_SECONDS, MAX_PAUSE_SECONDS),
        stop=lambda state: clock() - reached_at + state.upcoming_sleep > _patience(failure_of(state)),
        sleep=sleep,
        reraise=True,
    )
    try:
        return trying(attempt)
    except grpc.RpcError as error:
        raise service_error(error) from error


def _patience(error: BaseException | None) -> float:
    """Return for how many seconds a call that fails so is tried again; 0 where trying again is of no use."""
    if not isinstance(error, grpc.RpcError) or is_above_grpc_limit(error):
        return 0.0
    reason = reason_of(error)
    # Without a reason it is an answer that was cut off, which takes none.
    if reason == Reason.OVERLOADED or (reason is None and error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED):
        return BUSY_PATIENCE_SECONDS
    is_no_answer = reason is None and error.code() in _NO_ANSWER
    return UNREACHABLE_PATIENCE_SECONDS if is_no_answer or error.code() in STOPPED_SERVER_CODES else 0.0
