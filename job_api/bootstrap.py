"""Build an API server from its settings: the one place where its parts meet. Tests build theirs here too."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from uuid import UUID, uuid4

from job_api.adapters import Port
from job_api.backpressure.admission import SMALL_BYTES, Backpressure
from job_api.backpressure.call_pool import CallPool
from job_api.backpressure.client_call import ClientCall
from job_api.backpressure.message_budget import ROOM_SECONDS, MessageBudget
from job_api.backpressure.slow_readers import SlowReaders
from job_api.core.database import Database
from job_api.core.group_writer import GroupWriter
from job_api.core.migrations import migrate
from job_api.disk.data_folder import note_database, was_of_another_database
from job_api.housekeeper import Housekeeper
from job_api.interceptors.error_mapping import ErrorMappingInterceptor
from job_api.queue.base import QueueService
from job_api.queue.memory_queue import MemoryQueue
from job_api.repositories.jobs import JobRepository
from job_api.server import HEALTH_SERVICE, JOB_SERVICE, WORKER_SERVICE, ApiServer
from job_api.servicers.job_servicer import JobServicer
from job_api.servicers.worker_servicer import WorkerServicer
from job_api.services.dispatch import DispatchService
from job_api.services.job_queue import POLL_SECONDS, JobQueue
from job_api.services.lease_expiry import LeaseExpiry
from job_api.services.leases import JobLocks, LeaseTable
from job_api.services.queries import QueryService
from job_api.services.recovery import RecoveryService
from job_api.services.reports import USE_CHUNKS, ReportService
from job_api.services.running_jobs import RunningJobs
from job_api.services.submission import SubmissionService
from job_api.settings import ApiSettings
from job_api.storage.base import StorageService
from job_api.storage.keys import JOBS_FOLDER
from job_api.storage.local_storage import LocalStorage
from job_api.storage.results_staging import ResultsStaging
from shared.process.clock import Clock, monotonic_clock

STAGING_FOLDER = "staging"
"""The folder in the data folder where results arrive."""
JOB_FOLDERS = (JOBS_FOLDER, STAGING_FOLDER)
"""The folders in the data folder in which something is written for every job."""
RESULTS_FLOOR = 2
"""Videos are refused when less than `min_free_bytes` is free on the disk, results when less than that divided by this
is: accepted jobs can still be completed, and the database has room."""
PROMPT_THREADS = 8
"""Threads for what waits for no disk, as long as a lease is there: its renewal, and the check of the health."""
MAX_HOUSEKEEPING_SECONDS = 1.0
"""How late the server may notice that a lease has expired."""


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one server, on an open and migrated database."""

    submission: SubmissionService
    queries: QueryService
    dispatch: DispatchService
    reports: ReportService
    expiry: LeaseExpiry
    running: RunningJobs
    job_queue: JobQueue
    leases: LeaseTable
    locks: JobLocks
    database: Database
    writer: GroupWriter
    storage: StorageService
    queue: QueueService

    def close(self) -> None:
        """Commit the waiting writes, then close the database and the adapters."""
        with ExitStack() as stack:  # the last one first, each of them even if another fails
            stack.callback(self.storage.close)
            stack.callback(self.queue.close)
            stack.callback(self.database.close)
            stack.callback(self.writer.close)


