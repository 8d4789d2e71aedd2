"""Where a server is, and whom its callers trust: what settings may say of it, without gRPC."""

import re
import ssl
from ipaddress import IPv6Address
from pathlib import Path

DEFAULT_ADDRESS = "127.0.0.1:50051"
MAX_PORT = 65535
_ADDRESS = re.compile(r"(?P<host>\S+):(?P<port>[0-9]{1,5})")


def checked_address(address: str) -> str:
    """Return an address, in which an IPv6 host stands in brackets.

    Raises:
        ValueError: It is not of the form host:port.
    """
    found = _ADDRESS.fullmatch(address)
    if not found or int(found["port"]) > MAX_PORT:
        raise ValueError(f"must be host:port, the port at most {MAX_PORT}")
    if _is_ipv6(found["host"]):
        raise ValueError(f"must have its IPv6 host in brackets: [{found['host']}]:{found['port']}")
    return address


def _is_ipv6(host: str) -> bool:
    try:
        IPv6Address(host)
    except ValueError:
        return False
    return True


def checked_ca_file(file: Path) -> Path:
    """Return a file of certificates to trust; gRPC takes any bytes and cannot connect then.

    Raises:
        ValueError: It cannot be read, or holds none.
    """
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(file)
    except OSError as error:  # ssl.SSLError is one
        raise ValueError(f"must be a file of certificates, PEM ({error})") from error
    return file
