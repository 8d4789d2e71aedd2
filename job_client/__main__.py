"""Entry point of the client: `foregsyte` or `python -m job_client`."""

import sys
from collections.abc import Sequence

from shared.process.launcher import launch


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the client's command.

    Args:
        arguments: The command line without the program's name; None for that of this process.

    Returns:
        The process's exit code, see `shared.process.exit_codes`.
    """
    return launch("foregsyte", "job_client.command", "client", arguments)


if __name__ == "__main__":
    sys.exit(main())
