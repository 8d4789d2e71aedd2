"""Entry point of a worker: `foregsyte-worker` or `python -m job_worker.worker_runner`."""

import os
import sys
from collections.abc import Sequence

from shared.process.launcher import launch


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker until SIGINT or SIGTERM.

    Args:
        arguments: The command line without the program's name; None for that of this process.

    Returns:
        The process's exit code, see `shared.process.exit_codes`.
    """
    os.environ["PYTHONSAFEPATH"] = "1"  # the processes that it starts execute no user's pickle.py of the current folder
    return launch("foregsyte-worker", "job_worker.command", "worker-light", arguments)


if __name__ == "__main__":
    sys.exit(main())
