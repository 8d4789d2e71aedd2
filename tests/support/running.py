"""A server together with the parts that tests use directly."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import grpc

from job_api.bootstrap import Services, build_server, build_services
from job_api.server import ApiServer
from job_api.services.dispatch import DispatchService
from job_api.services.job_queue import JobQueue
from job_api.settings import ApiSettings
from shared.contract.channel import CHANNEL_OPTIONS
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub, WorkerServiceStub


class StopHook:
    """Stands for the server's job queue, which a stop closes once new calls are refused and before the connections end.

    Attributes:
        during_stop: Called once at that instant, where it is set.
    """

    def __init__(self, job_queue: JobQueue) -> None:
        self._job_queue = job_queue
        self.during_stop: Callable[[], object] | None = None

    def retry(self) -> None:
        self._job_queue.retry()

    def close(self) -> None:
        hook, self.during_stop = self.during_stop, None
        if hook:
            hook()
        self._job_queue.close()


@dataclass
class Running:
    """One server, a channel to it, and its services."""

    settings: ApiSettings
    addresses: list[str]
    server: ApiServer
    stop_hook: StopHook
    services: Services
    channel: grpc.Channel
    jobs: JobServiceStub
    workers: WorkerServiceStub


@contextmanager
def running_server(
    settings: ApiSettings,
    *,
    wrap_dispatch: Callable[[DispatchService], Any] = lambda dispatch: dispatch,
    room_seconds: float = 30.0,
    housekeeping_seconds: float = 1.0,
    **adapters: object,
) -> Iterator[Running]:
    """Start a server; stop it at the end, which does no harm to one that was stopped."""
    services = build_services(settings, **adapters)  # type: ignore[arg-type]
    services = replace(services, dispatch=wrap_dispatch(services.dispatch))
    stop_hook = StopHook(services.job_queue)
    server = build_server(
        settings,
        replace(services, job_queue=stop_hook),  # type: ignore[arg-type]
        room_seconds=room_seconds,
        housekeeping_seconds=housekeeping_seconds,
    )
    try:
        addresses = server.start()
        with grpc.insecure_channel(addresses[0], options=CHANNEL_OPTIONS) as channel:
            jobs, workers = JobServiceStub(channel), WorkerServiceStub(channel)
            yield Running(settings, addresses, server, stop_hook, services, channel, jobs, workers)
    finally:
        server.stop()
        services.close()
