"""The whole service in one command: starts the pair, runs one video through it, stops what it started."""

import contextlib
import os
import re
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["ClusterFailed", "local_cluster"]

START_SECONDS = 300.0
"""How long a process may take until it says that it is ready: models load in seconds, on a busy machine in minutes."""
STOP_SECONDS = 30.0


class ClusterFailed(Exception):
    """A process of the pair did not start; the message says why."""


@contextlib.contextmanager
def local_cluster(data_dir: Path, worker_arguments: Sequence[str], pipelines: str) -> Iterator[str]:
    """Runs a server on a free port and a worker, as processes of their own, for as long as the `with` block lasts.

    Args:
        data_dir: Where the server keeps its data.
        worker_arguments: More of the worker's command line.
        pipelines: What both offer, as a,b.

    Yields:
        The server's address.

    Raises:
        ClusterFailed: One of them did not start.
    """
    api = ["job_api", "--address", "127.0.0.1:0", "--data-dir", str(data_dir), "--pipelines", pipelines]
    with _process(data_dir / "api.log", api, r"listens on (\S+),") as address:
        worker = ["job_worker.worker_runner", "--address", address, "--pipelines", pipelines, *worker_arguments]
        with _process(data_dir / "worker.log", worker, r"takes jobs from (\S+)"):
            yield address


@contextlib.contextmanager
def _process(log: Path, arguments: list[str], ready: str) -> Iterator[str]:
    """Runs a module until the block ends; yields what the first line it prints says."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as errors:
        process = subprocess.Popen(  # noqa: S603 (our own modules)
            [sys.executable, "-m", *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # Ctrl-C reaches this process alone, which then stops the pair in order
        )
        try:
            assert process.stdout is not None  # noqa: S101 (asked for above)
            found = re.search(ready, _first_line(process.stdout.fileno()))
            if not found:
                raise ClusterFailed(_reason(process, arguments[0], log))
            yield found[1]
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


def _first_line(pipe: int) -> str:
    """Returns the first line that comes through the pipe, or what came of it before its end or the end of the time."""
    deadline = time.monotonic() + START_SECONDS
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while not line.endswith(b"\n") and selector.select(max(0.0, deadline - time.monotonic())):
            if not (char := os.read(pipe, 1)):
                break
            line += char
    return line.decode(errors="replace")


def _reason(process: "subprocess.Popen[bytes]", module: str, log: Path) -> str:
    """Says why the process is not ready: the last line of its log, or that it goes on without a word."""
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        return f"{module} did not say within {START_SECONDS:g} seconds that it is ready"
    return log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2]
