"""The gRPC server: listening, health, reflection, the housekeeping thread, and an ordered stop."""

import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from job_api.interceptors.error_mapping import ErrorMappingInterceptor
from job_api.servicers.job_servicer import JobServicer
from job_api.servicers.worker_servicer import WorkerServicer
from job_api.services.dispatch import DispatchService
from job_api.services.waiting_line import WaitingLine
from job_api.settings import MIB, ApiSettings
from shared.generated.foregsyte.jobs.v1 import jobs_pb2, jobs_pb2_grpc

__all__ = ["AddressUnavailable", "ApiServer"]

logger = logging.getLogger(__name__)

MESSAGE_HEADROOM_BYTES = 16 * MIB
"""How far the library's message limit lies above ours: a payload just over ours is answered by us, with a reason."""

MAX_HOUSEKEEPING_SECONDS = 1.0
"""How late an expired lease may be noticed."""

SERVICE_NAMES = tuple(service.full_name for service in jobs_pb2.DESCRIPTOR.services_by_name.values())


class AddressUnavailable(Exception):
    """The address cannot be listened on; the message names it."""


class ApiServer:
    """Both services on one address."""

    def __init__(
        self,
        settings: ApiSettings,
        job_servicer: JobServicer,
        worker_servicer: WorkerServicer,
        interceptor: ErrorMappingInterceptor,
        dispatch: DispatchService,
        line: WaitingLine,
    ) -> None:
        self._settings = settings
        self._interceptor = interceptor
        self._line = line
        self._housekeeper = _Housekeeper(dispatch, min(MAX_HOUSEKEEPING_SECONDS, settings.lease_seconds / 10))
        # Waiting workers hold a thread each, so the pool has room for all of them and for the calls beside them.
        self._pool = ThreadPoolExecutor(settings.max_waiting_workers + settings.max_concurrent_calls, "rpc")
        self._health_pool = ThreadPoolExecutor(1, "health")
        self._health = health.HealthServicer(experimental_non_blocking=True, experimental_thread_pool=self._health_pool)
        self._server = grpc.server(self._pool, interceptors=[interceptor], options=_server_options(settings))
        jobs_pb2_grpc.add_JobServiceServicer_to_server(job_servicer, self._server)
        jobs_pb2_grpc.add_WorkerServiceServicer_to_server(worker_servicer, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        reflection.enable_server_reflection(
            (*SERVICE_NAMES, health.SERVICE_NAME, reflection.SERVICE_NAME), self._server
        )

    def start(self) -> str:
        """Listens, and says so to health checks.

        Returns:
            The address with the port that was bound.

        Raises:
            AddressUnavailable: It is in use, or not one of this host's.
        """
        host = self._settings.address.rpartition(":")[0]
        try:
            port = self._server.add_insecure_port(self._settings.address)
        except RuntimeError as error:
            raise AddressUnavailable(
                f"cannot listen on {self._settings.address}: it is in use, or not an address of this host"
            ) from error
        self._server.start()
        self._housekeeper.start()
        for service in ("", *SERVICE_NAMES):
            self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        return f"{host}:{port}"

    def stop(self) -> None:
        """Stops in order: no new calls, waiting workers sent home, calls under way finished, threads ended."""
        self._health.enter_graceful_shutdown()
        self._interceptor.stop()
        self._line.close()
        self._server.stop(self._settings.shutdown_seconds).wait()
        self._housekeeper.stop()
        self._pool.shutdown()
        self._health_pool.shutdown()


class _Housekeeper:
    """Takes the jobs of lost workers back, from a thread of its own."""

    def __init__(self, dispatch: DispatchService, interval_seconds: float) -> None:
        self._dispatch = dispatch
        self._interval_seconds = interval_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="housekeeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._interval_seconds):
            try:
                self._dispatch.expire_leases()
            except Exception:
                logger.exception("housekeeping failed, trying again")


def _server_options(settings: ApiSettings) -> list[tuple[str, int]]:
    largest = max(settings.max_video_bytes, settings.max_results_bytes)
    return [
        ("grpc.max_receive_message_length", min(largest + MESSAGE_HEADROOM_BYTES, 2**31 - 1)),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),  # else a second server could take half of the calls of the first
        # Workers wait in silence; their keepalive pings are welcome.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]
