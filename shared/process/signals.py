"""SIGINT and SIGTERM as calls of a function in a thread of its own.

A Python signal handler runs in the middle of whatever the main thread is doing, so it must not take a lock, and
setting a `threading.Event` takes one. Here the interpreter only writes the signal's number into a pipe
(`signal.set_wakeup_fd`), whichever thread the kernel gave it to, and a thread reads it there. The same thread ends the
process where the stop takes too long: it is there already, for a stop may be due to threads that cannot start.
"""

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

from shared.process.exit_codes import ExitCode

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)

STDERR = 2
MIN_TIMEOUT_SECONDS = 0.001
"""A socket with a timeout of 0 does not wait at all, and raises another error."""


@contextlib.contextmanager
def stop_signals(on_signal: Callable[[], None], limit_seconds: float) -> Iterator[None]:
    """Call the function once for each SIGINT or SIGTERM, for as long as the `with` block lasts.

    Enter it in the main thread. Afterwards signals do what they did before.

    Args:
        on_signal: Called in a thread of its own, so that it may take locks.
        limit_seconds: How long the block may last after the first signal; then the process ends as it is.
    """
    ours, interpreters = socket.socketpair()
    interpreters.setblocking(False)  # noqa: FBT003 (its only argument)

    def listen() -> None:
        deadline: float | None = None
        while number := _received(ours, deadline):
            if number[0] in STOP_SIGNALS:
                deadline = deadline or time.monotonic() + limit_seconds
                on_signal()

    listener = threading.Thread(target=listen, name="signals", daemon=True)
    listener.start()
    fd_before = signal.set_wakeup_fd(interpreters.fileno(), warn_on_full_buffer=False)
    handlers_before = {number: signal.signal(number, _ignore) for number in STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in handlers_before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(fd_before)
        interpreters.close()  # ends the listener
        listener.join()
        ours.close()


def _received(pipe: socket.socket, deadline: float | None) -> bytes:
    pipe.settimeout(None if deadline is None else max(deadline - time.monotonic(), MIN_TIMEOUT_SECONDS))
    try:
        return pipe.recv(1)
    except TimeoutError:
        _cut_off_stop()


def _cut_off_stop() -> NoReturn:
    """End the process, waiting for nothing: not for a lock of the log, nor for whoever reads standard error."""
    with contextlib.suppress(OSError):
        os.set_blocking(STDERR, False)
        os.write(STDERR, b"the stop took too long, ending as it is\n")
    os._exit(ExitCode.OK)


def _ignore(*_: object) -> None:
    """Do nothing: only where a handler is set does the interpreter write into the pipe."""
