"""Libraries that come with an extra of the package or with the system, and what to say where one is missing."""

import contextlib
import importlib.util
import re
import sys
from collections.abc import Iterator, Mapping, Sequence

_OWN_PACKAGES = frozenset({"job_api", "job_client", "job_worker", "migrations", "shared"})
_INSTEAD = {"worker-light": ", or '.[worker]' for a GPU"}
"""What else installs the libraries of an extra, and more."""
_ANEW = " (with uv or pipx, install anew with all extras of this host)"
"""They have no second install into the same environment."""

_NO_SUCH_FILE = re.compile(r"(\S+): cannot open shared object file: No such file or directory")
"""What the loader of Linux says."""
_OF_DEBIAN = {"libGL.so.1": "libgl1", "libgthread-2.0.so.0": "libglib2.0-0", "libglib-2.0.so.0": "libglib2.0-0"}
"""The packages of what OpenCV with windows, which the full worker has, links to."""


class LibraryMissing(Exception):
    """What a command imports cannot be imported on this host; the message says which and what to do."""


@contextlib.contextmanager
def import_errors_translated(extra: str) -> Iterator[None]:
    """Translate the import errors of missing libraries, with what installs them.

    A module of the project itself that cannot be found is an error of the project, and stays as it is.

    Args:
        extra: The smallest extra that installs what the block imports.

    Raises:
        LibraryMissing: A library of Python or of the system is not installed, or this platform's Python lacks a module.
    """
    try:
        yield
    except ImportError as error:
        if missing := _missing(error, extra):
            raise missing from error
        raise


def require_extras(libraries: Mapping[str, str]) -> None:
    """Refuse an environment that lacks extras, and name all that it lacks at once.

    Args:
        libraries: For each extra a library that is there where it is installed.

    Raises:
        LibraryMissing: One of these libraries is not installed.
    """
    missing = {extra: library for extra, library in libraries.items() if importlib.util.find_spec(library) is None}
    if missing:
        raise LibraryMissing(_to_install(list(missing.values()), list(missing)))


def _missing(error: ImportError, extra: str) -> LibraryMissing | None:
    if found := _NO_SUCH_FILE.search(str(error)):
        return LibraryMissing(_of_system(found[1]))
    package = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or package in {"", *_OWN_PACKAGES}:
        return None
    if package in sys.stdlib_module_names:
        return LibraryMissing(f"this command does not run on this platform, whose Python has no module {error.name}")
    return LibraryMissing(_to_install([str(error.name)], [extra]))


def _to_install(libraries: Sequence[str], extras: Sequence[str]) -> str:
    *others, last = libraries
    what = f"{', '.join(others)} and {last} are" if others else f"{last} is"
    names = ",".join(extras)
    install = f"pip install '.[{names}]'{_INSTEAD.get(names, '')}"
    return f"{what} not installed: in the project's folder, {install}{_ANEW}"


def _of_system(library: str) -> str:
    example = f", such as {_OF_DEBIAN[library]} of Debian" if library in _OF_DEBIAN else ""
    return f"the system has no library {library}: install its package with the system's package manager{example}"
