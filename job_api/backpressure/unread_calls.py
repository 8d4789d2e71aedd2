"""A call as gRPC hands it to its thread pool, before its request is read.

gRPC reads the request of a unary call on the thread that then handles it, and answers it only once it is read. Here the
request is read without a thread, and a call is refused while its request is still arriving. There are no public names
for either. The private ones for both stand in this module alone; where one is missing, `unread_call` returns None, and
the call runs as gRPC would run it.
"""

import logging
from collections.abc import Callable
from functools import cached_property
from typing import Any

from grpc import _server as grpc_server
from grpc._cython import cygrpc  # type: ignore[attr-defined]

from job_api.interceptors.error_mapping import grpc_status

logger = logging.getLogger(__name__)

_NAMES = (
    *("_RPCState", "_abort", "_is_rpc_state_active", "_receive_message", "_unary_response_in_pool"),
    *("_CANCELLED", "_RECEIVE_MESSAGE_TOKEN"),
)
_MISSING = [name for name in _NAMES if not hasattr(grpc_server, name)]
_ARGUMENTS = 8
"""Of what gRPC has run: in which context, what serves the call, its event, its state, its handler, what reads its
request, and what deserializes and serializes."""
IS_KNOWN_GRPC = not _MISSING
"""Whether this gRPC has all of them."""
if not IS_KNOWN_GRPC:
    logger.warning("this grpcio is not known: slow callers hold threads, and memory is not bounded")


class UnreadCall:
    """One call that gRPC would run now, with its request not read.

    Args:
        arguments: What gRPC handed to its thread pool.
    """

    def __init__(self, arguments: tuple[Any, ...]) -> None:
        self._arguments = arguments
        self._in_context, self._serve, self._event, self._state = arguments[:4]

    @cached_property
    def method(self) -> str:
        """The full name of its RPC, `/package.Service/Method`."""
        unregistered = self._event.call_details.method  # of generated services the tag says it
        return bytes(unregistered).decode() if unregistered else str(self._event.tag)

    @cached_property
    def peer(self) -> str:
        """Who calls, as gRPC names it."""
        return bytes(self._event.call.peer()).decode()

    @property
    def has_one_request(self) -> bool:
        """Whether it is one message that is answered by one, which `read` can read."""
        return self._serve is grpc_server._unary_response_in_pool

    @property
    def has_ended(self) -> bool:
        """Whether it was cancelled or answered."""
        with self._state.condition:
            return not grpc_server._is_rpc_state_active(self._state)

    def read(self, on_read: Callable[[int | None], object]) -> None:
        """Have the request read; a call that has ended is left alone.

        Args:
            on_read: Called on gRPC's own thread with the request's size, None where none came; the call can run now.
        """
        receive = grpc_server._receive_message(self._state, self._event.call, self._arguments[6])

        def received(event: Any) -> Any:
            message = event.batch_operations[0].message()
            size_bytes = None if message is None else len(message)
            outcome = receive(event)
            try:
                on_read(size_bytes)
            except Exception:
                logger.exception("a call that has arrived could not be run")
            return outcome

        with self._state.condition:
            if grpc_server._is_rpc_state_active(self._state):
                self._event.call.start_server_batch((cygrpc.ReceiveMessageOperation(0),), received)
                self._state.due.add(grpc_server._RECEIVE_MESSAGE_TOKEN)

    def run(self) -> None:
        """Handle the request and answer it, on this thread; where it is not read, read it first."""
        before, after = self._arguments[1:5], self._arguments[6:]
        self._in_context(*before, self._request, *after)

    def _request(self) -> Any:
        with self._state.condition:
            request, self._state.request = self._state.request, None
        return self._arguments[5]() if request is None else request

    def refuse(self, error: Exception) -> None:
        """Answer the call with an error, whatever has arrived of it; its caller stops sending."""
        status = grpc_status(error)
        with self._state.condition:
            if not grpc_server._is_rpc_state_active(self._state):
                return
            self._state.code, self._state.details = status.code, status.details.encode()
            self._state.trailing_metadata = status.trailing_metadata
            grpc_server._abort(self._state, self._event.call, None, b"")  # the state has the code
            self._state.client = grpc_server._CANCELLED  # nothing more is read or sent
            self._state.request = None
            self._state.condition.notify_all()


def unread_call(arguments: tuple[Any, ...]) -> UnreadCall | None:
    """Return the call that gRPC handed to its thread pool, or None where this gRPC's private names are not known."""
    is_known = IS_KNOWN_GRPC and len(arguments) == _ARGUMENTS and isinstance(arguments[3], grpc_server._RPCState)
    return UnreadCall(arguments) if is_known else None