def build_services(
    settings: ApiSettings,
    *,
    storage: StorageService | None = None,
    queue: QueueService | None = None,
    make_jobs: Callable[[Database, GroupWriter], JobRepository] = JobRepository,
    clock: Clock = monotonic_clock,
    new_id: Callable[[], UUID] = uuid4,
    poll_seconds: float = POLL_SECONDS,
) -> Services:
    """Open and migrate the database, build the services and recover the jobs of the last run.

    Args:
        settings: The settings of the server.
        storage: Where files are kept; None for the one that the settings name.
        queue: Where ids wait; None for the one that the settings name.
        make_jobs: Makes the repository of jobs.
        clock: Returns the time that leases are measured by, in seconds.
        new_id: Makes the ids of jobs.
        poll_seconds: How often a waiting Dequeue looks at the queue without being woken.

    Raises:
        AdapterUnusable: The storage or the queue that the settings name cannot be made.
        PluginUnusable: It is a plugin that cannot be loaded.
        DatabaseUnavailable: The database is held by another process, damaged or newer than this code.
        StorageUnusable: The storage cannot be read or written.
    """
    with ExitStack() as unless_started:
        storage = storage or _chosen_storage(settings)
        unless_started.callback(storage.close)
        queue = queue or _chosen_queue(settings)
        unless_started.callback(queue.close)
        database = Database(settings.resolved_database_url)
        database.open()
        unless_started.callback(database.close)
        writer = GroupWriter(database)
        jobs = make_jobs(database, writer)
        job_queue = JobQueue(queue, settings.max_waiting_workers, poll_seconds)
        leases = LeaseTable(settings.lease_seconds, clock)
        staging = ResultsStaging(settings.data_dir / STAGING_FOLDER, settings.min_free_bytes // RESULTS_FLOOR, clock)
        _recover(settings, database, RecoveryService(jobs, storage, staging, job_queue, leases))
        writer.start()
        unless_started.pop_all()
    locks = JobLocks()
    running = RunningJobs(jobs, job_queue, leases, locks, staging)
    expiry = LeaseExpiry(leases, running, settings.max_lost_workers)
    return Services(
        submission=SubmissionService(
            jobs, storage, job_queue, locks, settings.pipelines, settings.submission_limits, new_id
        ),
        queries=QueryService(jobs, storage, locks, settings.query_limits),
        dispatch=DispatchService(jobs, storage, job_queue, leases, running, expiry, settings.dispatch_limits, clock),
        reports=ReportService(jobs, storage, staging, leases, running, settings.report_limits),
        expiry=expiry,
        running=running,
        job_queue=job_queue,
        leases=leases,
        locks=locks,
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


def _recover(settings: ApiSettings, database: Database, recovery: RecoveryService) -> None:
    """Migrate the database and recover its jobs; note that the data folder is its own."""
    with database.driver_errors_translated():
        is_new, name = migrate(database), database.name_in(settings.data_dir)
        is_another = is_new or was_of_another_database(settings.data_dir, name)
        recovery.recover(is_another_database=is_another)
        note_database(settings.data_dir, name)


def build_server(
    settings: ApiSettings,
    services: Services,
    *,
    housekeeping_seconds: float = MAX_HOUSEKEEPING_SECONDS,
    room_seconds: float = ROOM_SECONDS,
) -> ApiServer:
    """Build the gRPC server in front of the services; it does not listen yet.

    Args:
        settings: The settings of the server.
        services: The services that it calls.
        housekeeping_seconds: The longest time between two looks for expired leases.
        room_seconds: How long an upload or a response waits for room before it is refused.
    """
    slow_readers = SlowReaders(settings.slowest_bytes_per_second)
    budget = MessageBudget(settings.max_inflight_bytes, room_seconds, slow_readers)
    descriptions = settings.catalogue.describe(settings.pipelines, settings.profile)
    return ApiServer(
        settings,
        JobServicer(services.submission, services.queries, descriptions, budget, ClientCall),
        WorkerServicer(services.dispatch, services.reports, settings.pipelines, budget),
        ErrorMappingInterceptor(),
        _backpressure(settings, budget, room_seconds),
        Housekeeper(
            services.expiry,
            (services.job_queue.retry, services.running.drop_abandoned_results),
            min(housekeeping_seconds, settings.lease_seconds / 10),
        ),
        services.job_queue,
    )


def _backpressure(settings: ApiSettings, budget: MessageBudget, room_seconds: float) -> Backpressure:
    submit_job = f"/{JOB_SERVICE}/SubmitJob"
    max_bytes = {
        submit_job: settings.max_video_bytes,
        f"/{WORKER_SERVICE}/CompleteJob": settings.max_inline_results_bytes,
        f"/{WORKER_SERVICE}/FailJob": max(settings.max_error_message_bytes, SMALL_BYTES),
        f"/{WORKER_SERVICE}/PutJobResults": settings.max_chunk_bytes,
    }
    uploads = {submit_job: CallPool(settings.max_uploads, "upload")}
    pool = CallPool(PROMPT_THREADS, "prompt")
    prompt = {f"/{WORKER_SERVICE}/RenewLease": pool, f"/{HEALTH_SERVICE}/Check": pool}
    advice = {f"/{WORKER_SERVICE}/CompleteJob": USE_CHUNKS}
    return Backpressure(budget, max_bytes, uploads, room_seconds, prompt=prompt, advice=advice)
