"""The `foregsyte` command: submit videos, follow their jobs, look at what was found."""

import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Annotated, Any

import typer

from job_client.cli.annotate import annotate
from job_client.cli.deletion import delete
from job_client.cli.demo import demo
from job_client.cli.find import find
from job_client.cli.jobs import list_jobs, pipelines, status, submit, wait
from job_client.cli.output import outage_lines, print_error, says_nobody_reads
from job_client.cli.report import report
from job_client.cli.results import results
from job_client.errors import ServiceError, Unreachable, UnsuitableFile
from job_client.exit_codes import COMMAND_CODES, exit_code_of
from job_client.local_cluster import ClusterFailed
from shared.process.escaping import terminal_text
from shared.process.exit_codes import ExitCode
from shared.process.extras import LibraryMissing
from shared.process.launcher import drop_output, print_version

_UsageError: Any = typer.BadParameter.__base__
"""What the library raises for wrong usage, and does not export."""
_PREFIX_OF_PYDANTIC = "Value error, "
_EXIT_CODES = ", ".join(f"{code.value} {code.name.lower().replace('_', ' ')}" for code in COMMAND_CODES)

app = typer.Typer(
    context_settings={"help_option_names": ["-h", "--help"]},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help=__doc__,
    epilog=f"Exit codes: {_EXIT_CODES}",
)
for command in (submit, status, wait, results, find, annotate, report, list_jobs, delete, pipelines, demo):
    app.command(name=command.__name__.removesuffix("_jobs"))(command)


def _show_version(requested: bool) -> None:  # noqa: FBT001 (Typer calls it so)
    if requested:
        raise typer.Exit(print_version("foregsyte"))


Version = Annotated[
    bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
]


@app.callback()
def _options(*, version: Version = False) -> None: ...


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code."""
    if isinstance(sys.stdout, TextIOWrapper):
        if sys.stdout.isatty():
            sys.stdout.reconfigure(errors="backslashreplace")  # what the terminal cannot show
        else:
            sys.stdout.reconfigure(encoding="utf-8", newline="")  # as files are written, whatever the locale is
    try:
        return _run(arguments)
    except _UsageError as error:
        from typer.rich_utils import rich_format_error  # noqa: PLC0415 (takes as long as all else that a command loads)

        error.message = terminal_text(error.message.removeprefix(_PREFIX_OF_PYDANTIC))
        rich_format_error(error)
        return ExitCode.USAGE
    except typer.Abort:
        return ExitCode.INTERRUPTED  # Ctrl-C at a question
    except (ServiceError, UnsuitableFile, LibraryMissing, ClusterFailed, OSError) as error:
        if isinstance(error, Unreachable):
            for line in outage_lines(error, ", ".join(getattr(error, "__notes__", ()))):
                print_error(line)
        else:
            print_error(error)
        _flush()
        return exit_code_of(error)


def _flush() -> None:
    """Write what was printed before an error, unless that is what cannot be written."""
    try:
        sys.stdout.flush()
    except OSError:
        drop_output()


def _run(arguments: Sequence[str] | None) -> int:
    """Run the command; a reader that wants no more of the output, as `head` does, is no error."""
    try:
        code = app(args=arguments, prog_name="foregsyte", standalone_mode=False)
        sys.stdout.flush()
    except (OSError, SystemExit) as error:
        cause = error.__context__ if isinstance(error, SystemExit) else error  # Typer and Rich exit then
        if not says_nobody_reads(cause):
            raise
        drop_output()
        return ExitCode.OK
    return code or ExitCode.OK
