"""Who holds which job until when, and the locks beside it."""

import threading
from uuid import UUID, uuid4

import pytest

from job_api.services.leases import Ending, JobLocks, Lease, LeaseTable
from tests.support.clock import FakeClock
from tests.support.waiting import in_thread

pytestmark = pytest.mark.unit

LEASE_SECONDS = 60.0


@pytest.fixture
def table(clock: FakeClock) -> LeaseTable:
    return LeaseTable(LEASE_SECONDS, clock)


@pytest.fixture
def job() -> UUID:
    return uuid4()


def test_the_worker_that_was_given_the_job_holds_it_and_no_other_does(table: LeaseTable, job: UUID) -> None:
    table.grant(job, "w1")
    assert not table.use(job, "w2")
    assert table.use(job, "w1")
    assert not table.use(uuid4(), "w1")


def test_another_workers_try_neither_uses_nor_takes_the_lease(table: LeaseTable, job: UUID) -> None:
    table.grant(job, "w1")
    table.use(job, "w2")
    assert table.unused_of("w1") == job
    assert table.unused_of("w2") is None


def test_a_lease_expires_exactly_on_its_deadline(table: LeaseTable, job: UUID, clock: FakeClock) -> None:
    lease = table.grant(job, "w1")
    clock.advance(LEASE_SECONDS - 0.001)
    assert table.expired() == []
    assert table.take_expired(job) is None
    clock.now = 1000.0 + LEASE_SECONDS
    assert table.expired() == [job]
    assert table.take_expired(job) is lease


def test_no_lease_expires_once_the_server_stops_but_one_whose_worker_never_learned_of_it(
    table: LeaseTable, job: UUID, clock: FakeClock
) -> None:
    table.grant(job, "w1")
    unacknowledged = table.grant(uuid4(), "w2")
    table.stop_expiring()
    clock.advance(2 * LEASE_SECONDS)
    assert table.expired() == []
    assert table.take_expired(job) is None
    table.expire_unacknowledged(unacknowledged)
    assert table.expired() == [unacknowledged.job_id]
    assert table.take_expired(unacknowledged.job_id) is unacknowledged


def test_an_expired_lease_is_its_workers_until_it_is_taken(table: LeaseTable, job: UUID, clock: FakeClock) -> None:
    table.grant(job, "w1")
    clock.advance(2 * LEASE_SECONDS)
    assert not table.renew(job, "w2")
    assert table.use(job, "w1")
    assert table.expired() == [job]
    assert table.renew(job, "w1")
    assert table.expired() == []
    clock.advance(LEASE_SECONDS)
    lease = table.take_expired(job)
    assert lease
    assert not table.renew(job, "w1")
    table.restore(lease)
    assert table.renew(job, "w1")


def test_renewing_counts_from_now(table: LeaseTable, job: UUID, clock: FakeClock) -> None:
    table.grant(job, "w1")
    clock.advance(40)
    assert table.renew(job, "w1")
    clock.advance(LEASE_SECONDS - 0.001)
    assert table.expired() == []
    clock.advance(0.001)
    assert table.expired() == [job]


def test_using_a_lease_does_not_renew_it(table: LeaseTable, job: UUID, clock: FakeClock) -> None:
    table.grant(job, "w1")
    clock.advance(59)
    assert table.use(job, "w1")
    clock.advance(1)
    assert table.expired() == [job]


def test_time_that_counts_for_nobody_is_added_to_every_lease(table: LeaseTable, job: UUID, clock: FakeClock) -> None:
    other = uuid4()
    table.grant(job, "w1")
    clock.advance(30)
    table.grant(other, "w2")
    table.extend_all(100)
    clock.advance(130)
    assert table.expired() == [job]
    clock.advance(30)
    assert table.expired() == [job, other]


def test_a_lease_without_a_holder_belongs_to_the_first_worker_that_uses_it(table: LeaseTable, job: UUID) -> None:
    table.grant(job, None)
    assert table.use(job, "w1")
    assert not table.use(job, "w2")
    assert table.use(job, "w1")


def test_a_lease_without_a_holder_expires_like_any_other(table: LeaseTable, job: UUID, clock: FakeClock) -> None:
    table.grant(job, None)
    clock.advance(LEASE_SECONDS)
    assert table.expired() == [job]


def test_an_unacknowledged_lease_expires_at_once(table: LeaseTable, job: UUID) -> None:
    lease = table.grant(job, "w1")
    assert table.expire_unacknowledged(lease)
    assert lease.is_unacknowledged
    assert table.expired() == [job]
    assert table.unused_of("w1") is None


def test_a_worker_that_learned_of_its_job_after_all_keeps_it(table: LeaseTable, job: UUID) -> None:
    lease = table.grant(job, "w1")
    table.expire_unacknowledged(lease)
    assert table.use(job, "w1")
    assert table.expired() == []
    assert not lease.is_unacknowledged


def test_a_lease_whose_worker_has_called_is_acknowledged(table: LeaseTable, job: UUID) -> None:
    lease = table.grant(job, "w1")
    table.use(job, "w1")
    assert not table.expire_unacknowledged(lease)
    assert table.expired() == []
    assert not lease.is_unacknowledged


