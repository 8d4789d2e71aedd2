"""Reading how much connections have received."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from job_api.backpressure import connection_bytes
from job_api.backpressure.admission import refuses_arriving_requests
from job_api.backpressure.connection_bytes import is_counted, is_counting_system, received_bytes, sent_bytes
from job_api.backpressure.slow_readers import SlowReaders
from tests.conftest import OPTIONAL
from tests.support.descriptors import no_free_descriptor
from tests.support.waiting import eventually

pytestmark = [
    pytest.mark.unit,
    pytest.mark.skipif(sys.platform != "linux", reason=f"{OPTIONAL} only Linux counts what a connection received"),
]


@contextmanager
def connection(listens_on: str, caller_from: str) -> Iterator[tuple[socket.socket, socket.socket, str]]:
    """Yield both ends of a connection, and its peer as gRPC names it."""
    with socket.create_server((listens_on, 0), family=socket.AF_INET6, dualstack_ipv6=True) as listening:
        port = listening.getsockname()[1]
        with socket.create_connection((caller_from, port)) as caller, listening.accept()[0] as server:
            of_caller = caller.getsockname()[1]
            yield caller, server, f"ipv6:%5B::1%5D:{of_caller}" if ":" in caller_from else f"ipv4:127.0.0.1:{of_caller}"


@pytest.mark.parametrize("caller_from", ["127.0.0.1", "::1"])
def test_what_was_sent_is_counted_whether_it_was_read_or_not(caller_from: str) -> None:
    with connection("::", caller_from) as (caller, server, peer):
        caller.sendall(b"x" * 1000)
        server.recv(300, socket.MSG_WAITALL)
        assert received_bytes([peer]) == {peer: 1000}
        caller.sendall(b"x" * 5)
        server.recv(705, socket.MSG_WAITALL)
        assert received_bytes([peer]) == {peer: 1005}
        server.sendall(b"still open")
        assert caller.recv(100) == b"still open"


def test_what_the_peer_took_is_counted_and_not_what_still_waits_here() -> None:
    with connection("::", "127.0.0.1") as (caller, server, peer):
        before = sent_bytes([peer])[peer]
        server.sendall(b"x" * 1000)
        caller.recv(1000, socket.MSG_WAITALL)
        eventually(lambda: sent_bytes([peer])[peer] == before + 1000)
        server.setblocking(False)
        with suppress(BlockingIOError):
            while True:
                server.send(b"x" * 65536)
        taken = sent_bytes([peer])[peer]
        assert taken == sent_bytes([peer])[peer] > before + 1000


def test_a_peer_that_is_gone_or_whose_bytes_nobody_counts_is_left_out() -> None:
    with connection("::", "127.0.0.1") as (_, _, peer):
        pass
    assert received_bytes([peer, "unix:"]) == {}
    assert (is_counted(peer), is_counted("unix:")) == (True, False)


def test_without_a_free_descriptor_nothing_is_known_which_is_not_that_all_are_gone() -> None:
    with connection("::", "127.0.0.1") as (_, _, peer):
        with no_free_descriptor():
            assert received_bytes([peer]) is None
            assert SlowReaders().among([peer]) == set()
        assert received_bytes([peer]) == {peer: 0}


@pytest.fixture
def new_probe() -> Iterator[None]:
    is_counting_system.cache_clear()
    yield
    is_counting_system.cache_clear()


@pytest.mark.usefixtures("new_probe")
class TestWhetherTheSystemCounts:
    def test_it_does_on_linux(self) -> None:
        assert refuses_arriving_requests()

    def test_it_does_not_where_the_kernel_says_less_of_a_connection(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(socket.socket, "getsockopt", lambda *_: bytes(104), raising=False)
        assert not refuses_arriving_requests()
        assert not is_counted("ipv4:127.0.0.1:1")

    def test_it_does_not_where_the_descriptors_cannot_be_listed(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setattr(connection_bytes, "_DESCRIPTORS", tmp_path / "absent")
        assert not refuses_arriving_requests()
