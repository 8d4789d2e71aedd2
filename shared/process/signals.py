"""SIGINT and SIGTERM as calls of a function in a thread of its own.

A Python signal handler runs in the middle of whatever the main thread is doing, so it must not take a lock, and
setting a `threading.Event` takes one. Here the interpreter only writes the signal's number into a pipe
(`signal.set_wakeup_fd`), whichever thread the kernel gave it to, and a thread reads it there.
"""

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator

__all__ = ["stop_signals"]

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def stop_signals(on_signal: Callable[[], None]) -> Iterator[None]:
    """Call the function once for each SIGINT or SIGTERM, for as long as the `with` block lasts.

    Enter it in the main thread. Afterwards signals do what they did before.

    Args:
        on_signal: Called in a thread of its own, so that it may take locks.
    """
    ours, interpreters = socket.socketpair()
    interpreters.setblocking(False)  # noqa: FBT003 (its only argument)

    def listen() -> None:
        while number := ours.recv(1):
            if number[0] in STOP_SIGNALS:
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


def _ignore(*_: object) -> None:
    """Do nothing: only where a handler is set does the interpreter write into the pipe."""
