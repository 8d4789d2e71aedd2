"""How many bytes the server's connections have received and sent, as Linux counts them.

The caller need not say anything. gRPC names a call's peer but not its socket, and does not say how much of a message
has passed. So this reads the peer and the TCP_INFO of each of the process's own sockets.
"""

import socket
import sys
from collections.abc import Collection
from functools import cache
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from urllib.parse import unquote

_BYTES_ACKED, _BYTES_RECEIVED = slice(120, 128), slice(128, 136)
"""Where these lie in `struct tcp_info`, from Linux 4.1 on; fields are only ever added at its end."""

_DESCRIPTORS = Path("/proc/self/fd")

_PROBE_SECONDS = 1.0

_Address = tuple[str, int]


@cache
def is_counting_system() -> bool:
    """Return whether this system says what its connections have received, which a connection of its own shows.

    Other systems than Linux do not, nor do Linux before 4.1, some sandboxes, and a process that may not read `/proc`.
    """
    if not hasattr(socket, "TCP_INFO"):
        return False
    try:
        with (
            socket.create_server(("127.0.0.1", 0)) as listening,
            socket.create_connection(listening.getsockname(), _PROBE_SECONDS) as caller,
            listening.accept()[0] as receiver,
        ):
            caller.sendall(b"x")
            receiver.recv(1)
            counts = _counts(_BYTES_RECEIVED)
            return counts is not None and counts.get(caller.getsockname()) == 1
    except OSError:
        return False


def is_counted(peer: str) -> bool:
    """Return whether the bytes from a peer, as gRPC names it, can be known: over TCP, where the system counts them."""
    return is_counting_system() and peer.startswith(("ipv4:", "ipv6:"))


def received_bytes(peers: Collection[str]) -> dict[str, int] | None:
    """Return the bytes received from each peer since it connected, without those that are gone.

    None means that nothing can be known now, as no descriptor is free to read the list of descriptors with.
    """
    return _counted(peers, _BYTES_RECEIVED)


def sent_bytes(peers: Collection[str]) -> dict[str, int] | None:
    """Return the bytes that each peer has acknowledged since it connected, without those that are gone.

    None means that nothing can be known now, as no descriptor is free to read the list of descriptors with.
    """
    return _counted(peers, _BYTES_ACKED)


def _counted(peers: Collection[str], field: slice) -> dict[str, int] | None:
    wanted = {_address_of(peer): peer for peer in peers if is_counted(peer)}
    counts = _counts(field) if wanted else {}
    return None if counts is None else {wanted[address]: counts[address] for address in wanted if address in counts}


def _counts(field: slice) -> dict[_Address, int] | None:
    """Return a count of each connection of this process by its peer, or None where no descriptor is free."""
    try:
        descriptors = tuple(_DESCRIPTORS.iterdir())
    except OSError:
        return None
    return dict(filter(None, (_count_of(descriptor, field) for descriptor in descriptors)))


def _address_of(peer: str) -> _Address:
    host, _, port = unquote(peer.partition(":")[2]).rpartition(":")
    return host.strip("[]").partition("%")[0], int(port)


def _count_of(descriptor: Path, field: slice) -> tuple[_Address, int] | None:
    """Return whose connection a descriptor is and one of its counts, or None where it is no connection."""
    try:
        connection = socket.socket(fileno=int(descriptor.name))
    except OSError:
        return None
    try:
        host, port = connection.getpeername()[:2]
        info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_RECEIVED.stop)
        return (_plain(host), port), int.from_bytes(info[field], sys.byteorder)
    except (OSError, ValueError):
        return None
    finally:
        connection.detach()  # it is gRPC's


def _plain(host: str) -> str:
    """Return the address as gRPC writes it: an IPv4 one that came over an IPv6 socket in its own form."""
    address = ip_address(host.partition("%")[0])
    return str((isinstance(address, IPv6Address) and address.ipv4_mapped) or address)
