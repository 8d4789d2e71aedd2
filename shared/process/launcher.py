"""What each installed command does first: answer `--version`, and say which library is missing."""

import importlib
import importlib.metadata
import itertools
import os
import sys
from collections.abc import Sequence

from shared.process.exit_codes import ExitCode
from shared.process.extras import LibraryMissing, import_errors_translated

DISTRIBUTION = "foregsyte"


def _version_line(program: str) -> str:
    try:
        return f"{program} {importlib.metadata.version(DISTRIBUTION)}"
    except importlib.metadata.PackageNotFoundError as error:
        raise LibraryMissing(
            "its version is not known before it is installed: in the project's folder, pip install --no-deps ."
        ) from error


def drop_output() -> None:
    """Write nothing more to the standard output, which cannot be written, not even what is still buffered."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _open_closed_streams() -> None:
    """Open the standard streams that the caller closed, as if they were the null device.

    Python has None in their places, and `print` then writes errors to the standard output; their descriptors would
    become those of a connection or a file.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)  # the lowest that is free
            os.set_inheritable(descriptor, True)  # noqa: FBT003 (children have the standard streams too)
            stream = open(descriptor, mode, encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
            setattr(sys, name, stream)


def print_version(program: str) -> ExitCode:
    """Answer `--version`, and return the exit code.

    Raises:
        LibraryMissing: The checkout that runs is not installed, and has no version.
    """
    line = _version_line(program)
    try:
        print(line, flush=True)  # noqa: T201 (what was requested)
    except BrokenPipeError:
        drop_output()  # a reader that wants no more is no error
    except OSError as error:
        drop_output()
        print(f"{program}: {error}", file=sys.stderr)  # noqa: T201 (there is no log yet)
        return ExitCode.USAGE
    return ExitCode.OK


def _requests_version(arguments: Sequence[str]) -> bool:
    """Return whether `--version` is an option of the command itself: not one of a subcommand, nor behind `--help`."""
    options = arguments if arguments and arguments[0].startswith("-") else ()
    return "--version" in itertools.takewhile(lambda word: word not in {"--", "-h", "--help"}, options)


def launch(program: str, module: str, extra: str, arguments: Sequence[str] | None) -> int:
    """Run the `main` of a command's module, which needs an extra's libraries as soon as it is imported.

    Args:
        program: The command's name.
        module: The module's full name; its `main` takes the arguments and returns the exit code.
        extra: The smallest extra that installs what the module imports.
        arguments: The command line without the program's name; None for that of this process.

    Returns:
        The process's exit code, see `shared.process.exit_codes`.
    """
    _open_closed_streams()
    try:
        if _requests_version(sys.argv[1:] if arguments is None else arguments):
            return print_version(program)
        with import_errors_translated(extra):
            command = importlib.import_module(module)
        return int(command.main(arguments))
    except KeyboardInterrupt:  # before the command has set what a signal does, or after
        return ExitCode.INTERRUPTED
    except LibraryMissing as error:
        print(f"{program}: {error}", file=sys.stderr)  # noqa: T201 (there is no log yet)
        return ExitCode.USAGE
