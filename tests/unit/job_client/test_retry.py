"""Which calls are tried again, how often and for how long."""

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2

from job_client import retry
from job_client.errors import InvalidRequest, ServerBusy, ServiceError, Unreachable
from job_client.retry import call
from shared.contract.reasons import ERROR_DOMAIN, Reason

pytestmark = pytest.mark.unit

ASKED_SECONDS = 2.0


class Refused(grpc.RpcError):
    """What a stub raises."""

    def __init__(self, code: grpc.StatusCode, reason: Reason | None = None, retry_after: float | None = None) -> None:
        self._code = code
        status = status_pb2.Status(code=code.value[0], message="no")
        if reason:
            status.details.add().Pack(error_details_pb2.ErrorInfo(reason=reason, domain=ERROR_DOMAIN))
        if retry_after:
            info = error_details_pb2.RetryInfo()
            info.retry_delay.FromMilliseconds(int(retry_after * 1000))
            status.details.add().Pack(info)
        self._trailers = (("grpc-status-details-bin", status.SerializeToString()),)

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "no"

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        return self._trailers


UNAVAILABLE = Refused(grpc.StatusCode.UNAVAILABLE)
OVERLOADED = Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.OVERLOADED, ASKED_SECONDS)
DISK_LOW = Refused(grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.DISK_LOW, ASKED_SECONDS)
INVALID = Refused(grpc.StatusCode.INVALID_ARGUMENT, Reason.INVALID_MP4)


class Server:
    """A stub's method that fails so often before it answers, and a clock that its caller's pauses move."""

    def __init__(self, error: grpc.RpcError, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
        self.error, self.left, self.now = error, times, 0.0
        self.pauses: list[float] = []
        monkeypatch.setattr("tenacity.nap.time.sleep", self._sleep)
        monkeypatch.setattr("time.monotonic", lambda: self.now)

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def __call__(self, request: object, timeout: float) -> str:
        if self.left:
            self.left -= 1
            raise self.error
        return "answer"


@pytest.mark.parametrize("error", [UNAVAILABLE, OVERLOADED])
def test_a_call_is_tried_again_until_the_server_answers(error: grpc.RpcError, monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(error, 3, monkeypatch)
    assert call(server, None) == "answer"
    assert len(server.pauses) == 3


def test_pauses_are_at_least_those_that_an_overloaded_server_requests_and_differ(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server(OVERLOADED, 8, monkeypatch)
    call(server, None)
    assert all(ASKED_SECONDS <= pause <= 2 * ASKED_SECONDS for pause in server.pauses)
    assert len(set(server.pauses)) > 1


@pytest.mark.parametrize(
    ("error", "raised", "patience"),
    [(UNAVAILABLE, Unreachable, retry.PATIENCE_SECONDS), (OVERLOADED, ServerBusy, retry.BUSY_PATIENCE_SECONDS)],
)
def test_retries_end(
    error: grpc.RpcError, raised: type[ServiceError], patience: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(error, 10_000, monkeypatch)
    with pytest.raises(raised):
        call(server, None)
    assert 0.3 * patience < server.now <= patience


@pytest.mark.parametrize(("error", "raised"), [(DISK_LOW, ServerBusy), (INVALID, InvalidRequest)])
def test_a_refusal_that_will_not_pass_soon_is_not_tried_again(
    error: grpc.RpcError, raised: type[ServiceError], monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Server(error, 10_000, monkeypatch)
    with pytest.raises(raised):
        call(server, None)
    assert server.pauses == []
