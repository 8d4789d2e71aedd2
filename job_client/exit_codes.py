"""Which exit code of the `foregsyte` command stands for which error."""

from job_client import errors
from job_client.local_cluster import ClusterUnusable
from shared.process.exit_codes import ExitCode
from shared.process.extras import LibraryMissing

_BY_ERROR: dict[type[Exception], ExitCode] = {
    errors.InvalidRequest: ExitCode.USAGE,
    errors.JobFailed: ExitCode.JOB_FAILED,
    errors.JobNotFound: ExitCode.NOT_FOUND,
    errors.Unreachable: ExitCode.UNREACHABLE,
    errors.ServerBusy: ExitCode.TRY_LATER,
    errors.JobNotCompleted: ExitCode.TRY_LATER,
    errors.JobNotFinished: ExitCode.TRY_LATER,
    errors.WaitTimedOut: ExitCode.TIMEOUT,
    errors.UnsuitableFile: ExitCode.USAGE,
    ClusterUnusable: ExitCode.USAGE,
    LibraryMissing: ExitCode.USAGE,
    OSError: ExitCode.USAGE,
}

COMMAND_CODES = sorted({ExitCode.OK, ExitCode.FAILURE, *_BY_ERROR.values(), ExitCode.INTERRUPTED})
"""The codes with which `foregsyte` ends; the others are the services'."""


def exit_code_of(error: Exception) -> ExitCode:
    """Return the exit code of the nearest class of the error that has one, else FAILURE."""
    return next((_BY_ERROR[kind] for kind in type(error).__mro__ if kind in _BY_ERROR), ExitCode.FAILURE)
