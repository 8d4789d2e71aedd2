"""The whole service in one command: starts the pair, runs one video through it, stops what it started."""

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["DemoFailed", "running_pair"]

STOP_SECONDS = 30.0


class DemoFailed(Exception):
    """A process of the pair did not start; the message says why."""


@contextlib.contextmanager
def running_pair(data_dir: Path, worker_arguments: Sequence[str], pipelines: str) -> Iterator[str]:
    """Runs a server on a free port and a worker, as processes of their own, for as long as the `with` block lasts.

    Args:
        data_dir: Where the server keeps its data.
        worker_arguments: More of the worker's command line.
        pipelines: What both offer, as a,b.

    Yields:
        The server's address.

    Raises:
        DemoFailed: One of them did not start.
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
            found = re.search(ready, process.stdout.readline().decode())
            if not found:
                process.wait(STOP_SECONDS)
                raise DemoFailed(log.read_text(encoding="utf-8", errors="replace").strip().rpartition("\n")[2])
            yield found[1]
        finally:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()
