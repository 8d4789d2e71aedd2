"""The stub through which a worker calls its server, without a new thread for a call."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message

from job_worker.errors import HostUnusable
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import WorkerServiceStub

T = TypeVar("T")


class ServerStub(WorkerServiceStub):
    """Calls WorkerService in a thread that is there from the start.

    gRPC starts a thread for each call that is not waited for. Where none can be started, its channel answers none of
    them any more.

    Args:
        open_channel: Opens a channel to the server.

    Raises:
        HostUnusable: This host has no thread for the calls.
    """

    def __init__(self, open_channel: Callable[[], grpc.Channel]) -> None:
        self._open_channel = open_channel
        self._thread = ThreadPoolExecutor(1, "calls")
        try:
            self._thread.submit(int).result()
        except RuntimeError as error:
            raise HostUnusable("this host has no thread left for the calls to the server") from error
        self._connect()

    def _connect(self) -> None:
        self._channel = self._open_channel()
        vars(self).update(vars(WorkerServiceStub(self._channel)))  # its methods

    def begin(self, method: "grpc.UnaryUnaryMultiCallable[Any, T]", request: Message, seconds: float) -> Future[T]:
        """Call, after the call that was begun before.

        Args:
            method: A method of this object.
            request: With what to call it.
            seconds: The deadline of the call.
        """
        return self._thread.submit(method, request, timeout=seconds)

    def cancel_calls(self) -> None:
        """End all calls that have no answer yet, by another channel."""
        cancelled = self._channel
        self._connect()  # first: another thread may call at any time
        cancelled.close()

    def close(self) -> None:
        """End all calls; none can be made after this."""
        self._channel.close()
        self._thread.shutdown(wait=False)
