"""Channel options that both ends of a connection must agree on."""

__all__ = ["CHANNEL_OPTIONS", "KEEPALIVE_SECONDS"]

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
