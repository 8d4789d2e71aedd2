"""Read what a failed call says."""

import grpc
from google.rpc import error_details_pb2 as details
from grpc_status import rpc_status

from shared.contract.reasons import ERROR_DOMAIN

STOPPED_SERVER_CODES = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})
"""How a call ends that met no server, or one in the instant in which it stopped: gRPC cancels the call itself then."""

_ABOVE_GRPC_LIMIT = "larger than max"
"""What gRPC's own refusal of a message says, with the sizes behind it."""


def reason_of(error: grpc.RpcError) -> str | None:
    """Return the reason in an error's `ErrorInfo`, or None for an error that this service did not make."""
    info = details.ErrorInfo()
    return info.reason if _unpack(error, info) and info.domain == ERROR_DOMAIN else None


def retry_delay_seconds(error: grpc.RpcError) -> float | None:
    """Return how long the server requests to wait before the call is repeated, or None where it does not say."""
    info = details.RetryInfo()
    return info.retry_delay.ToMilliseconds() / 1000 if _unpack(error, info) else None


def description_of(error: grpc.RpcError) -> str:
    """Return the details of a failed call, or the error itself as text where it has none."""
    return (isinstance(error, grpc.Call) and error.details()) or repr(error)


def is_above_grpc_limit(error: grpc.RpcError) -> bool:
    """Return whether gRPC itself refused the message as too large; a busy proxy answers with the same code."""
    return error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and _ABOVE_GRPC_LIMIT in description_of(error)


def _unpack(error: grpc.RpcError, into: details.ErrorInfo | details.RetryInfo) -> bool:
    status = rpc_status.from_call(error)
    return any(detail.Unpack(into) for detail in status.details) if status else False
