"""The command `foregsyte-worker`: settings, the worker, an orderly stop."""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import grpc

from job_worker.bootstrap import build_runner, build_worker
from job_worker.errors import (
    Cancelled,
    HostUnusable,
    InsufficientSpace,
    ModelLoadError,
    ProcessUnkillable,
    WorkerRefused,
    WorkFolderGone,
)
from job_worker.runtime.job_folder import clean_work_folders, work_folder
from job_worker.runtime.pipeline_runner import PipelineRunner
from job_worker.runtime.stop_signal import StopSignal
from job_worker.settings import WorkerSettings
from shared.contract.errors import description_of
from shared.process.entry_point import end_now, run_service
from shared.process.exit_codes import ExitCode
from shared.process.signals import stop_signals

PROGRAM = "foregsyte-worker"
BuildRunner = Callable[[WorkerSettings], PipelineRunner]
REFUSALS: dict[type[Exception], ExitCode] = {
    InsufficientSpace: ExitCode.STORAGE,
    HostUnusable: ExitCode.FAILURE,
    ModelLoadError: ExitCode.MODELS,
    WorkerRefused: ExitCode.USAGE,
    WorkFolderGone: ExitCode.DISK_FAILED,
}

LAST_STEPS_SECONDS = 30.0
"""How long a stopping worker may take beyond its drain time: its last report is repeated for half of that."""

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str] | None = None, build_runner: BuildRunner = build_runner) -> int:
    """Work until SIGINT or SIGTERM; a second one releases the current job at once.

    Args:
        arguments: The command line without the program's name; None for that of this process.
        build_runner: Builds what runs the pipelines.

    Returns:
        The process's exit code, see `shared.process.exit_codes`.
    """
    return run_service(
        PROGRAM, arguments, WorkerSettings, lambda settings: run_worker(settings, build_runner), REFUSALS
    )


def run_worker(settings: WorkerSettings, build_runner: BuildRunner) -> None:
    """Work until SIGINT or SIGTERM.

    Args:
        settings: The worker's settings.
        build_runner: Builds what runs the pipelines, of settings whose `work_dir` is the worker's own folder.

    Raises:
        InsufficientSpace: That folder cannot be made.
        HostUnusable: No process can be started for the models.
        ModelLoadError: A model cannot be loaded.
        WorkerRefused: The server refuses this worker for good.
        WorkFolderGone: That folder was deleted.
    """
    stop = StopSignal(settings.drain_seconds)
    with ExitStack() as stack:
        stack.enter_context(stop_signals(stop.request, settings.drain_seconds + LAST_STEPS_SECONDS))
        clean_work_folders(settings.work_dir)
        folder = stack.enter_context(work_folder(settings.work_dir))
        settings = settings.model_copy(update={"work_dir": folder})
        try:
            with build_worker(settings, build_runner(settings), stop) as worker:
                print(f"{PROGRAM} {settings.worker_id} takes jobs from {settings.address}", flush=True)  # noqa: T201
                worker.run_forever()
        except ProcessUnkillable as error:
            logger.critical("the worker ends: %s", error)
            end_now(ExitCode.FAILURE)  # at its own exit the interpreter would wait for that process
        except Cancelled:
            logger.info("stopped before the models were loaded")
        except grpc.RpcError as error:
            raise WorkerRefused(_refusal(settings.address, error)) from error
    logger.info("worker stopped")


def _refusal(address: str, error: grpc.RpcError) -> str:
    if error.code() is grpc.StatusCode.UNIMPLEMENTED:
        return f"there is no WorkerService at {address}: --address must be the server's --worker-address, if it has one"
    return f"the server at {address} refuses this worker: {description_of(error)}"
