"""Where a gRPC server listens: its address, its certificate and its message limits."""

import ssl
import threading
from dataclasses import dataclass

import grpc

from job_api.backpressure.admission import refuses_arriving_requests
from job_api.backpressure.call_pool import CallPool
from job_api.settings import ApiSettings
from shared.contract.channel import MAX_MESSAGE_BYTES
from shared.process.settings import MIB

MESSAGE_HEADROOM_BYTES = 16 * MIB
"""How far gRPC's message limit lies above ours where nothing else refuses what is still arriving, so that a payload
just over ours gets our error, with a reason."""
PARALLEL_CALLS = 512
"""How many calls one connection may have at a time, waiting workers apart; its further calls wait on the caller's side.
Responses that are not charged take up to 16 KiB each, and a client may well submit hundreds of videos at once."""
PING_SECONDS = 60
"""How often a connection with calls and without traffic is probed. A caller that vanished in the middle of an upload
would hold its bytes for hours otherwise."""
PING_TIMEOUT_SECONDS = 300
"""How long the answer to a probe may take, whatever else comes meanwhile. Behind what its caller's buffers hold, up to
5 MB, it takes 160 s on a link of 256 kbit/s."""
UNACKNOWLEDGED_SECONDS = 20
"""How long a caller's host may acknowledge nothing of what it is sent, or take nothing (TCP_USER_TIMEOUT). Until then
a response that is cut off keeps its memory where nobody reads it."""


class AddressUnavailable(Exception):
    """The server cannot listen on the address; the message names it."""


class CertificateUnusable(Exception):
    """The certificate or its key cannot be read, or they do not belong together; the message names the settings."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One gRPC server, the address it listens on, and the threads of its calls."""

    address: str
    server: grpc.Server
    pool: CallPool

    def bind(self, credentials: grpc.ServerCredentials | None) -> str:
        """Bind the address; return it with the port that was bound.

        Raises:
            AddressUnavailable: It is in use, or not an address of this host.
        """
        try:
            if credentials:
                port = self.server.add_secure_port(self.address, credentials)
            else:
                port = self.server.add_insecure_port(self.address)
        except RuntimeError as error:
            raise AddressUnavailable(
                f"cannot listen on {self.address}: it is in use, or not an address of this host"
            ) from error
        return f"{self.address.rpartition(':')[0]}:{port}"

    def stop(self, seconds: float) -> threading.Event:
        """Refuse new calls; cut off those that are still under way after so many seconds.

        Returns:
            What is set once all calls have ended.
        """
        try:
            return self.server.stop(seconds)
        except RuntimeError:  # gRPC's thread that would cut them off cannot start
            self.pool.is_done(seconds)
            return self.server.stop(None)


def server_credentials(settings: ApiSettings) -> grpc.ServerCredentials | None:
    """Return the certificate and key of the settings, or None to listen without TLS.

    Raises:
        CertificateUnusable: They cannot be read, or do not belong together.
    """
    if settings.tls_cert_file is None or settings.tls_key_file is None:
        return None
    certificate, key = settings.tls_cert_file, settings.tls_key_file
    try:
        # gRPC accepts any bytes here and later reports that it cannot bind the address.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
        return grpc.ssl_server_credentials([(key.read_bytes(), certificate.read_bytes())])
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise CertificateUnusable(
            f"--tls-cert-file {certificate} and --tls-key-file {key} cannot be used: they must be a certificate chain "
            f"and the unencrypted key that belongs to it, both PEM ({error})"
        ) from error


def _receive_limit(settings: ApiSettings) -> int:
    """Return the size from which gRPC refuses a message itself, without a reason.

    Back-pressure refuses requests of any size with one, as soon as more of them has come than their RPC takes. Where it
    does not see them arrive, memory needs gRPC's limit.
    """
    if refuses_arriving_requests():
        return MAX_MESSAGE_BYTES
    return min(settings.largest_payload_bytes + MESSAGE_HEADROOM_BYTES, MAX_MESSAGE_BYTES)


def server_options(settings: ApiSettings) -> list[tuple[str, int]]:
    """Return the options of a gRPC server with these settings."""
    return [
        ("grpc.max_receive_message_length", _receive_limit(settings)),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),  # else a second server could take half of the calls of the first
        # Callers of unread requests are stopped after 64 KiB; else the library lets fast ones send some MiB.
        ("grpc.http2.bdp_probe", 0),
        # A small request could expand to the largest, of which nobody would know before it is in memory.
        ("grpc.compression_enabled_algorithms_bitset", 1),  # none
        # Workers wait without sending anything; their keepalive pings are welcome.
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_time_ms", PING_SECONDS * 1000),
        ("grpc.http2.ping_timeout_ms", PING_TIMEOUT_SECONDS * 1000),
        ("grpc.keepalive_timeout_ms", UNACKNOWLEDGED_SECONDS * 1000),
        # A proxy may bring all workers on one connection.
        ("grpc.max_concurrent_streams", min(settings.max_waiting_workers + PARALLEL_CALLS, 2**31 - 1)),
    ]
