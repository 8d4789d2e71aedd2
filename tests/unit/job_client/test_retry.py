"""Which calls are tried again, how often and for how long."""

import grpc
import pytest

from job_client import retry
from job_client.errors import InvalidRequest, PayloadTooLarge, ServerBusy, ServiceError, Unreachable
from job_client.retry import call
from shared.contract.reasons import Reason
from tests.support.failed_calls import failed_call

pytestmark = pytest.mark.unit

REQUESTED_SECONDS = 2.0


UNAVAILABLE = failed_call(grpc.StatusCode.UNAVAILABLE)
OVERLOADED = failed_call(grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.OVERLOADED, REQUESTED_SECONDS)
CUT_OFF = failed_call(grpc.StatusCode.RESOURCE_EXHAUSTED)
RESET = failed_call(grpc.StatusCode.UNKNOWN)
PROXY = failed_call(grpc.StatusCode.INTERNAL)
OUR_INTERNAL = failed_call(grpc.StatusCode.INTERNAL, Reason.INTERNAL)
ABOVE_GRPC_LIMIT = failed_call(
    grpc.StatusCode.RESOURCE_EXHAUSTED, message="SERVER: Received message larger than max (629145651 vs. 553648128)"
)
DISK_LOW = failed_call(grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.DISK_LOW, REQUESTED_SECONDS)
STORAGE_UNAVAILABLE = failed_call(grpc.StatusCode.UNAVAILABLE, Reason.STORAGE_UNAVAILABLE)
INVALID = failed_call(grpc.StatusCode.INVALID_ARGUMENT, Reason.INVALID_MP4)


class Server:
    """A stub's method that fails so often, each time after some seconds, before it answers.

    Its clock moves with that, and with its caller's pauses.
    """

    def __init__(self, error: grpc.RpcError, times: int, seconds: float = 0.0) -> None:
        self.error, self.left, self.seconds, self.now = error, times, seconds, 0.0
        self.pauses: list[float] = []

    def answer(self) -> str:
        return call(self, None, clock=lambda: self.now, sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds

    def __call__(self, request: object, timeout: float) -> str:
        if self.left:
            self.left -= 1
            self.now += self.seconds
            raise self.error
        return "answer"


@pytest.mark.parametrize("error", [UNAVAILABLE, OVERLOADED, CUT_OFF, RESET, PROXY])
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
    [
        (UNAVAILABLE, Unreachable, retry.UNREACHABLE_PATIENCE_SECONDS),
        (OVERLOADED, ServerBusy, retry.BUSY_PATIENCE_SECONDS),
    ],
)
def test_retries_end(error: grpc.RpcError, raised: type[ServiceError], patience: float) -> None:
    server = Server(error, 10_000)
    with pytest.raises(raised):
        server.answer()
    assert 0.3 * patience < server.now <= patience


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (DISK_LOW, ServerBusy),
        (INVALID, InvalidRequest),
        (OUR_INTERNAL, ServiceError),
        (ABOVE_GRPC_LIMIT, PayloadTooLarge),
    ],
)
def test_a_refusal_that_will_not_pass_soon_is_not_tried_again(error: grpc.RpcError, raised: type[ServiceError]) -> None:
    server = Server(error, 10_000)
    with pytest.raises(raised):
        server.answer()
    assert server.pauses == []


def test_a_call_that_is_cut_off_after_a_long_time_is_tried_again_but_not_for_ever() -> None:
    server = Server(UNAVAILABLE, 3, seconds=100.0)
    assert server.answer() == "answer"
    server = Server(UNAVAILABLE, 10_000, seconds=100.0)
    with pytest.raises(Unreachable):
        server.answer()
    assert 10_000 - server.left == retry.MIN_CUT_TRIES + 1


@pytest.mark.parametrize("seconds", [2.0, 4.0])
def test_a_call_is_tried_again_for_minutes_that_is_cut_off_each_time_after_it_began(seconds: float) -> None:
    assert Server(UNAVAILABLE, 20, seconds).answer() == "answer"
    server = Server(UNAVAILABLE, 10_000, seconds)
    with pytest.raises(Unreachable):
        server.answer()
    assert 0 < server.now - retry.CUT_SECONDS < 4 * seconds


def test_a_server_that_refuses_what_has_arrived_is_not_sent_it_for_minutes() -> None:
    server = Server(STORAGE_UNAVAILABLE, 10_000, seconds=4.0)
    with pytest.raises(ServiceError):
        server.answer()
    assert 10_000 - server.left == retry.MIN_CUT_TRIES + 1


@pytest.mark.parametrize(("size_bytes", "least"), [(0, 60), (512 << 20, 900)])
def test_an_upload_may_take_as_long_as_its_size_needs(size_bytes: int, least: float) -> None:
    assert retry.upload_seconds(size_bytes) >= least
