"""Builds an API server from its settings: the one place where the parts meet. Tests build theirs here too."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import UUID, uuid4

from job_api.adapters import Port
from job_api.core.database import Database
from job_api.core.group_writer import GroupWriter
from job_api.core.migrations import migrate
from job_api.interceptors.error_mapping import ErrorMappingInterceptor
from job_api.queue.base import QueueService
from job_api.queue.memory_queue import MemoryQueue
from job_api.repositories.jobs import JobRepository
from job_api.server import ApiServer
from job_api.servicers.job_servicer import JobServicer
from job_api.servicers.worker_servicer import WorkerServicer
from job_api.services.dispatch import DispatchService
from job_api.services.job_queue import JobQueue
from job_api.services.leases import JobLocks, LeaseTable
from job_api.services.queries import QueryService
from job_api.services.recovery import RecoveryService
from job_api.services.submission import SubmissionService
from job_api.services.upload_gate import UploadGate
from job_api.settings import ApiSettings
from job_api.storage.base import StorageService
from job_api.storage.local_storage import LocalStorage
from shared.process.clock import Clock, monotonic_clock

__all__ = ["Services", "build_server", "build_services"]


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one server, on an open and migrated database."""

    submission: SubmissionService
    queries: QueryService
    dispatch: DispatchService
    line: JobQueue
    gate: UploadGate
    database: Database
    writer: GroupWriter
    storage: StorageService
    queue: QueueService

    def close(self) -> None:
        """Writes what waits and lets go of the database and the adapters."""
        with ExitStack() as stack:  # the last one first, each of them whatever the others do
            stack.callback(self.storage.close)
            stack.callback(self.queue.close)
            stack.callback(self.database.close)
            stack.callback(self.writer.close)


def build_services(
    settings: ApiSettings,
    *,
    storage: StorageService | None = None,
    queue: QueueService | None = None,
    clock: Clock = monotonic_clock,
    new_id: Callable[[], UUID] = uuid4,
) -> Services:
    """Opens and migrates the database, builds the services and recovers the jobs of the last run.

    Args:
        settings: What the server was told.
        storage: Where files are kept; None for the one that the settings name.
        queue: Where ids wait; None for the one that the settings name.
        clock: What time it is.
        new_id: Makes the ids of jobs.

    Raises:
        AdapterUnusable: The storage or the queue that the settings name cannot be had.
        PluginUnusable: It is a plugin that cannot be loaded.
        DatabaseUnavailable: The database is held by another process, damaged or newer than this code.
        StorageUnusable: The storage cannot be read or written.
    """
    with ExitStack() as unless_recovered:
        storage = storage or _chosen_storage(settings)
        unless_recovered.callback(storage.close)
        queue = queue or _chosen_queue(settings)
        unless_recovered.callback(queue.close)
        database = Database(settings.resolved_database_url)
        database.open()
        unless_recovered.callback(database.close)
        writer = GroupWriter(database.sessions)
        jobs = JobRepository(database, writer)
        line = JobQueue(queue, settings.max_waiting_workers)
        leases = LeaseTable(settings.lease_seconds, clock)
        locks = JobLocks()
        gate = UploadGate(settings.max_uploads, settings.max_upload_bytes)
        with database.unusable_is_explained():
            database_is_new = migrate(database)
            RecoveryService(jobs, storage, line, leases).recover(database_is_new=database_is_new)
        unless_recovered.pop_all()
    writer.start()
    return Services(
        submission=SubmissionService(
            jobs, storage, line, locks, settings.pipelines, settings.submission_limits, gate, new_id
        ),
        queries=QueryService(jobs, storage, locks, settings.default_page_size, settings.max_page_size),
        dispatch=DispatchService(jobs, storage, line, leases, locks, settings.dispatch_limits, clock),
        line=line,
        gate=gate,
        database=database,
        writer=writer,
        storage=storage,
        queue=queue,
    )


def _chosen_storage(settings: ApiSettings) -> StorageService:
    port: Port[StorageService] = Port("storage", StorageService, {"local": lambda: LocalStorage(settings.data_dir)})
    return port.adapter(settings.storage, settings.storage_tables.get(settings.storage, {}))


def _chosen_queue(settings: ApiSettings) -> QueueService:
    port: Port[QueueService] = Port("queue", QueueService, {"memory": MemoryQueue})
    return port.adapter(settings.queue, settings.queue_tables.get(settings.queue, {}))


def build_server(settings: ApiSettings, services: Services) -> ApiServer:
    """Builds the gRPC server in front of the services; it does not listen yet."""
    descriptions = settings.catalogue.describe(settings.pipelines, settings.profile)
    return ApiServer(
        settings,
        JobServicer(services.submission, services.queries, descriptions),
        WorkerServicer(services.dispatch, settings.pipelines),
        ErrorMappingInterceptor(),
        services.dispatch,
        services.line,
        services.gate,
    )
