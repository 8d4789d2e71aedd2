"""Read what a failed call says."""

from collections.abc import Iterable
from typing import TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from grpc_status import rpc_status

from shared.contract.reasons import ERROR_DOMAIN

M = TypeVar("M", bound=Message)

_DETAIL_KINDS: tuple[type[Message], ...] = (
    details.ErrorInfo,
    details.BadRequest,
    details.ResourceInfo,
    details.RetryInfo,
)

STOPPED_SERVER_CODES = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED})
"""How a call ends that met no server, or one in the instant in which it stopped: gRPC cancels the call itself then."""

_ABOVE_GRPC_LIMIT = "larger than max"
"""What gRPC's own refusal of a message says, with the sizes behind it."""


def details_of(error: grpc.RpcError) -> tuple[Message, ...]:
    """Return the `google.rpc` messages that came with an error, of the kinds that this service sends."""
    status = rpc_status.from_call(error)
    return tuple(
        message
        for packed in (status.details if status else ())
        for message in (kind() for kind in _DETAIL_KINDS)
        if packed.Unpack(message)
    )


def first_of(kind: type[M], messages: Iterable[Message]) -> M | None:
    """Return the first of the details that is of this kind, or None where there is none."""
    return next((message for message in messages if isinstance(message, kind)), None)


def reason_in(messages: Iterable[Message]) -> str | None:
    """Return the reason in an error's details, or None for an error that this service did not make."""
    info = first_of(details.ErrorInfo, messages)
    return info.reason if info and info.domain == ERROR_DOMAIN else None


def retry_delay_in(messages: Iterable[Message]) -> float | None:
    """Return how many seconds the details request to wait before the call is repeated, or None where they do not."""
    info = first_of(details.RetryInfo, messages)
    return info.retry_delay.ToMilliseconds() / 1000 if info else None


def reason_of(error: grpc.RpcError) -> str | None:
    """Return the reason of an error, or None for an error that this service did not make."""
    return reason_in(details_of(error))


def retry_delay_seconds(error: grpc.RpcError) -> float | None:
    """Return how long the server requests to wait before the call is repeated, or None where it does not say."""
    return retry_delay_in(details_of(error))


def description_of(error: grpc.RpcError) -> str:
    """Return the details of a failed call, or the error itself as text where it has none."""
    return (isinstance(error, grpc.Call) and error.details()) or repr(error)


def is_above_grpc_limit(error: grpc.RpcError) -> bool:
    """Return whether gRPC itself refused the message as too large; a busy proxy answers with the same code."""
    return error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED and _ABOVE_GRPC_LIMIT in description_of(error)
