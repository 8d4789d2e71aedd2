"""Calls of one method on threads of their own."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

__all__ = ["OwnPoolInterceptor"]


class OwnPoolInterceptor(grpc.ServerInterceptor):
    """Has the calls of one method run in a pool of their own; must stand before whatever wraps their handler."""

    def __init__(self, method: str, pool: ThreadPoolExecutor) -> None:
        self._method = method
        self._pool = pool

    def intercept_service(
        self, continuation: Callable[[grpc.HandlerCallDetails], Any], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        """Names the pool to gRPC."""
        handler = continuation(handler_call_details)
        if handler is not None and handler_call_details.method == self._method:
            # gRPC looks for this name at the function; its own health service uses it too.
            handler.unary_unary.experimental_thread_pool = self._pool
        return handler
