"""The one place where errors become gRPC status codes and details."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import uuid4

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2
from grpc_status import rpc_status

from job_api.disk.errors import disk_error
from job_api.errors import (
    AlreadyExists,
    ApiError,
    DataLoss,
    Exhausted,
    InvalidRequest,
    MalformedRequest,
    NotFound,
    ShuttingDown,
    Unavailable,
    WrongState,
)
from shared.contract.durations import duration_of_seconds
from shared.contract.reasons import ERROR_DOMAIN, Reason

logger = logging.getLogger(__name__)

STATUS_CODES: dict[type[ApiError], grpc.StatusCode] = {
    InvalidRequest: grpc.StatusCode.INVALID_ARGUMENT,
    NotFound: grpc.StatusCode.NOT_FOUND,
    AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    WrongState: grpc.StatusCode.FAILED_PRECONDITION,
    Exhausted: grpc.StatusCode.RESOURCE_EXHAUSTED,
    Unavailable: grpc.StatusCode.UNAVAILABLE,
    DataLoss: grpc.StatusCode.DATA_LOSS,
}
"""Looked up along an error's classes, from its own to its base."""

MAX_MESSAGE_BYTES = 1000
"""gRPC takes about 8 KB of trailers; message and details repeat the text, escaped it is up to six times as long."""

_MALFORMED = object()
"""Stands for a request whose bytes could not be read."""


class ErrorMappingInterceptor(grpc.ServerInterceptor):
    """Maps every error of a handler to its status, and refuses new calls once the server is stopping."""

    def __init__(self) -> None:
        self._is_stopping = False

    def stop(self) -> None:
        """Refuse calls that come from now on with SHUTTING_DOWN; those that came before go on."""
        self._is_stopping = True

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        """Wrap the handler of an RPC of this project; health and reflection keep theirs.

        gRPC requests it when a call comes, long before all of its request is there.
        """
        is_late = self._is_stopping
        handler = continuation(handler_call_details)
        if handler is None or not handler_call_details.method.startswith("/foregsyte."):
            return handler

        @wraps(handler.unary_unary)  # with its attributes, of which gRPC reads some
        def respond(request: Message, context: grpc.ServicerContext) -> Any:
            try:
                if is_late:
                    raise ShuttingDown("the server is stopping; try again")
                if request is _MALFORMED:
                    raise MalformedRequest
                return handler.unary_unary(request, context)
            except BaseException as error:  # noqa: BLE001 (every error is answered, also the SystemExit of a plugin)
                status = grpc_status(error)
            context.abort_with_status(status)
            raise AssertionError("abort_with_status always raises")

        return grpc.unary_unary_rpc_method_handler(
            respond, _or_malformed(handler.request_deserializer), _or_serialized(handler.response_serializer)
        )


def _or_malformed(deserialize: Callable[[bytes], Any] | None) -> Callable[[bytes], Any] | None:
    """Return a deserializer that never raises: gRPC itself would answer INTERNAL."""
    if deserialize is None:
        return None

    def read(request: bytes) -> Any:
        try:
            return deserialize(request)
        except Exception:  # noqa: BLE001 (whatever is wrong, the bytes are no message)
            return _MALFORMED

    return read


def _or_serialized(serialize: Callable[[Any], bytes] | None) -> Callable[[Any], bytes] | None:
    """Return a serializer that leaves a response as it is where its servicer has serialized it."""
    if serialize is None:
        return None
    return lambda response: response if isinstance(response, bytes) else serialize(response)


def grpc_status(error: BaseException) -> grpc.Status:
    """Return how gRPC ends a call that ended with an error: code, message and trailers."""
    status: grpc.Status = rpc_status.to_status(status_of(error))
    return status


def status_of(error: BaseException) -> status_pb2.Status:
    """Return the status that answers an error: code, message and details.

    An unexpected error is logged with a reference; the caller gets the reference and nothing else.
    """
    if refusal := disk_error(error):
        logger.error("disk error", extra={"error": repr(error)})
        error = refusal
    if isinstance(error, ApiError):
        code = next(STATUS_CODES[base] for base in type(error).__mro__ if base in STATUS_CODES)
        message = _cut(error.message)
        return _status(code, message, error.reason, _details_of(error, message))
    reference = uuid4().hex[:12]
    logger.error("internal error", extra={"reference": reference}, exc_info=error)
    return _status(grpc.StatusCode.INTERNAL, f"internal error (reference {reference})", Reason.INTERNAL, [])


def _cut(message: str) -> str:
    """Return the message, cut where it is too long to send: it may repeat what a worker or a client wrote."""
    encoded = message.encode()
    if len(encoded) <= MAX_MESSAGE_BYTES:
        return message
    return encoded[:MAX_MESSAGE_BYTES].decode(errors="ignore") + " ..."


def _status(code: grpc.StatusCode, message: str, reason: Reason, more: list[Message]) -> status_pb2.Status:
    status = status_pb2.Status(code=code.value[0], message=message)
    for detail in [details.ErrorInfo(reason=reason, domain=ERROR_DOMAIN), *more]:
        packed = AnyMessage()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _details_of(error: ApiError, message: str) -> list[Message]:
    more: list[Message] = []
    if isinstance(error, InvalidRequest):
        violation = details.BadRequest.FieldViolation(field=error.field, description=message)
        more.append(details.BadRequest(field_violations=[violation]))
    if isinstance(error, NotFound | AlreadyExists | WrongState | DataLoss):
        more.append(
            details.ResourceInfo(resource_type="foregsyte.jobs.v1.Job", resource_name=error.job_id, description=message)
        )
    if error.retry_after_seconds is not None:
        more.append(details.RetryInfo(retry_delay=duration_of_seconds(error.retry_after_seconds)))
    return more
