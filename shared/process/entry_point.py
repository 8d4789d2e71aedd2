"""What both services do around their work: read the settings, configure the log, report why they end."""

import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn, TypeVar

from shared.process.escaping import terminal_lines
from shared.process.exit_codes import ExitCode
from shared.process.logging_setup import configure_logging
from shared.process.settings import InvalidSettings, ProcessSettings, load_settings, misspelt_variables

S = TypeVar("S", bound=ProcessSettings)

logger = logging.getLogger(__name__)


def run_service(
    program: str,
    arguments: Sequence[str] | None,
    settings_class: type[S],
    serve: Callable[[S], None],
    refusals: Mapping[type[Exception], ExitCode],
) -> int:
    """Run a service process until a stop is requested.

    Args:
        program: The command's name, which its messages begin with.
        arguments: The command line without the program's name; None for that of this process.
        settings_class: The process's settings.
        serve: The work; returns once a stop is requested.
        refusals: The errors that end the process with their message alone, and the exit code of each.

    Returns:
        The process's exit code, see `shared.process.exit_codes`.
    """
    try:
        settings = load_settings(settings_class, sys.argv[1:] if arguments is None else arguments, program)
    except InvalidSettings as error:
        return _refuse(program, error, ExitCode.USAGE)
    configure_logging(settings.log_level, settings.log_format)
    for variable, nearest in misspelt_variables(settings_class).items():
        logger.warning("variable is no setting", extra={"variable": variable, "nearest": nearest})
    try:
        serve(settings)
    except tuple(refusals) as error:
        return _refuse(program, error, next(code for kind, code in refusals.items() if isinstance(error, kind)))
    return ExitCode.OK


def end_now(code: ExitCode) -> NoReturn:
    """End the process, its log written, without waiting for its threads and processes."""
    logging.shutdown()
    os._exit(code)


def _refuse(program: str, reason: Exception, code: ExitCode) -> int:
    print(terminal_lines(f"{program}: {reason}"), file=sys.stderr)  # noqa: T201 (there may be no log yet)
    return code
