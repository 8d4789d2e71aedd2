"""The thread that keeps a lease alive."""

import itertools
import logging
import threading
import time

import grpc
import pytest

from job_worker.errors import LeaseLost
from job_worker.runtime.heartbeat import RETRY_SECONDS, Heartbeat
from tests.support.waiting import eventually, opened_at_the_end
from tests.support.worker_fakes import CallFailed

pytestmark = [pytest.mark.unit, pytest.mark.worker, pytest.mark.thorough]

LONG_LEASE_SECONDS = 3600.0


def heartbeat_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "heartbeat"]


def test_the_lease_is_renewed_at_a_third_of_its_length_again_and_again() -> None:
    renewals: list[float] = []

    def renew() -> float:
        renewals.append(time.monotonic())
        return 0.3

    with Heartbeat(renew):
        eventually(lambda: len(renewals) >= 6, "six renewals")
    gaps = [later - sooner for sooner, later in itertools.pairwise(renewals)]
    assert 0.1 <= min(gaps) < 0.15


def test_the_first_renewal_does_not_wait() -> None:
    renewals: list[None] = []

    def renew() -> float:
        renewals.append(None)
        return LONG_LEASE_SECONDS

    with Heartbeat(renew):
        eventually(lambda: renewals, "the first renewal", seconds=5)


def test_a_lost_lease_is_reported_and_not_renewed_any_more() -> None:
    renewals: list[None] = []

    def renew() -> float:
        renewals.append(None)
        if len(renewals) == 2:
            raise LeaseLost("another has it")
        return 0.003

    with Heartbeat(renew) as heartbeat:
        assert heartbeat.lost.wait(5)
        eventually(lambda: not heartbeat_threads(), "the thread's end", seconds=5)
    assert len(renewals) == 2


def test_a_kept_lease_is_not_reported_lost() -> None:
    renewals: list[None] = []

    def renew() -> float:
        renewals.append(None)
        return 0.003

    with Heartbeat(renew) as heartbeat:
        eventually(lambda: len(renewals) >= 3)
    assert not heartbeat.lost.is_set()


@pytest.mark.parametrize(
    "error",
    [CallFailed(grpc.StatusCode.UNAVAILABLE), grpc.RpcError(), ValueError("nobody foresaw it")],
    ids=["unreachable", "without details", "unforeseen"],
)
def test_a_renewal_that_fails_is_logged_and_repeated_soon(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    tries: list[None] = []

    def renew() -> float:
        tries.append(None)
        if len(tries) < 4:
            raise error
        return LONG_LEASE_SECONDS

    with caplog.at_level(logging.WARNING), Heartbeat(renew, retry_seconds=0.01) as heartbeat:
        eventually(lambda: len(tries) >= 4, "four tries")
    assert not heartbeat.lost.is_set()
    assert caplog.messages == ["lease not renewed, trying again"] * 3


def test_an_unreachable_server_is_not_called_without_a_pause() -> None:
    tries: list[float] = []

    def renew() -> float:
        tries.append(time.monotonic())
        raise CallFailed(grpc.StatusCode.UNAVAILABLE)

    with Heartbeat(renew):
        eventually(lambda: len(tries) >= 2, "two tries")
    assert tries[1] - tries[0] >= RETRY_SECONDS


def test_it_ends_with_the_block_at_once_however_long_the_lease() -> None:
    renewals: list[None] = []

    def renew() -> float:
        renewals.append(None)
        return LONG_LEASE_SECONDS

    with Heartbeat(renew):
        eventually(lambda: renewals)
        left_at = time.monotonic()
    assert time.monotonic() - left_at < 5
    assert not heartbeat_threads()
    assert len(renewals) == 1


def test_it_ends_with_a_block_that_raises() -> None:
    with pytest.raises(KeyError), Heartbeat(lambda: LONG_LEASE_SECONDS):
        raise KeyError
    assert not heartbeat_threads()


def test_a_renewal_that_is_not_answered_does_not_hold_up_the_end_of_the_job() -> None:
    with opened_at_the_end(threading.Event()) as answer:

        def renew() -> float:
            answer.wait()
            return LONG_LEASE_SECONDS

        began_at = time.monotonic()
        with Heartbeat(renew):
            pass
        assert time.monotonic() - began_at < 10
    eventually(lambda: not heartbeat_threads(), "the thread's end")
