"""What gRPC hands its calls to in place of a thread pool."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from job_api.backpressure.call_pool import CallPool
from job_api.backpressure.unread_calls import UnreadCall, unread_call

logger = logging.getLogger(__name__)


class GrpcExecutor(ThreadPoolExecutor):
    """Stands where gRPC has its thread pool. It has no threads of its own; gRPC's types take no other executor."""

    def __init__(self, admit: Callable[[UnreadCall, CallPool], None], pool: CallPool) -> None:
        super().__init__(1)
        self._admit = admit
        self._pool = pool

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> "Future[Any]":
        """Have the call admitted; the future says nothing, and gRPC does not query it.

        Nothing is raised: this is gRPC's own thread, and without it the server would hear nothing any more.
        """
        unread = unread_call((call, *arguments))
        try:
            if unread is None:
                return self._pool.submit(call, *arguments, **named)
            self._admit(unread, self._pool)
        except Exception as error:
            logger.exception("a call cannot be admitted")
            with suppress(Exception):
                if unread:
                    unread.refuse(error)
        return Future()
