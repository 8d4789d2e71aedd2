"""A link to a server that takes so many bytes a second from its caller, or passes so many back, for slow callers."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

_CHUNKS_A_SECOND = 20
_BUFFER_BYTES = 256 * 1024
"""What the kernel may hold of what the caller sent: little, so that the caller is as slow as its link."""


@dataclass
class SlowLink:
    """A relay to a server.

    Attributes:
        address: Where to call.
        bytes_a_second: How fast what callers send is passed on; it may be changed at any time.
        passed: What each connection has passed on to the server, in bytes.
        passed_back: What all of them have passed back, in bytes.
    """

    address: str
    bytes_a_second: int
    passed: dict[int, int] = field(default_factory=dict)
    passed_back: int = 0

    def relay(self, caller: socket.socket, server: socket.socket, done: threading.Event) -> None:
        """Pass on what the caller sends, slowly."""
        with suppress(OSError), server:
            while chunk := caller.recv(max(self.bytes_a_second // _CHUNKS_A_SECOND, 1)):
                server.sendall(chunk)
                self.passed[id(caller)] = self.passed.get(id(caller), 0) + len(chunk)
                if done.wait(len(chunk) / self.bytes_a_second):
                    return

    def relay_back(
        self, server: socket.socket, caller: socket.socket, bytes_a_second: int, done: threading.Event
    ) -> None:
        """Pass on what the server answers, slowly unless the speed is 0."""
        with suppress(OSError), caller:
            while chunk := server.recv(1 << 16):
                caller.sendall(chunk)
                self.passed_back += len(chunk)
                if bytes_a_second and done.wait(len(chunk) / bytes_a_second):
                    return


@contextmanager
def slow_link(address: str, bytes_a_second: int, answer_bytes_a_second: int | None = None) -> Iterator[SlowLink]:
    """Relay connections to the server, each of them as slow as said; answers at once unless their speed is said."""
    host, _, port = address.rpartition(":")
    done, opened = threading.Event(), list[socket.socket]()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        link = SlowLink(f"127.0.0.1:{listening.getsockname()[1]}", bytes_a_second)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    caller, _ = listening.accept()
                    server = socket.socket()
                    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
                    server.connect((host, int(port)))
                    opened.extend((caller, server))
                    _in_thread(partial(link.relay, caller, server, done))
                    _in_thread(partial(link.relay_back, server, caller, answer_bytes_a_second or 0, done))

        _in_thread(accept)
        try:
            yield link
        finally:
            done.set()
            for each in (listening, *opened):  # else what waits at one end would go on, and a server wait for its calls
                with suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)


def _in_thread(call: Callable[[], object]) -> None:
    threading.Thread(target=call, daemon=True).start()
