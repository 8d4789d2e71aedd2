"""Calls as the server's parts see them."""

from collections.abc import Callable


class Call:
    """A call whose end is announced when told."""

    def __init__(self) -> None:
        self._at_end: list[Callable[[], None]] | None = []

    def add_callback(self, callback: Callable[[], None], /) -> bool:
        if self._at_end is None:
            return False
        self._at_end.append(callback)
        return True

    def end(self) -> None:
        at_end, self._at_end = self._at_end or [], None
        for callback in at_end:
            callback()
