"""How the commands end, for the scripts and supervisors that start them."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit code of `foregsyte-api`, `foregsyte-worker` and `foregsyte`: a number means the same for each of them.

    Where a signal ends the command before it is done, it is 128 and the signal's number.

    Attributes:
        OK: Done, or stopped as requested.
        FAILURE: An error without a code of its own; the message or the log says which.
        USAGE: Wrong usage, a wrong setting, a file or a request that cannot be used, or a library that is missing.
        JOB_FAILED: The job ended with an error.
        NOT_FOUND: There is no such job.
        UNREACHABLE: The server cannot be reached, or did not answer in time.
        TRY_LATER: Not now: the job has not ended yet, the server has no room or its disk fails, or another server has
            the data folder.
        TIMEOUT: The job has not ended within the `--timeout` of `submit` or `wait`.
        DATABASE: The database is held by another process, damaged, or newer than the code.
        ADDRESS: The address cannot be listened on.
        MODELS: A model cannot be loaded.
        STORAGE: The stored files cannot be read or written, or a worker's own folder cannot be made.
        DISK_FAILED: The disk failed under the running server, or a folder is gone: a start finds out what is left.
        INTERRUPTED: Ctrl-C.
    """

    OK = 0
    FAILURE = 1
    USAGE = 2
    JOB_FAILED = 3
    NOT_FOUND = 4
    UNREACHABLE = 5
    TRY_LATER = 6
    TIMEOUT = 7
    DATABASE = 8
    ADDRESS = 9
    MODELS = 10
    STORAGE = 11
    DISK_FAILED = 12
    INTERRUPTED = 130
