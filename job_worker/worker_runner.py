"""Entry point of a worker: `foregsyte-worker` or `python -m job_worker.worker_runner`."""

import logging
import sys
from collections.abc import Sequence

import grpc

from job_worker.bootstrap import build_runner, build_worker
from job_worker.errors import ModelLoadError, Stopping, WorkerRefused
from job_worker.runtime.pipeline_runner import PipelineRunner
from job_worker.runtime.stop_signal import StopSignal
from job_worker.settings import WorkerSettings
from shared.process.entry_point import run_service
from shared.process.exit_codes import ExitCode
from shared.process.signals import stop_signals

__all__ = ["REFUSALS", "main", "run_worker"]

PROGRAM = "foregsyte-worker"
REFUSALS: dict[type[Exception], ExitCode] = {ModelLoadError: ExitCode.MODELS, WorkerRefused: ExitCode.FAILURE}

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Works until SIGINT or SIGTERM; a second one hands the job in hand back at once.

    Returns:
        The process's exit code, see `shared.process.exit_codes`.
    """
    return run_service(
        PROGRAM, arguments, WorkerSettings, lambda settings: run_worker(settings, build_runner(settings)), REFUSALS
    )


def run_worker(settings: WorkerSettings, runner: PipelineRunner) -> None:
    """Works with this runner until SIGINT or SIGTERM.

    Raises:
        ModelLoadError: A model cannot be loaded.
        WorkerRefused: The server refuses this worker for good.
    """
    stop = StopSignal(settings.drain_seconds)
    with stop_signals(stop.request):
        try:
            with build_worker(settings, runner, stop) as worker:
                print(f"{PROGRAM} {settings.worker_id} takes jobs from {settings.address}", flush=True)  # noqa: T201
                worker.run_forever()
        except Stopping:
            logger.info("stopped before the models were loaded")
        except grpc.RpcError as error:
            raise WorkerRefused(f"the server at {settings.address} refuses this worker: {error.details()}") from error
    logger.info("worker stopped")


if __name__ == "__main__":
    sys.exit(main())
