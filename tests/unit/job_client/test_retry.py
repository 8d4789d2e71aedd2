"""Which calls are tried again, how often and for how long."""

import grpc
import pytest

from job_client import retry
from job_client.errors import InvalidRequest, ServerBusy, ServiceError, Unreachable
from job_client.retry import call
from shared.contract.reasons import Reason
from tests.support.failed_calls import failed_call

pytestmark = pytest.mark.unit

REQUESTED_SECONDS = 2.0


UNAVAILABLE = failed_call(grpc.StatusCode.UNAVAILABLE)
OVERLOADED = failed_call(grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.OVERLOADED, REQUESTED_SECONDS)
DISK_LOW = failed_call(grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.DISK_LOW, REQUESTED_SECONDS)
INVALID = failed_call(grpc.StatusCode.INVALID_ARGUMENT, Reason.INVALID_MP4)


class Server:
    """A stub's method that fails so often before it answers, and a clock that its caller's pauses move."""

    def __init__(self, error: grpc.RpcError, times: int) -> None:
        self.error, self.left, self.now = error, times, 0.0
        self.pauses: list[float] = []

    def answer(self) -> str:
        return call(self, None, clock=lambda: self.now, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def __call__(self, request: object, timeout: float) -> str:
        if self.left:
            self.left -= 1
            raise self.error
        return "answer"


@pytest.mark.parametrize("error", [UNAVAILABLE, OVERLOADED])
def test_a_call_is_tried_again_until_the_server_answers(error: grpc.RpcError) -> None:
    server = Server(error, 3)
    assert server.answer() == "answer"
    assert len(server.pauses) == 3


def test_pauses_are_at_least_those_that_an_overloaded_server_requests_and_differ() -> None:
    server = Server(OVERLOADED, 8)
    server.answer()
    assert all(REQUESTED_SECONDS <= pause <= 2 * REQUESTED_SECONDS for pause in server.pauses)
    assert len(set(server.pauses)) > 1


@pytest.mark.parametrize(
    ("error", "raised", "patience"),
    [(UNAVAILABLE, Unreachable, retry.PATIENCE_SECONDS), (OVERLOADED, ServerBusy, retry.BUSY_PATIENCE_SECONDS)],
)
def test_retries_end(error: grpc.RpcError, raised: type[ServiceError], patience: float) -> None:
    server = Server(error, 10_000)
    with pytest.raises(raised):
        server.answer()
    assert 0.3 * patience < server.now <= patience


@pytest.mark.parametrize(("error", "raised"), [(DISK_LOW, ServerBusy), (INVALID, InvalidRequest)])
def test_a_refusal_that_will_not_pass_soon_is_not_tried_again(error: grpc.RpcError, raised: type[ServiceError]) -> None:
    server = Server(error, 10_000)
    with pytest.raises(raised):
        server.answer()
    assert server.pauses == []
