"""What the child process does: it loads the models, then runs one job after the other."""

import ctypes
import logging
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from typing import Literal, Protocol

from job_worker.errors import InsufficientSpace, JobCannotBeDone, ModelLoadError
from job_worker.runtime.host_faults import host_fault
from job_worker.runtime.job_folder import space_errors_translated
from job_worker.runtime.pipeline_runner import EncodeFrames, Run
from shared.results import InvalidDocument, encode_document
from shared.video.errors import VideoError

logger = logging.getLogger(__name__)

Kind = Literal["ready", "frame", "done", "failure", "no_space", "host_fault", "model_error", "unforeseen"]
"""Of a message to the parent."""
SEPARATOR = ":"
"""Between the kind of a message and its content."""
MAX_PIPE_MESSAGE_BYTES = 64 << 10
"""A message is cut here: far above what a person reads, far below what the parent would feel."""
_PR_SET_PDEATHSIG = 1
"""The option of prctl(2) that chooses the signal which the parent's end sends."""


class Build(Protocol):
    """Loads the models in the child; a picklable callable, for the child is a new interpreter."""

    def __call__(self, on_frame: Callable[[], None]) -> EncodeFrames:
        """Return what runs a pipeline on a file and calls `on_frame` at every frame it reads.

        Raises:
            ModelLoadError: A model cannot be loaded.
        """


def serve(connection: Connection, build: Build, on_loaded: Callable[[], None] | None = None) -> None:
    """Load the models, then run one job after the other until the parent closes the pipe: all that the child does.

    Args:
        connection: To the parent. Jobs come in as `Run`; messages go out as bytes: a kind, `SEPARATOR` and a content.
        build: Loads the models.
        on_loaded: Called once they are loaded, before the first job.

    Raises:
        OSError: `on_loaded` failed.
    """
    _die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # a terminal's Ctrl-C reaches the child too; the parent decides
    try:
        encode_frames = build(on_frame=lambda: send(connection, "frame", b""))
    except ModelLoadError as error:
        send(connection, "model_error", str(error).encode())
        return
    if on_loaded:
        on_loaded()
    send(connection, "ready", b"")
    for run in _runs(connection):
        send(connection, *_outcome(encode_frames, run))


def _runs(connection: Connection) -> Iterator[Run]:
    while True:
        try:
            yield connection.recv()
        except (EOFError, ConnectionResetError):  # the latter where the parent left messages unread
            return


def _outcome(encode_frames: EncodeFrames, run: Run) -> tuple[Kind, bytes]:
    try:
        _write_results(run, encode_frames(run.pipeline_id, run.video))
    except (JobCannotBeDone, VideoError, InvalidDocument) as failure:
        return "failure", str(failure).encode(errors="replace")
    except InsufficientSpace as error:
        return "no_space", str(error).encode()
    except MemoryError:
        return "failure", b"the analysis ran out of memory"
    except Exception as error:
        logger.exception("pipeline failed")
        if fault := host_fault(error):
            return "host_fault", fault.encode()
        return "unforeseen", f"{type(error).__name__}: {error}".encode(errors="replace")
    return "done", b""


def _write_results(run: Run, frames: Iterable[bytes]) -> None:
    """Write the document as its frames come, so that memory does not grow with the video.

    Raises:
        JobCannotBeDone: It is larger than the server takes.
        InvalidDocument: A frame is.
        InsufficientSpace: This host has no room for it.
    """
    with space_errors_translated():
        file = run.results.open("wb")
    size_bytes = 0
    try:
        for chunk in encode_document(frames):
            size_bytes += len(chunk)
            if run.max_results_bytes is not None and size_bytes > run.max_results_bytes:
                raise JobCannotBeDone(
                    f"the results are larger than {run.max_results_bytes} bytes, the limit of the server"
                )
            with space_errors_translated():
                file.write(chunk)
    finally:
        with space_errors_translated():
            file.close()


def send(connection: Connection, kind: Kind, content: bytes) -> None:
    """Send the parent a message, which is cut at `MAX_PIPE_MESSAGE_BYTES`."""
    connection.send_bytes(((kind + SEPARATOR).encode() + content)[:MAX_PIPE_MESSAGE_BYTES])


def _die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends, however that happens (Linux only)."""
    parent = multiprocessing.parent_process()
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        return
    if parent is not None and os.getppid() != parent.pid:
        os._exit(1)  # the parent ended before the request
