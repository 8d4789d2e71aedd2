"""The errors of a disk that fails, on this host or on the network."""

import errno

FAILED_DISKS = [
    getattr(errno, name)
    for name in (
        "EROFS",
        "EACCES",
        "EPERM",
        "EIO",
        "EUCLEAN",
        "ESTALE",
        "ENOTCONN",
        "ETIMEDOUT",
        "EREMOTEIO",
        "ENOLINK",
        "EHOSTDOWN",
    )
    if hasattr(errno, name)
]
"""Those that the system has."""
