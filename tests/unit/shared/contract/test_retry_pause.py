"""How long to wait before a call is repeated."""

import grpc
import pytest
import tenacity

from shared.contract.errors import description_of
from shared.contract.reasons import Reason
from shared.contract.retry import RetryPause, failure_of
from tests.support.failed_calls import failed_call

pytestmark = pytest.mark.unit

UNREACHABLE = failed_call(grpc.StatusCode.UNAVAILABLE)
REQUESTED_SECONDS = 30.0
FULL = failed_call(grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.DISK_LOW, REQUESTED_SECONDS)


def pauses(error: Exception, times: int, pause: RetryPause) -> list[float]:
    """Return the pauses between the tries of a call that fails so often."""
    seconds: list[float] = []
    retrying = tenacity.Retrying(stop=tenacity.stop_after_attempt(times + 1), wait=pause, sleep=seconds.append)
    with pytest.raises(tenacity.RetryError):
        retrying(raising, error)
    return seconds


def raising(error: Exception) -> None:
    raise error


@pytest.mark.parametrize("error", [UNREACHABLE, ValueError("no call")])
def test_without_retry_info_pauses_are_random_and_bounded_by_a_growing_limit(error: Exception) -> None:
    many = [pauses(error, 8, RetryPause(first_seconds=0.2, max_seconds=10.0)) for _ in range(50)]
    for number, of_one_try in enumerate(zip(*many, strict=True)):
        limit = min(0.2 * 2**number, 10.0)
        assert 0.5 * limit < max(of_one_try) <= limit
        assert len(set(of_one_try)) > 1


def test_the_servers_retry_info_is_waited_for_with_jitter() -> None:
    seconds = pauses(FULL, 50, RetryPause(first_seconds=0.2, max_seconds=10.0))
    assert all(REQUESTED_SECONDS <= pause <= 2 * REQUESTED_SECONDS for pause in seconds)
    assert len(set(seconds)) > 1


def test_the_failure_is_that_of_a_call_alone() -> None:
    seen: list[grpc.RpcError | None] = []
    for error in (UNREACHABLE, ValueError("no call")):
        retrying = tenacity.Retrying(
            stop=tenacity.stop_after_attempt(2), before_sleep=lambda state: seen.append(failure_of(state))
        )
        with pytest.raises(tenacity.RetryError):
            retrying(raising, error)
    assert seen == [UNREACHABLE, None]


def test_a_failed_call_is_described_by_its_details_or_else_by_itself() -> None:
    with grpc.insecure_channel("127.0.0.1:1") as channel, pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary("/none/None", lambda b: b, lambda b: b)(b"", timeout=10)
    assert description_of(raised.value) == raised.value.details() != ""
    assert description_of(grpc.RpcError("no call")) == "RpcError('no call')"
