"""What the server's disk, or the limits of its system, refuse: as an error that tells the caller what to do."""

import errno
import os
from collections.abc import Callable
from functools import partial

from job_api.errors import ApiError, DiskLow, Overloaded, StorageUnavailable

disk_full = partial(DiskLow, "the server's disk is full; try again later or ask its operator to free space")
"""Makes the error about what a full disk does not take."""
_BUSY = partial(Overloaded, "the server has reached the limit of its open files; try again in a moment")
_UNAVAILABLE = partial(
    StorageUnavailable,
    "the server cannot use its disk; try again, and where that does not help look into the server's log",
)

FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT})
"""A disk or a quota that is used up."""
_FAILED = (
    "EROFS EACCES EPERM EIO ENODEV ENXIO EUCLEAN EBADMSG "  # a disk of this host
    "ESTALE ENOTCONN ETIMEDOUT EREMOTEIO ENOLINK EHOSTDOWN"  # one on the network
)
"""A disk that fails, refuses or is gone; not every system has all of these."""

_ERRORS: dict[int, Callable[[], ApiError]] = {
    **dict.fromkeys(FULL_ERRNOS, disk_full),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), _BUSY),
    **{getattr(errno, name): _UNAVAILABLE for name in _FAILED.split() if hasattr(errno, name)},
}

DATABASE_INVALID = "FATAL Error"
"""How DuckDB's message begins once it has declared its database invalid: it refuses all until it is opened again."""


def disk_error(error: BaseException) -> ApiError | None:
    """Return the error that answers one of the system or of the database's driver; None for any other.

    The driver has no numbers: its message holds the system's own text.
    """
    text = str(getattr(error, "orig", ""))
    if text.startswith(DATABASE_INVALID):
        return _UNAVAILABLE()
    number = error.errno if isinstance(error, OSError) else _number_in(text)
    return _ERRORS[number]() if number in _ERRORS else None


def system_reason(text: str) -> str:
    """Return the system's reason that a message holds, as "Read-only file system"; empty where it holds none."""
    number = _number_in(text)
    return os.strerror(number) if number else ""


def _number_in(text: str) -> int | None:
    return next((number for number in _ERRORS if os.strerror(number) in text), None)
