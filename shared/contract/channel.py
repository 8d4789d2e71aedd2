"""Open a connection to the server."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import grpc

from shared.contract.endpoint import checked_ca_file

KEEPALIVE_SECONDS = 20
"""How often a silent connection is probed, so that a dead peer is noticed well within a lease."""

KEEPALIVE_TIMEOUT_SECONDS = 10
"""How long the answer to such a probe may take: little, for a dead connection costs a worker its lease."""

SLOWEST_BYTES_PER_SECOND = 32_000
"""The slowest link on which calls make progress: 256 kbit/s. Deadlines allow for it, and the server cuts off no faster
one."""

MAX_MESSAGE_BYTES = 2**31 - 1
"""Protobuf and gRPC carry no larger message."""

MAX_PAYLOAD_BYTES = 2**31 - 2**16
"""The largest video or results in one message: the last 64 KiB are for the other fields."""

CHANNEL_OPTIONS: list[tuple[str, int]] = [
    # The server states the limits and answers with its own error; a client takes what it is sent.
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.keepalive_time_ms", KEEPALIVE_SECONDS * 1000),
    # The default grows to two minutes, and a server that came back would wait that long for its workers.
    ("grpc.max_reconnect_backoff_ms", 5_000),
    ("grpc.initial_reconnect_backoff_ms", 200),
]


def open_channel(
    address: str, tls_ca_file: Path | None = None, keepalive_timeout_seconds: float = KEEPALIVE_TIMEOUT_SECONDS
) -> grpc.Channel:
    """Open a connection; the server need not be there yet.

    See `channel_opener`.
    """
    return channel_opener(address, tls_ca_file, keepalive_timeout_seconds)()


def channel_opener(
    address: str, tls_ca_file: Path | None = None, keepalive_timeout_seconds: float = KEEPALIVE_TIMEOUT_SECONDS
) -> Callable[[], grpc.Channel]:
    """Return what opens a connection, and another one in its place, with the certificates that are read now.

    Args:
        address: The server, host:port.
        tls_ca_file: Certificates to trust (PEM): connect with TLS. None connects without.
        keepalive_timeout_seconds: How long the answer to a probe may take. Behind a large message on a slow link it
            takes as long as what waits in the network's buffers.

    Raises:
        ValueError: The file of certificates cannot be used.
    """
    options = [
        *CHANNEL_OPTIONS,
        ("grpc.keepalive_timeout_ms", int(keepalive_timeout_seconds * 1000)),
        ("grpc.use_local_subchannel_pool", 1),  # else it shares the connection of the channel that it replaces
    ]
    if tls_ca_file is None:
        return partial(grpc.insecure_channel, address, options)
    credentials = grpc.ssl_channel_credentials(checked_ca_file(tls_ca_file).read_bytes())
    return partial(grpc.secure_channel, address, credentials, options)
