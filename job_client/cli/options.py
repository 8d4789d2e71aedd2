"""The options that several subcommands share."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from job_client.cli.completion import offered_jobs, offered_pipelines
from job_client.retry import checked_timeout
from shared.contract.endpoint import checked_address, checked_ca_file

T = TypeVar("T")

STANDARD_OUTPUT = Path("-")
"""What `--out` is there."""
_STANDARD_OUTPUT_NAMES = ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")


def out_option(help_text: str) -> Any:
    """Return the option `--out` of a command, which names a file."""
    return typer.Option("--out", "-o", metavar="FILE", parser=_output_file, help=help_text, show_default=False)


def _output_file(text: str) -> Path:
    """Return the file that `--out` names.

    Raises:
        typer.BadParameter: It names a folder.
    """
    if text in _STANDARD_OUTPUT_NAMES:
        return STANDARD_OUTPUT  # opened by its name, it would be emptied first where it is a file
    if text.endswith(("/", os.sep)) or Path(text).is_dir():
        raise typer.BadParameter(f"{text!r} is a folder: name a file in it")
    return Path(text)


def _checked_by(check: Callable[[T], T]) -> Callable[[T | None], T | None]:
    """Return the callback of an option whose value, if it has one, is refused by this with a ValueError."""

    def checked(value: T | None) -> T | None:
        try:
            return None if value is None else check(value)
        except ValueError as error:
            raise typer.BadParameter(str(error)) from error

    return checked


AddressOption = Annotated[
    str, typer.Option(envvar="FOREGSYTE_ADDRESS", callback=_checked_by(checked_address), help="The server, host:port.")
]
TlsOption = Annotated[
    Path | None,
    typer.Option(
        envvar="FOREGSYTE_TLS_CA_FILE",
        exists=True,
        dir_okay=False,
        callback=_checked_by(checked_ca_file),
        help="Certificates to trust (PEM): connect with TLS.",
    ),
]
_checked_timeout = _checked_by(checked_timeout)
_CALL_TIMEOUT_HELP = "Longest time for each call, in seconds; 0: as long as what it carries may take at 256 kbit/s."


TimeoutOption = Annotated[
    float | None, typer.Option("--timeout", "--call-timeout", callback=_checked_timeout, help=_CALL_TIMEOUT_HELP)
]
CallTimeoutOption = Annotated[
    float | None, typer.Option("--call-timeout", callback=_checked_timeout, help=_CALL_TIMEOUT_HELP)
]
"""The same of the command whose `--timeout` is how long a job may take."""
PipelineOption = Annotated[
    str,
    typer.Option(
        "--pipeline", envvar="FOREGSYTE_PIPELINE", help="Which pipeline to run.", autocompletion=offered_pipelines
    ),
]
VideoOption = Annotated[
    Path | None,
    typer.Option("--video", exists=True, dir_okay=False, help="The file that was submitted, if not from this host."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON lines, as if the output were piped.")]
JobIdArgument = Annotated[
    str, typer.Argument(metavar="JOB_ID", help="The job's id, or its beginning.", autocompletion=offered_jobs)
]
_JOB_IDS = typer.Argument(
    metavar="JOB_ID", help="The jobs' ids, or their beginnings.", autocompletion=offered_jobs, show_default=False
)
JobIdsArgument = Annotated[list[str], _JOB_IDS]
MaybeJobIdsArgument = Annotated[list[str] | None, _JOB_IDS]
FramesOption = Annotated[
    str, typer.Option("--frames", metavar="A:B", help="Only frames A up to, not including, B; either may be left out.")
]


def frames_slice(text: str) -> slice:
    """Return the frames that `A:B` names.

    Args:
        text: Two frame numbers, either of which may be left out; empty means all frames.

    Raises:
        typer.BadParameter: The text has another form, or names no frame.
    """
    found = re.fullmatch(r"(\d{0,18}):(\d{0,18})", text or ":", re.ASCII)
    if not found:
        raise typer.BadParameter(f"{text!r} is not of the form A:B, such as 100:200", param_hint="--frames")
    first, end = (int(number) if number else None for number in found.groups())
    if end is not None and end <= (first or 0):
        raise typer.BadParameter(f"{text!r} means no frame: A must be less than B", param_hint="--frames")
    return slice(first, end)
