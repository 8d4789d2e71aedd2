"""SIGTERM and SIGHUP end the command as Ctrl-C does: through its `finally` blocks."""

import contextlib
import signal
import sys
from collections.abc import Iterator

SIGNALS = [signal.Signals[name] for name in ("SIGTERM", "SIGHUP") if name in signal.Signals.__members__]
"""Those of them that the system has."""


@contextlib.contextmanager
def ending_on_signals() -> Iterator[None]:
    """Exit with 128 and the signal's number, as shells count, when one arrives in the block; to be entered first.

    A signal that this process was started to ignore, as by `nohup`, stays ignored.
    """

    def leave(number: int, _: object) -> None:
        sys.exit(128 + number)

    before = {number: signal.signal(number, leave) for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
