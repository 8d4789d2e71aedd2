"""Write a file whole or not at all."""

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["written_whole"]

_FILE_MODE = 0o666
"""The permissions of a new file before the user's mask; `mkstemp` gives fewer."""


@contextlib.contextmanager
def written_whole(target: Path) -> Iterator[Path]:
    """Provide a temporary file beside the target, which replaces the target when the block ends without an error.

    On any other end (an error, Ctrl-C) the temporary file is removed and the target is as it was.

    Args:
        target: The file to make or replace.

    Raises:
        OSError: The folder cannot be written to, or the target is no regular file, such as a device.
    """
    target = target.resolve()  # behind a link its target is replaced, not the link
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "Not a regular file", str(target))
    number, name = tempfile.mkstemp(prefix=".", suffix=f".{target.name}", dir=target.parent)
    os.close(number)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(_FILE_MODE & ~_mask())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _mask() -> int:
    mask = os.umask(0)  # it can only be read by setting it
    os.umask(mask)
    return mask
