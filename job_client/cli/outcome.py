"""How a command ends that handles several files or jobs, of which a bad one does not stop the others."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import typer

from job_client.cli.output import print_error, says_nobody_reads
from job_client.errors import ServiceError, Unreachable, UnsuitableFile
from job_client.exit_codes import exit_code_of
from shared.process.exit_codes import ExitCode

P = TypeVar("P")
T = TypeVar("T")


class Outcome:
    """The exit codes of the parts, and which of them is the command's."""

    def __init__(self) -> None:
        self._codes: set[ExitCode] = set()

    def add(self, code: ExitCode) -> None:
        """Take in how a part ended."""
        self._codes.add(code)

    @contextlib.contextmanager
    def of(self, part: object = "") -> Iterator[None]:
        """Report an error of the block, and go on; without a server, or a reader of the output, the command ends.

        Args:
            part: What the message names, where the error does not.
        """
        try:
            yield
        except Unreachable:
            raise
        except typer.BadParameter as error:
            print_error(error.message)
            self.add(ExitCode.USAGE)
        except (ServiceError, UnsuitableFile, OSError) as error:
            if says_nobody_reads(error):
                raise
            print_error(f"{part}: {error}" if part else error)
            self.add(exit_code_of(error))

    def each(self, handle: Callable[[P], T], parts: Iterable[P]) -> Iterator[T]:
        """Yield what is made of each part, and report the errors as `of` does."""
        for part in parts:
            with self.of():
                yield handle(part)

    def exit(self) -> typer.Exit:
        """Return the exit with the lowest code that is not OK: what a person must fix comes before what time may."""
        return typer.Exit(min(self._codes - {ExitCode.OK}, default=ExitCode.OK))
