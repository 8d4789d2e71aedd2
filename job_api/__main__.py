"""Entry point of the API server: `foregsyte-api` or `python -m job_api`."""

import logging
import signal
import sys
import threading
from collections.abc import Sequence

from job_api.bootstrap import build_server, build_services
from job_api.core.database import DatabaseUnavailable
from job_api.server import AddressUnavailable, CertificateUnusable
from job_api.settings import ApiSettings
from shared.exit_codes import ExitCode, refuse
from shared.logging_setup import configure_logging
from shared.settings import InvalidSettings, load_settings

__all__ = ["main"]

PROGRAM = "foregsyte-api"

SIGNAL_POLL_SECONDS = 1.0
"""The kernel may give a signal to any thread, and its handler runs only when the main thread next wakes."""

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the server until SIGINT or SIGTERM.

    Returns:
        The process's exit code, see `shared.exit_codes`.
    """
    try:
        settings = load_settings(ApiSettings, sys.argv[1:] if arguments is None else arguments, PROGRAM)
    except InvalidSettings as error:
        return refuse(PROGRAM, error, ExitCode.SETTINGS)
    configure_logging(settings.log_level, settings.log_format)
    try:
        return _serve(settings)
    except DatabaseUnavailable as error:
        return refuse(PROGRAM, error, ExitCode.DATABASE)
    except AddressUnavailable as error:
        return refuse(PROGRAM, error, ExitCode.ADDRESS)
    except CertificateUnusable as error:
        return refuse(PROGRAM, error, ExitCode.SETTINGS)


def _serve(settings: ApiSettings) -> int:
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopping.set())
    services = build_services(settings)
    try:
        server = build_server(settings, services)
        addresses = " and ".join(server.start())
        where = f"data in {settings.data_dir.resolve()}, database {settings.resolved_database_url}"
        print(f"{PROGRAM} listens on {addresses}, {where}", flush=True)  # noqa: T201 (the one line people look for)
        while not stopping.wait(SIGNAL_POLL_SECONDS):
            pass
        logger.info("server stopping")
        server.stop()
    finally:
        services.close()
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
