"""A server and a worker on this host, started together and stopped together."""

import contextlib
import os
import re
import selectors
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from shared.process.exit_codes import ExitCode

PROJECT = Path(__file__).resolve().parents[1]
"""The folder of our packages: a checkout that is not installed is run from there."""
START_SECONDS = 300.0
"""How long a process may take until it prints that it is ready: models load in seconds, on a busy host in minutes."""
STOP_SECONDS = 30.0
"""How long a process may take to stop before it is killed."""
HURRIED_SECONDS = 0.5
"""The same when the block is left by Ctrl-C or an error: a person waits for both, and a kill loses no job."""


class ClusterFailed(Exception):
    """The server or the worker did not start; the message says why."""


class ClusterUnusable(ClusterFailed):
    """One of them cannot be started in this way: a library is not installed, or an argument is wrong."""


@contextlib.contextmanager
def local_cluster(data_dir: Path, worker_arguments: Sequence[str], pipelines: str) -> Iterator[str]:
    """Run a server on a free port and a worker, each in a process of its own, until the block ends.

    Neither reads settings from the environment or from a file.

    Args:
        data_dir: Where the server keeps its data, and both their logs.
        worker_arguments: More of the worker's command line.
        pipelines: The pipelines of both, as a,b.

    Yields:
        The server's address.

    Raises:
        ClusterFailed: One of them did not start; ClusterUnusable where it cannot.
    """
    api = ["job_api", "--address", "127.0.0.1:0", "--data-dir", str(data_dir), "--pipelines", pipelines]
    with ready_process(api, r"listens on (\S+),", data_dir / "api.log") as address:
        worker = ["job_worker.worker_runner", "--address", address, "--pipelines", pipelines, "--drain-seconds", "0"]
        with ready_process([*worker, *worker_arguments], r"takes jobs from (\S+)", data_dir / "worker.log"):
            yield address


@contextlib.contextmanager
def ready_process(
    arguments: Sequence[str],
    ready: str,
    log: Path,
    start_seconds: float = START_SECONDS,
    stop_seconds: float = STOP_SECONDS,
) -> Iterator[str]:
    """Run a Python module until the block ends.

    Args:
        arguments: The module and its command line.
        ready: The pattern of the first line that it prints once it is ready.
        log: The file for its standard error.
        start_seconds: How long it may take to print that line.
        stop_seconds: How long it may take to stop.

    Yields:
        The first group of the pattern.

    Raises:
        ClusterFailed: The module did not print that line; ClusterUnusable where it ended with the code USAGE.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("wb") as errors,
        subprocess.Popen(  # noqa: S603 (our own modules)
            [sys.executable, *_search_path_flags(), "-m", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            env=_environment(),
            start_new_session=True,  # Ctrl-C reaches this process alone, which then stops the others in order
        ) as process,
    ):
        try:
            assert process.stdout is not None  # noqa: S101 (a pipe, see above)
            found = re.search(ready, _first_line(process.stdout, start_seconds))
            if found:
                yield found[1]
            elif _has_ended(process, stop_seconds):
                kind = ClusterUnusable if process.returncode == ExitCode.USAGE else ClusterFailed
                raise kind(_last_line(log))
            else:
                raise ClusterFailed(f"{arguments[0]} did not say within {start_seconds:g} seconds that it is ready")
        except BaseException:
            stop_seconds = min(stop_seconds, HURRIED_SECONDS)
            raise
        finally:
            process.terminate()
            try:
                _has_ended(process, stop_seconds)
            finally:  # after another Ctrl-C too
                process.kill()


def _search_path_flags() -> list[str]:
    """Return what keeps Python from importing the user's `random.py` of the current folder, unless it is our own."""
    return [] if Path.cwd() == PROJECT else ["-P"]


def _environment() -> dict[str, str]:
    """Return this process's environment without the settings of another server, which may name the user's database."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("FOREGSYTE_")}
    return others | {"FOREGSYTE_CONFIG": os.devnull, "PYTHONUNBUFFERED": "1"}


def _first_line(pipe: IO[bytes], seconds: float) -> str:
    """Return the first line that the pipe gives; empty where the pipe or the time ends before."""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        return pipe.readline().decode(errors="replace") if selector.select(seconds) else ""


def _has_ended(process: "subprocess.Popen[bytes]", seconds: float) -> bool:
    """Wait for the end of the process so long at most, and return whether it came."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    return process.returncode is not None


def _last_line(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
