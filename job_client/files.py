"""Write a file whole or not at all."""

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

LONGEST_SUFFIX = 16
"""In characters: of a name without one all behind its last dot counts, and a file name may have 255 bytes."""


@contextlib.contextmanager
def written_whole(target: Path, *sources: Path) -> Iterator[Path]:
    """Provide a temporary file beside the target, which replaces the target when the block ends without an error.

    On any other end (an error, Ctrl-C) the temporary file is removed and the target is as it was.

    Args:
        target: The file to make or replace.
        sources: The files that it is made of, which it may not replace.

    Raises:
        OSError: The folder cannot be written to, or the target is no regular file, such as a device, or is a source.
    """
    target = target.resolve()  # behind a link its target is replaced, not the link
    if target.exists() and not target.is_file():
        raise OSError(errno.EINVAL, "Not a regular file", str(target))
    if target.exists() and any(map(target.samefile, sources)):
        raise shutil.SameFileError(f"{target} is read, so it cannot be written: name another file")
    temporary = target.with_name(f".{uuid4().hex}{target.suffix[:LONGEST_SUFFIX]}")
    temporary.touch(exist_ok=False)  # with the permissions that the user's mask gives a new file
    try:
        yield temporary
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
