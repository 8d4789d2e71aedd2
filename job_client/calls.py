"""Calls that are tried again while the server cannot be reached."""

from collections.abc import Callable
from typing import TypeVar

import grpc
import tenacity

from job_client.errors import service_error
from shared.grpc_errors import STOPPED_SERVER_CODES

__all__ = ["CALL_SECONDS", "FIRST_PAUSE_SECONDS", "MAX_PAUSE_SECONDS", "TRANSFER_SECONDS", "call"]

T = TypeVar("T")

CALL_SECONDS = 60.0
TRANSFER_SECONDS = 600.0
"""How long a call may take that carries a video or results."""
PATIENCE_SECONDS = 3.0
"""How long a call is tried again while the server cannot be reached."""
FIRST_PAUSE_SECONDS = 0.1
MAX_PAUSE_SECONDS = 2.0


def call(method: Callable[..., T], request: object, seconds: float = CALL_SECONDS) -> T:
    """Makes a call that is safe to repeat.

    Args:
        method: The stub's method.
        request: Its request.
        seconds: The deadline of each try.

    Raises:
        ServiceError: The server refuses, or cannot be reached.
    """
    trying = tenacity.Retrying(
        retry=tenacity.retry_if_exception(_is_unavailable),
        wait=tenacity.wait_random_exponential(multiplier=FIRST_PAUSE_SECONDS, max=MAX_PAUSE_SECONDS),
        stop=tenacity.stop_after_delay(PATIENCE_SECONDS),
        reraise=True,
    )
    try:
        return trying(method, request, timeout=seconds)
    except grpc.RpcError as error:
        raise service_error(error) from error


def _is_unavailable(error: BaseException) -> bool:
    return isinstance(error, grpc.RpcError) and error.code() in STOPPED_SERVER_CODES
