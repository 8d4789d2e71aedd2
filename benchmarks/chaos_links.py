"""Links between a worker and the server that are cut, stalled and slowed."""

import math
import socket
import threading
import time
from contextlib import suppress

from benchmarks.chaos_processes import Fault, FaultKind

SLOW_BYTES_A_SECOND = 100_000
CHUNK_BYTES = 1 << 14


class Link:
    """Passes connections on to the server, both ways.

    Args:
        name: What it is called.
        server: The server's address.

    Attributes:
        name: What it is called.
        kinds: What may happen to it.
        address: Where a worker connects.
    """

    kinds = (FaultKind.cut, FaultKind.stall, FaultKind.slow)

    def __init__(self, name: str, server: str) -> None:
        self.name = name
        self._server = server.rpartition(":")[::2]
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listening.getsockname()[1]}"
        self._connected: set[socket.socket] = set()
        self._is_cut = False
        self._flows = threading.Event()
        self._flows.set()
        self._bytes_a_second = math.inf
        threading.Thread(target=self._accept, daemon=True).start()

    def inject(self, fault: Fault, over: threading.Event) -> None:
        """Let the fault happen; at its end the link is as good as before."""
        match fault.kind:
            case FaultKind.cut:
                self._is_cut = True
                for connection in [*self._connected]:
                    with suppress(OSError):
                        connection.shutdown(socket.SHUT_RDWR)
            case FaultKind.stall:
                self._flows.clear()
            case _:
                self._bytes_a_second = SLOW_BYTES_A_SECOND
        over.wait(fault.down_seconds)
        self._is_cut, self._bytes_a_second = False, math.inf
        self._flows.set()

    def _accept(self) -> None:
        while True:
            caller, _ = self._listening.accept()
            try:
                server = None if self._is_cut else socket.create_connection(self._server)
            except OSError:
                server = None
            if server is None:
                caller.close()
                continue
            for source, sink in ((caller, server), (server, caller)):
                self._connected.add(source)
                threading.Thread(target=self._pass, args=(source, sink), daemon=True).start()

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while chunk := source.recv(CHUNK_BYTES):
                self._flows.wait()
                sink.sendall(chunk)
                time.sleep(len(chunk) / self._bytes_a_second)
        for connection in (source, sink):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self._connected.discard(source)
        source.close()
