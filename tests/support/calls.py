"""Calls as the server's parts see them."""

import threading
from collections.abc import Callable


class Call:
    """A call whose end is announced when the test says so, or when it is cancelled.

    Args:
        peer: Who calls.
    """

    def __init__(self, peer: str = "ipv4:127.0.0.1:1") -> None:
        self._peer = peer
        self._at_end: list[Callable[[], None]] | None = []

    def add_callback(self, callback: Callable[[], None], /) -> bool:
        if self._at_end is None:
            return False
        self._at_end.append(callback)
        return True

    def peer(self) -> str:
        return self._peer

    def cancel(self) -> None:
        # As in gRPC, on another thread.
        threading.Thread(target=self.end).start()

    def end(self) -> None:
        at_end, self._at_end = self._at_end or [], None
        for callback in at_end:
            callback()
