"""How the `foregsyte` command ends, for the scripts that call it."""

from enum import IntEnum

from job_client.errors import InvalidRequest, JobFailed, JobNotFound, ServiceError, Unreachable
from job_client.media.errors import UnsuitableFile

__all__ = ["ExitCode", "exit_code_of"]


class ExitCode(IntEnum):
    """Exit code of the `foregsyte` command.

    Attributes:
        OK: All went well.
        FAILURE: Something else went wrong; the message says what.
        BAD_INPUT: Wrong usage, a file that cannot be read, or a request that the server refuses for what is in it.
        JOB_FAILED: The job ended with an error.
        NOT_FOUND: There is no such job.
        UNREACHABLE: The server cannot be reached.
        REFUSED: Not now: the job has not ended yet, or the server has no room.
        TIMEOUT: The job has not ended within `--timeout`.
        INTERRUPTED: Ctrl-C.
    """

    OK = 0
    FAILURE = 1
    BAD_INPUT = 2
    JOB_FAILED = 3
    NOT_FOUND = 4
    UNREACHABLE = 5
    REFUSED = 6
    TIMEOUT = 7
    INTERRUPTED = 130


_BY_ERROR: dict[type[Exception], ExitCode] = {
    InvalidRequest: ExitCode.BAD_INPUT,
    JobFailed: ExitCode.JOB_FAILED,
    JobNotFound: ExitCode.NOT_FOUND,
    Unreachable: ExitCode.UNREACHABLE,
    ServiceError: ExitCode.REFUSED,
    TimeoutError: ExitCode.TIMEOUT,
    UnsuitableFile: ExitCode.BAD_INPUT,
    OSError: ExitCode.BAD_INPUT,
}


def exit_code_of(error: Exception) -> ExitCode:
    """Returns the exit code that fits the error: that of the nearest of its classes."""
    return next((_BY_ERROR[kind] for kind in type(error).__mro__ if kind in _BY_ERROR), ExitCode.FAILURE)
