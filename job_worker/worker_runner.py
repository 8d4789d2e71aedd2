"""Entry point of a worker: `foregsyte-worker` or `python -m job_worker.worker_runner`."""

import logging
import sys
from collections.abc import Sequence

import grpc

from job_worker.bootstrap import build_runner, build_worker
from job_worker.errors import ModelLoadError
from job_worker.settings import WorkerSettings
from job_worker.stop_signal import StopSignal
from shared.exit_codes import ExitCode, refuse
from shared.logging_setup import configure_logging
from shared.settings import InvalidSettings, load_settings

__all__ = ["main"]

PROGRAM = "foregsyte-worker"

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Works until SIGINT or SIGTERM; a second one hands the job in hand back at once.

    Returns:
        The process's exit code, see `shared.exit_codes`.
    """
    try:
        settings = load_settings(WorkerSettings, sys.argv[1:] if arguments is None else arguments, PROGRAM)
    except InvalidSettings as error:
        return refuse(PROGRAM, str(error), ExitCode.SETTINGS)
    configure_logging(settings.log_level, settings.log_format)
    stop = StopSignal(settings.drain_seconds)
    stop.install()
    try:
        with build_worker(settings, build_runner(settings), stop) as worker:
            print(f"{PROGRAM} {settings.worker_id} takes jobs from {settings.address}", flush=True)  # noqa: T201
            worker.run_forever()
    except ModelLoadError as error:
        return refuse(PROGRAM, str(error), ExitCode.MODELS)
    except grpc.RpcError as error:
        return refuse(
            PROGRAM, f"the server at {settings.address} refuses this worker: {error.details()}", ExitCode.FAILURE
        )
    logger.info("worker stopped")
    return ExitCode.OK


if __name__ == "__main__":
    sys.exit(main())
