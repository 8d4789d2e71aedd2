"""The gRPC server: the services, health and reflection on their addresses, and an ordered stop."""

from collections.abc import Callable, Mapping
from functools import partial

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from job_api.backpressure.admission import Backpressure
from job_api.backpressure.call_pool import CallPool
from job_api.housekeeper import Housekeeper
from job_api.interceptors.error_mapping import ErrorMappingInterceptor
from job_api.listener import Listener, server_credentials, server_options
from job_api.servicers.job_servicer import JobServicer
from job_api.servicers.worker_servicer import WorkerServicer
from job_api.services.job_queue import JobQueue
from job_api.settings import ApiSettings
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2, jobs_pb2_grpc

THREAD_END_SECONDS = 1.0
"""How long a call that was answered or cut off may take to end its thread's work."""

JOB_SERVICE = jobs_pb2.DESCRIPTOR.services_by_name["JobService"].full_name
WORKER_SERVICE = jobs_pb2.DESCRIPTOR.services_by_name["WorkerService"].full_name
HEALTH_SERVICE: str = health.SERVICE_NAME

_AddService = Callable[[grpc.Server], None]


class ApiServer:
    """JobService and WorkerService, on one address or on one each, with health and reflection beside them."""

    def __init__(
        self,
        settings: ApiSettings,
        job_servicer: JobServicer,
        worker_servicer: WorkerServicer,
        error_mapping: ErrorMappingInterceptor,
        backpressure: Backpressure,
        housekeeper: Housekeeper,
        job_queue: JobQueue,
    ) -> None:
        self._settings = settings
        self._error_mapping = error_mapping
        self._backpressure = backpressure
        self._housekeeper = housekeeper
        self._job_queue = job_queue
        self._health = health.HealthServicer()
        jobs = {JOB_SERVICE: partial(jobs_pb2_grpc.add_JobServiceServicer_to_server, job_servicer)}
        workers = {WORKER_SERVICE: partial(jobs_pb2_grpc.add_WorkerServiceServicer_to_server, worker_servicer)}
        # A waiting worker holds a thread, so there is room for all of them and for the calls beside them.
        worker_threads = settings.max_waiting_workers + settings.max_concurrent_calls
        if settings.worker_address:
            self._listeners = [
                self._listener(settings.address, settings.max_concurrent_calls, jobs),
                self._listener(settings.worker_address, worker_threads, workers),
            ]
        else:
            self._listeners = [self._listener(settings.address, worker_threads, jobs | workers)]

    def _listener(self, address: str, threads: int, services: Mapping[str, _AddService]) -> Listener:
        pool = CallPool(threads, "rpc")
        server = grpc.server(
            self._backpressure.executor_for(pool),
            interceptors=[self._error_mapping],
            options=server_options(self._settings),
        )
        for add_to in services.values():
            add_to(server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        reflection.enable_server_reflection((*services, HEALTH_SERVICE, reflection.SERVICE_NAME), server)
        return Listener(address, server, pool)

    def start(self) -> list[str]:
        """Listen, and report it to health checks.

        Returns:
            The addresses with the ports that were bound: JobService's, then WorkerService's if it has its own.

        Raises:
            AddressUnavailable: One is in use, or not an address of this host.
            CertificateUnusable: The certificate or its key cannot be used.
        """
        credentials = server_credentials(self._settings)
        addresses = [listener.bind(credentials) for listener in self._listeners]
        for listener in self._listeners:
            listener.server.start()
        self._backpressure.start()
        self._housekeeper.start()
        self.set_serving(True)
        return addresses

    def set_serving(self, is_serving: bool) -> None:  # noqa: FBT001 (the state that health checks get)
        """Report to health checks whether the server can serve; once it is stopping, it never does again."""
        states = health_pb2.HealthCheckResponse
        for service in ("", JOB_SERVICE, WORKER_SERVICE):
            self._health.set(service, states.SERVING if is_serving else states.NOT_SERVING)

    def stop(self, seconds: float | None = None) -> bool:
        """Stop in order: expire no lease, refuse new calls, answer waiting workers, finish calls, end the threads.

        Args:
            seconds: How long calls under way may take; None for `shutdown_seconds`.

        Returns:
            Whether all calls have ended; else they were cut off after those seconds, and their threads go on.
        """
        seconds = self._settings.shutdown_seconds if seconds is None else seconds
        self._health.enter_graceful_shutdown()
        self._housekeeper.stop_expiring()
        self._error_mapping.stop()
        self._job_queue.close()
        stopping = [listener.stop(seconds) for listener in self._listeners]
        for stopped in stopping:
            stopped.wait(seconds + THREAD_END_SECONDS)
        self._housekeeper.stop()
        self._backpressure.stop()
        ends = [*(listener.pool.is_done for listener in self._listeners), self._backpressure.is_done]
        return all(is_done(THREAD_END_SECONDS) for is_done in ends)
