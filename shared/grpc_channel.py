"""Opening a connection to the server."""

from pathlib import Path

import grpc

from shared.grpc_options import CHANNEL_OPTIONS

__all__ = ["open_channel"]


def open_channel(address: str, tls_ca_file: Path | None = None) -> grpc.Channel:
    """Opens a connection; the server need not be there yet.

    Args:
        address: The server, host:port.
        tls_ca_file: Certificates to trust (PEM): connect with TLS. None connects without.
    """
    if tls_ca_file is None:
        return grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(tls_ca_file.read_bytes()), options=CHANNEL_OPTIONS)
