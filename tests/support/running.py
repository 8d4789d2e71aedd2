"""A server together with the parts that tests reach behind its back."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import grpc

from job_api.bootstrap import Services, build_server, build_services
from job_api.server import ApiServer
from job_api.settings import ApiSettings
from shared.contract.channel import CHANNEL_OPTIONS
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub, WorkerServiceStub


@dataclass
class Running:
    """One server, a channel to it, and its services."""

    addresses: list[str]
    server: ApiServer
    services: Services
    channel: grpc.Channel
    jobs: JobServiceStub
    workers: WorkerServiceStub


@contextmanager
def running_server(settings: ApiSettings, **adapters: object) -> Iterator[Running]:
    """Starts a server; stops it at the end, which does no harm to one that was stopped."""
    services = build_services(settings, **adapters)  # type: ignore[arg-type]
    server = build_server(settings, services)
    try:
        addresses = server.start()
        with grpc.insecure_channel(addresses[0], options=CHANNEL_OPTIONS) as channel:
            yield Running(addresses, server, services, channel, JobServiceStub(channel), WorkerServiceStub(channel))
    finally:
        server.stop()
        services.close()
