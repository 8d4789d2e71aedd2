"""What gRPC hands its calls to in place of a thread pool."""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from job_api.call_pool import CallPool
from job_api.interceptors.held_calls import HeldCall, held_call

logger = logging.getLogger(__name__)


class Front(ThreadPoolExecutor):
    """Stands where gRPC has its thread pool. It has no threads of its own; gRPC's types take no other executor."""

    def __init__(self, let_in: Callable[[HeldCall, CallPool], None], pool: CallPool) -> None:
        super().__init__(1)
        self._let_in = let_in
        self._pool = pool

    def submit(self, call: Callable[..., Any], /, *arguments: Any, **named: Any) -> "Future[Any]":
        """Let the call's request in; the future says nothing, and gRPC does not query it.

        Nothing is raised: this is gRPC's own thread, and without it the server would hear nothing any more.
        """
        held = held_call((call, *arguments))
        try:
            if held is None:
                return self._pool.submit(call, *arguments, **named)
            self._let_in(held, self._pool)
        except Exception as error:
            logger.exception("a call cannot be let in")
            with suppress(Exception):
                if held:
                    held.refuse(error)
        return Future()
