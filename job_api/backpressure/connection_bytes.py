"""How many bytes the server's connections have received and sent, as Linux counts them.

The caller need not say anything. gRPC names a call's peer but not its socket, and does not say how much of a message
has passed. So this reads the peer and the TCP_INFO of each of the process's own sockets.
"""

import socket
import sys
from collections.abc import Collection
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from urllib.parse import unquote

_BYTES_ACKED, _BYTES_RECEIVED = slice(120, 128), slice(128, 136)
"""Where these lie in `struct tcp_info`, from Linux 4.1 on; fields are only ever added at its end."""

_DESCRIPTORS = Path("/proc/self/fd")

IS_COUNTING_SYSTEM = sys.platform == "linux"
"""Whether the system says what its connections have received and sent."""

_Address = tuple[str, int]


def is_counted(peer: str) -> bool:
    """Return whether the bytes from a peer, as gRPC names it, can be known: over TCP, on Linux."""
    return IS_COUNTING_SYSTEM and peer.startswith(("ipv4:", "ipv6:"))


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
    try:
        descriptors = tuple(_DESCRIPTORS.iterdir()) if wanted else ()
    except OSError:
        return None
    counts = (_count_of(descriptor, field) for descriptor in descriptors)
    return {wanted[address]: size for address, size in filter(None, counts) if address in wanted}


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