def test_a_lease_that_was_ended_does_not_expire_and_the_next_goes_on(table: LeaseTable, job: UUID) -> None:
    lease = table.grant(job, "w1")
    table.end(job)
    assert not table.expire_unacknowledged(lease)
    table.grant(job, "w1")
    assert not table.expire_unacknowledged(lease)
    assert table.expired() == []
    assert table.unused_of("w1") == job


def test_a_job_the_worker_never_called_about_is_known_until_it_calls(table: LeaseTable, job: UUID) -> None:
    assert table.unused_of("w1") is None
    table.grant(job, "w1")
    assert table.unused_of("w1") == job
    assert table.unused_of("w2") is None
    table.use(job, "w1")
    assert table.unused_of("w1") is None


def test_a_job_the_worker_never_called_about_is_not_its_own_after_the_deadline(
    table: LeaseTable, job: UUID, clock: FakeClock
) -> None:
    table.grant(job, "w1")
    clock.advance(LEASE_SECONDS)
    assert table.unused_of("w1") is None


def test_an_ended_lease_is_over_and_its_holder_is_remembered(table: LeaseTable, job: UUID, clock: FakeClock) -> None:
    table.grant(job, "w1")
    assert table.ending(job) is None
    table.end(job)
    assert not table.use(job, "w1")
    assert table.ending(job) == Ending("w1", has_expired=False)
    clock.advance(LEASE_SECONDS)
    assert table.expired() == []
    assert table.take_expired(job) is None


def test_a_new_lease_forgets_the_last_holder(table: LeaseTable, job: UUID) -> None:
    table.grant(job, "w1")
    table.end(job)
    table.grant(job, "w2")
    assert table.ending(job) is None
    assert not table.use(job, "w1")


def test_the_end_of_a_lease_without_a_holder_stores_no_last_holder(table: LeaseTable, job: UUID) -> None:
    table.grant(job, None)
    table.end(job)
    table.end(job)
    assert table.ending(job) is None


def test_only_so_many_ended_leases_are_remembered(clock: FakeClock) -> None:
    table = LeaseTable(LEASE_SECONDS, clock, remembered_endings=3)
    jobs = [uuid4() for _ in range(5)]
    for job in jobs:
        table.grant(job, "w1")
        table.end(job)
    assert [table.ending(job) is not None for job in jobs] == [False, False, True, True, True]


def test_a_lease_is_not_another_of_the_same_job(table: LeaseTable, job: UUID) -> None:
    first = table.grant(job, "w1")
    second = table.grant(job, "w1")
    assert not table.expire_unacknowledged(first)
    assert table.lease_of(job) is second
    assert table.expire_unacknowledged(second)


def test_losses_are_counted_a_job_until_they_are_forgotten(table: LeaseTable, job: UUID) -> None:
    other = uuid4()
    for lost in (job, job, other):
        table.count_loss(Lease(lost, "w1", 0.0))
    assert (table.losses(job), table.losses(other)) == (2, 1)
    assert table.ending(job) == Ending("w1", has_expired=True)
    table.take_loss_back(job)
    assert table.losses(job) == 1
    table.forget_losses(job)
    assert (table.losses(job), table.losses(other)) == (0, 1)
    table.forget_losses(uuid4())


def test_one_at_a_time_holds_a_jobs_lock(job: UUID) -> None:
    locks, inside, most = JobLocks(), 0, 0

    def work() -> None:
        nonlocal inside, most
        for _ in range(200):
            with locks.hold(job):
                inside += 1
                most = max(most, inside)
                inside -= 1

    for future in [in_thread(work) for _ in range(6)]:
        future.result(30)
    assert most == 1


def test_a_held_lock_is_waited_for(job: UUID) -> None:
    locks, wanted, entered = JobLocks(), threading.Event(), list[str]()

    def enter() -> None:
        wanted.set()
        with locks.hold(job):
            entered.append("second")

    with locks.hold(job):
        second = in_thread(enter)
        assert wanted.wait(10)
        entered.append("first")
    second.result(10)
    assert entered == ["first", "second"]


def test_the_locks_of_two_jobs_have_nothing_to_do_with_each_other(job: UUID) -> None:
    locks = JobLocks()

    def enter_another() -> str:
        with locks.hold(uuid4()):
            return "entered"

    with locks.hold(job):
        assert in_thread(enter_another).result(10) == "entered"


def test_a_lock_is_held_while_somebody_holds_it_or_waits(job: UUID) -> None:
    locks = JobLocks()
    assert not locks.is_held(job)
    with locks.hold(job):
        assert locks.is_held(job)
        assert not locks.is_held(uuid4())
    assert not locks.is_held(job)


def test_a_lock_is_let_go_and_nothing_of_it_kept_also_when_its_block_fails(job: UUID) -> None:
    locks = JobLocks()
    with pytest.raises(RuntimeError), locks.hold(job):
        raise RuntimeError
    with locks.hold(job):
        pass
    assert not locks.is_held(job)
