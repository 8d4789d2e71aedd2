"""Files that are written whole or not at all."""

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from uuid import uuid4

LONGEST_SUFFIX = 16
"""In characters: of a name without one all behind its last dot counts, and a file name may have 255 bytes."""

WRITE_BITS = 0o222
"""Of a file's permissions; a file without any is meant to stay as it is, also where root could write it."""


@contextlib.contextmanager
def written_whole(target: Path, *sources: Path) -> Iterator[Path]:
    """Provide a temporary file beside the target, which replaces the target when the block ends without an error.

    On any other end (an error, Ctrl-C) the temporary file is removed and the target is as it was. A target that exists
    keeps its permissions; where it has other hard links, what it holds is replaced, and they show it too. What is no
    regular file, such as a pipe, is provided itself: it can only be written directly.

    Args:
        target: The file to make or replace.
        sources: The files that it is made of, which it may not replace.

    Raises:
        OSError: The folder is not there or cannot be written to, or the target may not be written, or is a source.
    """
    if target.exists() and not target.is_file():
        yield target
        return
    place = target.resolve()  # behind a link its target is replaced, not the link
    _require_replaceable(target, place, sources)
    temporary = _new_file_beside(place, target)
    try:
        if place.exists():
            shutil.copymode(place, temporary)  # before anything is in it
        yield temporary
        if place.exists() and place.stat().st_nlink > 1:
            shutil.copyfile(temporary, place)
        else:
            temporary.replace(place)
    finally:
        temporary.unlink(missing_ok=True)


def require_writable(target: Path) -> None:
    """Refuse a file that `written_whole` could not write, before work is done for it; write nothing.

    Raises:
        OSError: It is a folder, or what `written_whole` raises.
    """
    if target.is_dir():
        raise IsADirectoryError(f"{target} cannot be written, as it is a folder: move it, or name another place")
    place = target.resolve()
    _require_replaceable(target, place, ())
    _new_file_beside(place, target).unlink()


def _new_file_beside(place: Path, target: Path) -> Path:
    """Make a file of another name in the target's folder; an error names the target as the user did."""
    temporary = place.with_name(f".{uuid4().hex}{place.suffix[:LONGEST_SUFFIX]}")
    try:
        temporary.touch(exist_ok=False)  # with the permissions that the user's mask gives a new file
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from error
    return temporary


def _require_replaceable(target: Path, place: Path, sources: Iterable[Path]) -> None:
    """Refuse a target for what can be known before anything is written.

    Args:
        target: As the user named it.
        place: The same behind all links.
        sources: What it may not replace.
    """
    if not place.parent.is_dir():
        raise FileNotFoundError(
            f"{target} cannot be written: there is no folder {place.parent}; make it, or name another"
        )
    if not place.exists():
        return
    if any(map(place.samefile, sources)):
        raise shutil.SameFileError(f"{target} is read, so it cannot be written: name another file")
    if not (place.stat().st_mode & WRITE_BITS and os.access(place, os.W_OK)):
        raise PermissionError(f"{target} may not be written: make it writable, or name another file")
