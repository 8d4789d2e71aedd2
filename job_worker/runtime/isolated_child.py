"""The first step of the child process, before it imports what it works with: libraries start threads.

So this module imports next to nothing itself.
"""

# ruff: noqa: PLC0415 - see above

import os
import pickle
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection

from job_worker.isolation.isolation import Isolation


def enter(connection: Connection, log: Connection, isolation: Isolation | None, build: bytes) -> None:
    """Give up what the child does not need, then do its work.

    Args:
        connection: To the parent, see `job_worker.runtime.pipeline_child.serve`.
        log: To the parent too, for what an isolated child prints.
        isolation: What the child may still use; None for all that its user may.
        build: The pickled callable that loads the models.
    """
    try:
        if isolation:
            os.setsid()  # without a terminal, into which it could type commands for others
            _leave_resource_tracker()
            _print_into(log)
            isolation.apply()
        log.close()
    except OSError as error:
        from job_worker.runtime.pipeline_child import send

        send(connection, "model_error", f"this process cannot be isolated ({error}); see --isolation".encode())
        return
    from job_worker.runtime.pipeline_child import serve

    on_loaded = isolation.close_after_loading if isolation else None
    serve(connection, pickle.loads(build), on_loaded)  # noqa: S301 (it comes from the parent)


def _print_into(log: Connection) -> None:
    """Put a pipe in the place of the parent's own output, which may be a file that could be emptied or overwritten.

    Its input may be the terminal, and is nothing.
    """
    for descriptor in (1, 2):
        os.dup2(log.fileno(), descriptor)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    if nothing:
        os.close(nothing)


def _leave_resource_tracker() -> None:
    """Close the pipe to a process of the parent that is not isolated, and that deletes shared memory on request."""
    tracker = resource_tracker._resource_tracker
    descriptor = getattr(tracker, "_fd", None)
    if descriptor is not None:
        os.close(descriptor)
        tracker._fd = None  # type: ignore[attr-defined]
