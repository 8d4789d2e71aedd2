"""How the files of a server are named on this host."""

from urllib.parse import quote

_THIS_HOST = ("localhost", "[::1]", "127.0.0.1")


def name_of_server(address: str) -> str:
    """Return a file name for a server; this host has one, whatever it is called.

    Args:
        address: The server, host:port.
    """
    host, _, port = address.rpartition(":")
    return quote(f"{_THIS_HOST[0] if host in _THIS_HOST else host}:{port}", safe="")
