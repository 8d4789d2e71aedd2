"""The command `foregsyte-api`: settings, the server, an ordered stop."""

import logging
import threading
from collections.abc import Sequence

from job_api.adapters import AdapterUnusable
from job_api.backpressure.call_pool import ThreadsUnavailable, thread_errors_translated
from job_api.bootstrap import JOB_FOLDERS, STAGING_FOLDER, Services, build_server, build_services
from job_api.core.database import DatabaseUnavailable
from job_api.disk.data_folder import DataFolder, DataFolderHeld, DataFolderUnusable
from job_api.disk_watch import DiskWatch
from job_api.listener import AddressUnavailable, CertificateUnusable
from job_api.services.recovery import StorageUnusable
from job_api.settings import ApiSettings
from shared.process.entry_point import end_now, run_service
from shared.process.escaping import terminal_text
from shared.process.exit_codes import ExitCode
from shared.process.plugins import PluginUnusable
from shared.process.signals import stop_signals

PROGRAM = "foregsyte-api"
REFUSALS: dict[type[Exception], ExitCode] = {
    AdapterUnusable: ExitCode.USAGE,
    PluginUnusable: ExitCode.USAGE,
    DatabaseUnavailable: ExitCode.DATABASE,
    StorageUnusable: ExitCode.STORAGE,
    AddressUnavailable: ExitCode.ADDRESS,
    CertificateUnusable: ExitCode.USAGE,
    DataFolderHeld: ExitCode.TRY_LATER,
    DataFolderUnusable: ExitCode.STORAGE,
    ThreadsUnavailable: ExitCode.FAILURE,
}

LAST_STEPS_SECONDS = 10.0
"""How long a stop may take beyond `shutdown_seconds`: threads end, the database merges its log into its file."""
FAILED_STOP_SECONDS = 1.0
"""How long calls under way may take once the disk has failed: none of them can change anything any more."""

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until SIGINT or SIGTERM.

    Returns:
        The process's exit code, see `shared.process.exit_codes`.
    """
    return run_service(PROGRAM, arguments, ApiSettings, _serve, REFUSALS)


def _serve(settings: ApiSettings) -> None:
    stopping = threading.Event()
    # Once: a link that is pointed elsewhere later leads no part of the server away from the others.
    settings = settings.model_copy(update={"data_dir": settings.data_dir.resolve()})
    folder = DataFolder(settings.data_dir, JOB_FOLDERS if settings.storage == "local" else (STAGING_FOLDER,))
    with thread_errors_translated(), stop_signals(stopping.set, settings.shutdown_seconds + LAST_STEPS_SECONDS):
        if not folder.lock(settings.shutdown_seconds, stopping):
            return
        services = build_services(settings)
        try:
            folder.hold_folders()
            all_done = _serve_until(stopping, settings, folder, services)
        finally:
            services.close()
            folder.unlock()
    if not all_done:
        logger.warning("calls still under way are cut off")
        end_now(ExitCode.OK)


def _serve_until(stopping: threading.Event, settings: ApiSettings, folder: DataFolder, services: Services) -> bool:
    """Serve until a stop is requested or the disk fails; return whether all calls have ended."""
    server = build_server(settings, services)
    watch = DiskWatch(folder, services.database, server.set_serving, stopping.set)
    addresses = " and ".join(server.start())
    watch.start()
    files = f"data in {settings.data_dir}" if settings.storage == "local" else settings.storage
    where = f"{files}, database {settings.resolved_database_url}"
    ready = terminal_text(f"{PROGRAM} listens on {addresses}, {where}")
    print(ready, flush=True)  # noqa: T201 (the line that people look for)
    stopping.wait()
    watch.stop()
    logger.info("server stopping")
    if watch.failure:
        logger.critical("the server ends: %s", watch.failure)
        server.stop(FAILED_STOP_SECONDS)
        if not services.database.is_gone() and services.database.is_log_gone():
            services.close()  # what the log held is in memory: it is merged into the database's file
        end_now(ExitCode.DISK_FAILED)  # nothing else can be saved, and closing the database could wait for the disk
    return server.stop()
