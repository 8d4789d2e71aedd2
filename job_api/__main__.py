"""Entry point of the API server: `foregsyte-api` or `python -m job_api`."""

import sys
from collections.abc import Sequence

from shared.process.launcher import launch


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the API server until SIGINT or SIGTERM.

    Args:
        arguments: The command line without the program's name; None for that of this process.

    Returns:
        The process's exit code, see `shared.process.exit_codes`.
    """
    return launch("foregsyte-api", "job_api.command", "api", arguments)


if __name__ == "__main__":
    sys.exit(main())
