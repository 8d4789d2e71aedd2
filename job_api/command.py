"""The command `foregsyte-api`: settings, the server, an ordered stop."""

import logging
import os
import threading
from collections.abc import Sequence

from job_api.adapters import AdapterUnusable
from job_api.bootstrap import build_server, build_services
from job_api.core.database import DatabaseUnavailable
from job_api.listener import AddressUnavailable, CertificateUnusable
from job_api.services.recovery import StorageUnusable
from job_api.settings import ApiSettings
from shared.process.entry_point import run_service
from shared.process.exit_codes import ExitCode
from shared.process.plugins import PluginUnusable
from shared.process.signals import stop_signals

__all__ = ["main"]

PROGRAM = "foregsyte-api"
REFUSALS: dict[type[Exception], ExitCode] = {
    AdapterUnusable: ExitCode.USAGE,
    PluginUnusable: ExitCode.USAGE,
    DatabaseUnavailable: ExitCode.DATABASE,
    StorageUnusable: ExitCode.STORAGE,
    AddressUnavailable: ExitCode.ADDRESS,
    CertificateUnusable: ExitCode.USAGE,
}

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server until SIGINT or SIGTERM.

    Returns:
        The process's exit code, see `shared.process.exit_codes`.
    """
    return run_service(PROGRAM, arguments, ApiSettings, _serve, REFUSALS)


def _serve(settings: ApiSettings) -> None:
    stopping = threading.Event()
    with stop_signals(stopping.set):
        services = build_services(settings)
        try:
            server = build_server(settings, services)
            addresses = " and ".join(server.start())
            files = f"data in {settings.data_dir.resolve()}" if settings.storage == "local" else settings.storage
            where = f"{files}, database {settings.resolved_database_url}"
            print(f"{PROGRAM} listens on {addresses}, {where}", flush=True)  # noqa: T201 (the line that people look for)
            stopping.wait()
            logger.info("server stopping")
            all_done = server.stop()
        finally:
            services.close()
    if not all_done:
        logger.warning("calls still under way are cut off")
        logging.shutdown()
        os._exit(ExitCode.OK)  # an ordinary end would wait for their threads
