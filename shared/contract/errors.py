"""Reading the details of an error that the server sent."""

import grpc
from google.rpc import error_details_pb2 as details
from grpc_status import rpc_status

from shared.contract.reasons import ERROR_DOMAIN

__all__ = ["STOPPED_SERVER_CODES", "reason_of", "retry_delay_seconds"]


STOPPED_SERVER_CODES = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})
"""How a call ends that met no server, or one in the instant in which it stopped: gRPC cancels the call itself then."""


def reason_of(error: grpc.RpcError) -> str | None:
    """Returns the reason in an error's `ErrorInfo`, or None for an error that this service did not make."""
    info = details.ErrorInfo()
    return info.reason if _unpack(error, info) and info.domain == ERROR_DOMAIN else None


def retry_delay_seconds(error: grpc.RpcError) -> float | None:
    """Returns how long the server asks to wait before trying again, or None where it does not say."""
    info = details.RetryInfo()
    return info.retry_delay.ToMilliseconds() / 1000 if _unpack(error, info) else None


def _unpack(error: grpc.RpcError, into: details.ErrorInfo | details.RetryInfo) -> bool:
    status = rpc_status.from_call(error)
    return any(detail.Unpack(into) for detail in status.details) if status else False
