"""Opening a connection to the server."""

from pathlib import Path

import grpc

__all__ = ["CHANNEL_OPTIONS", "KEEPALIVE_SECONDS", "open_channel"]

KEEPALIVE_SECONDS = 20
"""How often a silent connection is probed, so that a dead peer is noticed well within a lease."""

CHANNEL_OPTIONS: list[tuple[str, int]] = [
    # The server states the limits and answers with its own error; a client takes what it is sent.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", KEEPALIVE_SECONDS * 1000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # The default grows to two minutes, and a server that came back would wait that long for its workers.
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
]


def open_channel(address: str, tls_ca_file: Path | None = None) -> grpc.Channel:
    """Open a connection; the server need not be there yet.

    Args:
        address: The server, host:port.
        tls_ca_file: Certificates to trust (PEM): connect with TLS. None connects without.
    """
    if tls_ca_file is None:
        return grpc.insecure_channel(address, options=CHANNEL_OPTIONS)
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(tls_ca_file.read_bytes()), options=CHANNEL_OPTIONS)
