"""The gRPC server: listening, health, reflection, the housekeeping thread, and an ordered stop."""

import logging
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from job_api.call_pools import CallPool, UploadPool
from job_api.interceptors.error_mapping import ErrorMappingInterceptor
from job_api.interceptors.own_pool import OwnPoolInterceptor
from job_api.servicers.job_servicer import JobServicer
from job_api.servicers.worker_servicer import WorkerServicer
from job_api.services.dispatch import DispatchService
from job_api.services.job_queue import JobQueue
from job_api.services.upload_gate import UploadGate
from job_api.settings import MIB, ApiSettings
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2, jobs_pb2_grpc

__all__ = ["AddressUnavailable", "ApiServer", "CertificateUnusable"]

logger = logging.getLogger(__name__)

MESSAGE_HEADROOM_BYTES = 16 * MIB
"""How far the library's message limit lies above ours: a payload just over ours is answered by us, with a reason."""

MAX_HOUSEKEEPING_SECONDS = 1.0
"""How late an expired lease may be noticed."""

LAST_STEPS_SECONDS = 1.0
"""How long a call that was answered or cut off may take to end its thread's work."""

JOB_SERVICE = jobs_pb2.DESCRIPTOR.services_by_name["JobService"].full_name
WORKER_SERVICE = jobs_pb2.DESCRIPTOR.services_by_name["WorkerService"].full_name
SUBMIT = f"/{JOB_SERVICE}/SubmitJob"

_Service = tuple[str, Callable[[grpc.Server], None]]
"""A service's name and what adds it to a server."""


class AddressUnavailable(Exception):
    """The address cannot be listened on; the message names it."""


class CertificateUnusable(Exception):
    """The certificate or its key is no such thing, or one is not the other's; the message names the settings."""


class ApiServer:
    """JobService and WorkerService, on one address or on one each, with health and reflection beside them."""

    def __init__(
        self,
        settings: ApiSettings,
        job_servicer: JobServicer,
        worker_servicer: WorkerServicer,
        interceptor: ErrorMappingInterceptor,
        dispatch: DispatchService,
        line: JobQueue,
        gate: UploadGate,
    ) -> None:
        self._settings = settings
        self._interceptor = interceptor
        self._line = line
        threads = min(settings.max_uploads, settings.max_concurrent_calls)
        self._uploads = UploadPool(gate, threads, settings.largest_payload_bytes)
        self._housekeeper = _Housekeeper(dispatch, min(MAX_HOUSEKEEPING_SECONDS, settings.lease_seconds / 10))
        self._health = health.HealthServicer()
        jobs = (JOB_SERVICE, partial(jobs_pb2_grpc.add_JobServiceServicer_to_server, job_servicer))
        workers = (WORKER_SERVICE, partial(jobs_pb2_grpc.add_WorkerServiceServicer_to_server, worker_servicer))
        if settings.worker_address:
            self._listeners = [
                self._listener(settings.address, settings.max_concurrent_calls, [jobs]),
                self._listener(settings.worker_address, self._worker_threads, [workers]),
            ]
        else:
            self._listeners = [self._listener(settings.address, self._worker_threads, [jobs, workers])]

    @property
    def _worker_threads(self) -> int:
        # Waiting workers hold a thread each, so there is room for all of them and for the calls beside them.
        return self._settings.max_waiting_workers + self._settings.max_concurrent_calls

    def _listener(self, address: str, threads: int, services: list[_Service]) -> "_Listener":
        pool = CallPool(threads, "rpc")
        server = grpc.server(
            pool,
            interceptors=[OwnPoolInterceptor(SUBMIT, self._uploads), self._interceptor],
            options=_server_options(self._settings),
        )
        for _, add_to in services:
            add_to(server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        names = [name for name, _ in services]
        reflection.enable_server_reflection((*names, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
        return _Listener(address, server, pool)

    def start(self) -> list[str]:
        """Listens, and says so to health checks.

        Returns:
            The addresses with the ports that were bound: JobService's, then WorkerService's if it has its own.

        Raises:
            AddressUnavailable: One is in use, or not one of this host's.
            CertificateUnusable: The certificate and its key are no pair.
        """
        credentials = _credentials(self._settings)
        addresses = [listener.bind(credentials) for listener in self._listeners]
        for listener in self._listeners:
            listener.server.start()
        self._housekeeper.start()
        for service in ("", JOB_SERVICE, WORKER_SERVICE):
            self._health.set(service, health_pb2.HealthCheckResponse.SERVING)
        return addresses

    def stop(self) -> bool:
        """Stops in order: no new calls, waiting workers sent home, calls under way finished, threads ended.

        Returns:
            Whether all calls have ended; else they were cut off after `shutdown_seconds`, and their threads go on.
        """
        self._health.enter_graceful_shutdown()
        self._interceptor.stop()
        self._line.close()
        stopping = [listener.server.stop(self._settings.shutdown_seconds) for listener in self._listeners]
        for stopped in stopping:
            stopped.wait()
        self._housekeeper.stop()
        pools = [*(listener.pool for listener in self._listeners), self._uploads]
        return all(pool.is_done(LAST_STEPS_SECONDS) for pool in pools)


@dataclass(frozen=True, slots=True)
class _Listener:
    """One gRPC server and where it listens."""

    address: str
    server: grpc.Server
    pool: CallPool

    def bind(self, credentials: grpc.ServerCredentials | None) -> str:
        """Takes the address; returns it with the port that was bound."""
        try:
            if credentials:
                port = self.server.add_secure_port(self.address, credentials)
            else:
                port = self.server.add_insecure_port(self.address)
        except RuntimeError as error:
            raise AddressUnavailable(
                f"cannot listen on {self.address}: it is in use, or not an address of this host"
            ) from error
        return f"{self.address.rpartition(':')[0]}:{port}"


def _credentials(settings: ApiSettings) -> grpc.ServerCredentials | None:
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    certificate, key = settings.tls_cert_file, settings.tls_key_file
    try:
        # gRPC takes any bytes here and then says of the address that it cannot be bound.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
        return grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise CertificateUnusable(
            f"--tls-cert-file {certificate} and --tls-key-file {key} cannot be used: they must be a certificate chain "
            f"and the unencrypted key that belongs to it, both PEM ({error})"
        ) from error


class _Housekeeper:
    """Takes back the jobs whose leases have ended, from a thread of its own: now and then, and whenever it is due."""

    def __init__(self, dispatch: DispatchService, interval_seconds: float) -> None:
        self._dispatch = dispatch
        self._interval_seconds = interval_seconds
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name="housekeeper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._is_stopping = True
        self._dispatch.housekeeping_due.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._dispatch.housekeeping_due.wait(self._interval_seconds)
            self._dispatch.housekeeping_due.clear()
            is_last = self._is_stopping  # looked up before the work, so that what was due at the stop is done
            try:
                self._dispatch.expire_leases()
            except Exception:
                logger.exception("housekeeping failed, trying again")


def _server_options(settings: ApiSettings) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", min(settings.largest_payload_bytes + MESSAGE_HEADROOM_BYTES, 2**31 - 1)),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),  # else a second server could take half of the calls of the first
        # Workers wait in silence; their keepalive pings are welcome.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]
