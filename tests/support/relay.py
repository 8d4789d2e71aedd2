"""A server that passes calls on to another one, for tests of what a client does when calls or their answers fail."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc

from job_client import JobClient
from shared.contract.channel import open_channel
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import (
    JobServiceServicer,
    JobServiceStub,
    add_JobServiceServicer_to_server,
)


class Relay(JobServiceServicer):
    """Passes submits and questions for a status on, and failures back.

    Args:
        target: The address of the server to pass calls on to.
        lost_answers: How many submits to fail after the server has accepted them.

    Attributes:
        submits: The submits that arrived.
        target_away: Set when a call could not be passed on.
    """

    def __init__(self, target: str, lost_answers: int = 0) -> None:
        self._target = JobServiceStub(open_channel(target))
        self._lost_answers = lost_answers
        self.submits: list[pb.SubmitJobRequest] = []
        self.target_away = threading.Event()

    def SubmitJob(self, request: pb.SubmitJobRequest, context: Any) -> pb.SubmitJobResponse:  # noqa: N802 (gRPC's name)
        self.submits.append(request)
        answer: pb.SubmitJobResponse = self._pass_on(self._target.SubmitJob, request, context)
        if len(self.submits) <= self._lost_answers:
            context.abort(grpc.StatusCode.UNAVAILABLE, "Connection reset by peer")
        return answer

    def GetJobStatus(self, request: pb.GetJobStatusRequest, context: Any) -> pb.GetJobStatusResponse:  # noqa: N802 (gRPC's name)
        answer: pb.GetJobStatusResponse = self._pass_on(self._target.GetJobStatus, request, context)
        return answer

    def _pass_on(self, method: Callable[[Any], Any], request: Any, context: Any) -> Any:
        try:
            return method(request)
        except grpc.RpcError as error:
            self.target_away.set()
            context.abort(error.code(), error.details())


@contextmanager
def client_of(servicer: JobServiceServicer, timeout_seconds: float | None = None) -> Iterator[JobClient]:
    """Serve the servicer on a free port and yield a client of it."""
    with address_of(servicer) as address, JobClient(address, timeout_seconds=timeout_seconds) as client:
        yield client


@contextmanager
def address_of(servicer: JobServiceServicer) -> Iterator[str]:
    """Serve the servicer on a free port and yield its address."""
    server = grpc.server(ThreadPoolExecutor(max_workers=2))
    add_JobServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()
