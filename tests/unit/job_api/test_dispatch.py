"""The workers' side of the life of a job, on a clock that moves on request."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import wait as wait_for
from uuid import UUID, uuid4

import pytest

from job_api.bootstrap import Services
from job_api.errors import (
    ApiError,
    DiskLow,
    InputUnreadable,
    InvalidErrorMessage,
    InvalidRange,
    InvalidResults,
    JobNotFinished,
    JobNotFound,
    LeaseLost,
    PayloadTooLarge,
)
from job_api.queue.memory_queue import MemoryQueue
from job_api.services.job_queue import Waiter
from job_api.settings import ApiSettings
from job_api.storage.base import StorageFull
from job_api.storage.keys import input_key, results_key
from job_api.testing.memory_storage import MemoryStorage
from shared.contract.job_status import JobStatus
from tests.support.adapters import HookedStorage, JobHooks, RecordingQueue, raises
from tests.support.clock import FakeClock
from tests.support.lives import completed, failed, outcome, running, status, submit, take
from tests.support.samples import DOCUMENT, OTHER_DOCUMENT, OTHER_VIDEO, VIDEO
from tests.support.waiting import eventually, in_thread

pytestmark = pytest.mark.unit

LEASE_SECONDS = 60.0
Make = Callable[..., Services]
Call = Callable[[Services, UUID, str], object]


@pytest.fixture
def services(make_services: Make, storage: HookedStorage, queue: MemoryQueue, jobs: JobHooks) -> Services:
    """Services whose waiting workers go on because they were woken, not because time passed."""
    return make_services(storage=storage, queue=queue, make_jobs=jobs.make_jobs, poll_seconds=60.0)


CALLS: dict[str, Call] = {
    "read": lambda services, job, worker: services.dispatch.read_input(job, worker, 0, 0),
    "renew": lambda services, job, worker: services.dispatch.renew(job, worker),
    "complete": lambda services, job, worker: services.reports.complete(job, worker, OTHER_DOCUMENT),
    "fail": lambda services, job, worker: services.reports.fail(job, worker, "another end"),
    "release": lambda services, job, worker: services.dispatch.release(job, worker),
}
each_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())


database_is_away = raises(RuntimeError("the database is away"))


class EndsBeforeTheAnswer(Waiter):
    """A call that goes on while a job is looked for and has ended when one is found."""

    def accept(self, take_back: Callable[[], None]) -> bool:
        self.end()
        return super().accept(take_back)


class TestTaking:
    def test_jobs_are_given_in_the_order_they_came(self, services: Services) -> None:
        jobs = [submit(services) for _ in range(4)]
        assert [take(services, f"w{number}") for number in range(4)] == jobs
        assert take(services, "w9") is None

    def test_a_job_that_is_given_runs(self, services: Services) -> None:
        job = submit(services)
        before = services.queries.job(job)
        take(services)
        after = services.queries.job(job)
        assert (before.status, after.status) == (JobStatus.pending, JobStatus.running)
        assert after.updated_at > before.updated_at
        assert after.created_at == before.created_at

    def test_a_worker_that_never_called_about_its_job_is_given_it_again(self, services: Services) -> None:
        job, other = submit(services), submit(services)
        assert [take(services, "w1"), take(services, "w1")] == [job, job]
        assert take(services, "w2") == other

    def test_giving_it_again_restarts_the_lease(self, services: Services, clock: FakeClock) -> None:
        job = submit(services)
        take(services)
        clock.advance(LEASE_SECONDS - 1)
        assert take(services) == job
        clock.advance(LEASE_SECONDS - 1)
        services.dispatch.renew(job, "w1")

    @each_call
    def test_a_worker_that_called_about_its_job_is_given_another(self, services: Services, call: Call) -> None:
        job, other = submit(services), submit(services)
        take(services)
        call(services, job, "w1")
        assert take(services) == other

    def test_a_refused_call_of_another_worker_does_not_mark_the_lease_as_used(self, services: Services) -> None:
        job = submit(services)
        take(services)
        with pytest.raises(LeaseLost):
            services.dispatch.renew(job, "w2")
        assert take(services) == job

    def test_a_worker_is_not_given_again_what_it_lost(self, services: Services, clock: FakeClock) -> None:
        submit(services)
        take(services)
        clock.advance(LEASE_SECONDS)
        assert take(services) is None

    def test_a_call_that_has_ended_gets_no_job(self, services: Services) -> None:
        job, waiter = submit(services), Waiter()
        waiter.end()
        assert services.dispatch.dequeue("w1", 5, waiter) is None
        assert status(services, job) is JobStatus.pending
        assert take(services, "w2") == job

    def test_a_worker_that_disconnects_during_the_answer_loses_no_job_and_no_attempt(self, services: Services) -> None:
        job = submit(services)
        for number in range(5):
            assert services.dispatch.dequeue(f"w{number}", 0, EndsBeforeTheAnswer()) is None
            assert status(services, job) is JobStatus.pending
        assert take(services, "w9") == job
        assert services.leases.losses(job) == 0

    def test_a_job_given_to_nobody_counts_no_worker_where_it_cannot_be_requeued_at_once(
        self, services: Services, jobs: JobHooks
    ) -> None:
        class EndsAsTheDatabaseGoes(EndsBeforeTheAnswer):
            def accept(self, take_back: Callable[[], None]) -> bool:
                jobs.before_move = database_is_away
                return super().accept(take_back)

        job = submit(services)
        assert services.dispatch.dequeue("w1", 0, EndsAsTheDatabaseGoes()) is None
        jobs.before_move = None
        assert services.expiry.expire_leases() == 1
        assert services.leases.losses(job) == 0
        assert take(services, "w2") == job

    def test_a_call_that_ends_while_it_is_answered_takes_nothing_from_the_next(self, services: Services) -> None:
        class AsksAgainInstead(Waiter):
            def accept(self, take_back: Callable[[], None]) -> bool:
                assert take(services, "w1") == job
                self.end()
                return super().accept(take_back)

        job = submit(services)
        assert services.dispatch.dequeue("w1", 0, AsksAgainInstead()) is None
        assert status(services, job) is JobStatus.running
        services.dispatch.renew(job, "w1")

    def test_a_job_that_comes_while_the_worker_waits_is_given_at_once(self, services: Services) -> None:
        waiting = in_thread(lambda: services.dispatch.dequeue("w1", 30, Waiter()))
        eventually(lambda: services.job_queue.waiting, "the worker to wait")
        job = submit(services)
        assert waiting.result(10) == job

    def test_the_wait_is_capped(self, make_services: Make, make_settings: Callable[..., ApiSettings]) -> None:
        import time

        services = make_services(make_settings(max_wait_seconds=0.02), clock=time.monotonic)
        assert in_thread(lambda: services.dispatch.dequeue("w1", 86_400, Waiter())).result(20) is None

    def test_many_workers_are_given_each_job_once(self, services: Services) -> None:
        jobs = [submit(services) for _ in range(60)]
        taken: list[UUID] = []

        def work(number: int) -> None:
            while job := take(services, f"w{number}"):
                services.dispatch.renew(job, f"w{number}")
                taken.append(job)

        for future in [in_thread(lambda number=number: work(number)) for number in range(6)]:  # type: ignore[misc]
            future.result(60)
        assert sorted(taken) == sorted(jobs)


class TestAnswersThatAreLost:
    """The call ends when its answer is on the way already."""

    def lost(self, services: Services, worker_id: str = "w1") -> Waiter:
        """Have the worker take a job and return the waiter of that call, which is still to end."""
        waiter = Waiter()
        assert services.dispatch.dequeue(worker_id, 0, waiter)
        return waiter

    def test_the_job_is_due_at_once_and_waits_for_the_next_worker(self, services: Services) -> None:
        job = submit(services)
        self.lost(services).end()
        assert status(services, job) is JobStatus.running  # nothing is written on the thread that reports it
        assert services.expiry.due.is_set()
        assert services.expiry.expire_leases() == 1
        assert status(services, job) is JobStatus.pending
        assert take(services, "w2") == job

    def test_no_attempt_is_lost(self, services: Services) -> None:
        job = submit(services)
        for number in range(5):
            self.lost(services, f"w{number}").end()
            assert services.expiry.expire_leases() == 1
        assert status(services, job) is JobStatus.pending
        assert services.leases.losses(job) == 0

    def test_a_worker_that_learned_of_it_after_all_keeps_it(self, services: Services) -> None:
        job = submit(services)
        self.lost(services).end()
        services.dispatch.renew(job, "w1")
        services.expiry.expire_leases()
        assert status(services, job) is JobStatus.running

    def test_the_job_wakes_a_waiting_worker(self, services: Services) -> None:
        job = submit(services)
        waiter = self.lost(services)
        waiting = in_thread(lambda: services.dispatch.dequeue("w2", 30, Waiter()))
        eventually(lambda: services.job_queue.waiting, "the worker to wait")
        waiter.end()
        services.expiry.expire_leases()
        assert waiting.result(10) == job

    def test_it_is_tried_again_when_the_row_cannot_be_changed(self, services: Services, jobs: JobHooks) -> None:
        job = submit(services)
        self.lost(services).end()
        jobs.before_move = database_is_away
        assert services.expiry.expire_leases() == 0
        jobs.before_move = None
        assert status(services, job) is JobStatus.running
        assert services.expiry.expire_leases() == 1
        assert services.leases.losses(job) == 0
        assert take(services, "w2") == job

    def stays(self, services: Services, job: UUID) -> None:
        assert not services.expiry.due.is_set()
        assert services.expiry.expire_leases() == 0
        assert status(services, job) is JobStatus.running

    def test_a_caller_that_has_its_answer_keeps_its_job(self, services: Services) -> None:
        job = submit(services)
        self.lost(services).end(is_cancelled=False)
        self.stays(services, job)
        services.dispatch.renew(job, "w1")

    @each_call
    def test_a_job_whose_worker_called_about_it_is_not_requeued(self, services: Services, call: Call) -> None:
        job = submit(services)
        waiter = self.lost(services)
        call(services, job, "w1")
        before = outcome(services, job)
        waiter.end()
        assert not services.expiry.due.is_set()
        assert services.expiry.expire_leases() == 0
        assert outcome(services, job) == before

    def test_a_worker_that_dequeued_again_meanwhile_keeps_its_job(self, services: Services) -> None:
        job = submit(services)
        waiter = self.lost(services)
        assert take(services) == job
        waiter.end()
        self.stays(services, job)
        services.dispatch.renew(job, "w1")

    def test_a_worker_that_has_the_job_by_then_keeps_it(self, services: Services, clock: FakeClock) -> None:
        job = submit(services)
        waiter = self.lost(services)
        clock.advance(LEASE_SECONDS)
        services.expiry.expire_leases()
        assert take(services, "w2") == job
        waiter.end()
        self.stays(services, job)
        services.dispatch.renew(job, "w2")


class TestTheQueueIsAHint:
    def test_duplicate_ids_give_the_job_once(self, services: Services, queue: MemoryQueue) -> None:
        job = submit(services)
        for _ in range(3):
            queue.enqueue(str(job))
        assert take(services, "w1") == job
        assert take(services, "w2") is None
        assert queue.size() == 0

    def test_ids_of_no_job_are_passed_over(self, services: Services, queue: MemoryQueue) -> None:
        for _ in range(3):
            queue.enqueue(str(uuid4()))
        job = submit(services)
        assert take(services) == job

    @pytest.mark.parametrize("end", [completed, failed], ids=["completed", "failed"])
    def test_ids_of_ended_jobs_are_passed_over(
        self, services: Services, queue: MemoryQueue, end: Callable[[Services], UUID]
    ) -> None:
        job = end(services)
        before = outcome(services, job)
        queue.enqueue(str(job))
        assert take(services, "w2") is None
        assert outcome(services, job) == before

    def test_an_id_is_requeued_when_its_row_cannot_be_changed(
        self, services: Services, queue: MemoryQueue, jobs: JobHooks
    ) -> None:
        job = submit(services)
        jobs.before_move = database_is_away
        with pytest.raises(RuntimeError, match="away"):
            take(services, "w1")
        jobs.before_move = None
        assert queue.size() == 1
        assert take(services, "w2") == job


class TestReading:
    def test_the_holder_reads_the_video_in_chunks(self, services: Services) -> None:
        job = running(services)
        video = b""
        while (chunk := services.dispatch.read_input(job, "w1", len(video), 100)).data:
            assert (chunk.pipeline_id, chunk.size_bytes) == ("ocr", len(VIDEO))
            video += chunk.data
        assert video == VIDEO

    @pytest.mark.parametrize(
        ("offset", "length", "expected"),
        [
            (0, 0, VIDEO[:50]),
            (0, 10, VIDEO[:10]),
            (5, 10, VIDEO[5:15]),
            (0, 1000, VIDEO[:50]),
            (len(VIDEO) - 3, 0, VIDEO[-3:]),
            (len(VIDEO), 0, b""),
        ],
    )
    def test_a_chunk_is_what_was_requested_within_the_cap(
        self,
        make_services: Make,
        make_settings: Callable[..., ApiSettings],
        offset: int,
        length: int,
        expected: bytes,
    ) -> None:
        services = make_services(make_settings(max_chunk_bytes=50), storage=MemoryStorage())
        job = running(services)
        assert services.dispatch.read_input(job, "w1", offset, length).data == expected

    @pytest.mark.parametrize(
        ("offset", "length"), [(-1, 0), (0, -1), (len(VIDEO) + 1, 0), (2**63 - 1, 1), (-(2**63), 0)]
    )
    def test_a_chunk_outside_the_video_is_refused(self, services: Services, offset: int, length: int) -> None:
        job = running(services)
        with pytest.raises(InvalidRange):
            services.dispatch.read_input(job, "w1", offset, length)

    def test_reading_does_not_renew_the_lease(self, services: Services, clock: FakeClock) -> None:
        job = running(services)
        clock.advance(LEASE_SECONDS - 1)
        services.dispatch.read_input(job, "w1", 0, 0)
        clock.advance(1)
        assert services.expiry.expire_leases() == 1

    def test_a_missing_video_is_data_loss_of_that_job_alone(self, services: Services, storage: MemoryStorage) -> None:
        job, other = running(services, "w1"), running(services, "w2")
        storage.delete_file(input_key(job))
        with pytest.raises(InputUnreadable) as raised:
            services.dispatch.read_input(job, "w1", 0, 0)
        assert raised.value.job_id == str(job)
        assert "video_jobs" not in raised.value.message
        assert services.dispatch.read_input(other, "w2", 0, 0).data == VIDEO
        services.reports.fail(job, "w1", "its video is missing")
        assert status(services, job) is JobStatus.failed


class TestLeases:
    def test_renewing_answers_the_length_of_the_lease_and_keeps_the_job(
        self, services: Services, clock: FakeClock
    ) -> None:
        job = running(services)
        for _ in range(10):
            clock.advance(LEASE_SECONDS / 3)
            assert services.dispatch.renew(job, "w1") == LEASE_SECONDS
            assert services.expiry.expire_leases() == 0
        assert status(services, job) is JobStatus.running

    def test_a_job_whose_lease_expires_is_requeued(self, services: Services, clock: FakeClock) -> None:
        job = running(services)
        clock.advance(LEASE_SECONDS - 0.001)
        assert services.expiry.expire_leases() == 0
        assert status(services, job) is JobStatus.running
        clock.now = 1000 + LEASE_SECONDS
        assert services.expiry.expire_leases() == 1
        assert status(services, job) is JobStatus.pending
        assert services.expiry.expire_leases() == 0
        assert take(services, "w2") == job

    def test_leases_that_cannot_be_ended_on_a_full_disk_are_one_line_in_the_log_and_no_lost_worker_yet(
        self, services: Services, jobs: JobHooks, clock: FakeClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        for worker_id in ("w1", "w2", "w3"):
            running(services, worker_id)
        clock.advance(LEASE_SECONDS)
        jobs.before_move = raises(DiskLow("the disk is full"))
        assert services.expiry.expire_leases() == 0
        jobs.before_move = None
        [record] = caplog.records
        assert (record.message, record.exc_info) == ("leases not ended, trying again", None)
        assert services.expiry.expire_leases() == 3

    @pytest.mark.parametrize("how", ["expired", "released"])
    def test_a_requeued_job_wakes_a_waiting_worker(self, services: Services, clock: FakeClock, how: str) -> None:
        job = running(services)
        waiting = in_thread(lambda: services.dispatch.dequeue("w2", 30, Waiter()))
        eventually(lambda: services.job_queue.waiting, "the worker to wait")
        if how == "expired":
            clock.advance(LEASE_SECONDS)
            services.expiry.expire_leases()
        else:
            services.dispatch.release(job, "w1")
        assert waiting.result(10) == job

    @pytest.mark.parametrize("error", [RuntimeError("the queue is away"), SystemExit()])
    @pytest.mark.parametrize("how", ["expired", "released", "answer lost"])
    def test_a_job_that_the_queue_refuses_to_take_back_is_requeued_later(
        self, services: Services, queue: RecordingQueue, clock: FakeClock, how: str, error: BaseException
    ) -> None:
        job = submit(services) if how == "answer lost" else running(services)
        queue.before_enqueue = raises(error)
        if how == "expired":
            clock.advance(LEASE_SECONDS)
            services.expiry.expire_leases()
        elif how == "released":
            services.dispatch.release(job, "w1")
        else:
            assert services.dispatch.dequeue("w1", 0, EndsBeforeTheAnswer()) is None
        assert status(services, job) is JobStatus.pending
        assert take(services, "w2") is None
        queue.before_enqueue = None
        services.job_queue.retry()
        assert take(services, "w2") == job

    @each_call
    def test_a_late_worker_changes_nothing_once_another_has_the_job(
        self, services: Services, storage: MemoryStorage, clock: FakeClock, call: Call
    ) -> None:
        job = running(services)
        clock.advance(LEASE_SECONDS)
        services.expiry.expire_leases()
        assert take(services, "w2") == job
        with pytest.raises(LeaseLost):
            call(services, job, "w1")
        assert outcome(services, job) == (JobStatus.running, None, None)
        assert list(storage.list_files("video_jobs")) == [input_key(job)]
        services.dispatch.renew(job, "w2")

    @pytest.mark.parametrize(
        ("call", "after"),
        {
            "read": JobStatus.running,
            "renew": JobStatus.running,
            "complete": JobStatus.completed,
            "fail": JobStatus.failed,
            "release": JobStatus.pending,
        }.items(),
    )
    @pytest.mark.parametrize("is_noticed", [False, True])
    def test_a_late_worker_is_welcome_while_nobody_else_has_the_job(
        self, services: Services, clock: FakeClock, call: str, after: JobStatus, is_noticed: bool
    ) -> None:
        job = running(services)
        clock.advance(LEASE_SECONDS)
        if is_noticed:
            services.expiry.expire_leases()
        CALLS[call](services, job, "w1")
        assert status(services, job) is after
        assert services.leases.losses(job) == 0
        assert take(services, "w2") == (job if after is JobStatus.pending else None)

    def test_after_a_restart_the_first_worker_to_come_back_is_the_last_holder(
        self, services: Services, clock: FakeClock
    ) -> None:
        job = running(services)
        services.leases.grant(job, None)  # as a restart does
        clock.advance(LEASE_SECONDS)
        services.expiry.expire_leases()
        services.dispatch.renew(job, "w1")
        assert status(services, job) is JobStatus.running
        assert services.leases.losses(job) == 0
        with pytest.raises(LeaseLost):
            services.dispatch.renew(job, "w2")

    def test_a_worker_that_comes_back_has_not_been_lost(self, services: Services, clock: FakeClock) -> None:
        job = running(services)
        for _ in range(5):
            clock.advance(LEASE_SECONDS)
            services.expiry.expire_leases()
            services.dispatch.renew(job, "w1")
        assert status(services, job) is JobStatus.running

    @each_call
    def test_a_job_that_failed_with_its_last_worker_stays_failed(
        self, services: Services, clock: FakeClock, call: Call
    ) -> None:
        job = submit(services)
        for _ in range(3):
            assert take(services, "w1") == job
            services.dispatch.renew(job, "w1")
            clock.advance(LEASE_SECONDS)
            services.expiry.expire_leases()
        with pytest.raises(LeaseLost):
            call(services, job, "w1")
        assert outcome(services, job) == (JobStatus.failed, None, "worker lost 3 times")

    def test_time_in_which_the_server_did_not_run_counts_for_nobody(self, services: Services, clock: FakeClock) -> None:
        job = running(services)
        clock.advance(LEASE_SECONDS + 14)
        services.expiry.extend_leases(LEASE_SECONDS + 14)
        assert services.expiry.expire_leases() == 0
        assert status(services, job) is JobStatus.running

    @each_call
    def test_another_worker_changes_nothing(self, services: Services, storage: MemoryStorage, call: Call) -> None:
        job = running(services)
        with pytest.raises(LeaseLost) as raised:
            call(services, job, "w2")
        assert raised.value.job_id == str(job)
        assert outcome(services, job) == (JobStatus.running, None, None)
        assert list(storage.list_files("video_jobs")) == [input_key(job)]

    @each_call
    def test_a_pending_job_is_nobodys(self, services: Services, call: Call) -> None:
        job = submit(services)
        with pytest.raises(LeaseLost):
            call(services, job, "w1")
        assert outcome(services, job) == (JobStatus.pending, None, None)

    @each_call
    def test_a_job_that_does_not_exist_is_not_found(self, services: Services, call: Call) -> None:
        with pytest.raises(JobNotFound):
            call(services, uuid4(), "w1")

    def test_a_job_is_failed_when_the_third_worker_is_lost_on_it(self, services: Services, clock: FakeClock) -> None:
        job = submit(services)
        for number in (1, 2):
            assert take(services, f"w{number}") == job
            clock.advance(LEASE_SECONDS)
            services.expiry.expire_leases()
            assert status(services, job) is JobStatus.pending
        assert take(services, "w3") == job
        clock.advance(LEASE_SECONDS)
        services.expiry.expire_leases()
        assert outcome(services, job) == (JobStatus.failed, None, "worker lost 3 times")
        assert take(services, "w4") is None

    def test_how_many_workers_may_be_lost_is_a_setting(
        self, make_services: Make, make_settings: Callable[..., ApiSettings], clock: FakeClock
    ) -> None:
        services = make_services(make_settings(max_lost_workers=1))
        job = running(services)
        clock.advance(LEASE_SECONDS)
        services.expiry.expire_leases()
        assert outcome(services, job) == (JobStatus.failed, None, "worker lost 1 times")

    def test_a_job_that_is_released_often_never_fails_because_of_that(
        self, services: Services, clock: FakeClock
    ) -> None:
        job = submit(services)
        for number in range(2):
            take(services, f"lost{number}")
            clock.advance(LEASE_SECONDS)
            services.expiry.expire_leases()
        for number in range(10):
            assert take(services, f"w{number}") == job
            services.dispatch.release(job, f"w{number}")
        assert status(services, job) is JobStatus.pending
        take(services, "lost2")
        clock.advance(LEASE_SECONDS)
        services.expiry.expire_leases()
        assert outcome(services, job)[2] == "worker lost 3 times"

    def test_workers_lost_on_one_job_do_not_count_for_another(self, services: Services, clock: FakeClock) -> None:
        jobs = [submit(services) for _ in range(3)]
        for number in range(3):
            take(services, f"w{number}")
        clock.advance(LEASE_SECONDS)
        assert services.expiry.expire_leases() == 3
        assert {status(services, job) for job in jobs} == {JobStatus.pending}

    def test_a_lease_is_not_taken_from_a_worker_whose_results_are_being_stored(
        self, services: Services, storage: HookedStorage, clock: FakeClock
    ) -> None:
        job = running(services)
        expired: list[int] = []

        def take_too_long() -> None:
            clock.advance(LEASE_SECONDS * 2)
            expired.append(services.expiry.expire_leases())

        storage.before_save = take_too_long
        services.reports.complete(job, "w1", DOCUMENT)
        assert expired == [0]
        assert outcome(services, job) == (JobStatus.completed, results_key(job), None)

    def test_a_worker_is_lost_once_however_often_the_database_is_away(
        self, services: Services, clock: FakeClock, jobs: JobHooks
    ) -> None:
        job = running(services)
        clock.advance(LEASE_SECONDS)
        jobs.before_move = database_is_away
        for _ in range(5):
            assert services.expiry.expire_leases() == 0
        jobs.before_move = None
        services.expiry.expire_leases()
        assert status(services, job) is JobStatus.pending

    def test_a_renewal_beside_an_expiry_that_fails_starts_the_lease_again(
        self, services: Services, clock: FakeClock, jobs: JobHooks
    ) -> None:
        job = running(services)
        clock.advance(LEASE_SECONDS)
        renewals: list[Future[float]] = []

        def renew_and_fail(_: UUID) -> None:
            renewals.append(in_thread(lambda: services.dispatch.renew(job, "w1")))
            wait_for(renewals, 0.1)  # it waits for the job's lock
            raise RuntimeError

        jobs.before_move = renew_and_fail
        assert services.expiry.expire_leases() == 0
        jobs.before_move = None
        assert renewals[0].result(10) == LEASE_SECONDS
        clock.advance(LEASE_SECONDS - 1)
        assert services.expiry.expire_leases() == 0
        assert services.leases.losses(job) == 0

    def test_one_job_whose_row_cannot_be_changed_does_not_keep_the_others(
        self, services: Services, clock: FakeClock, jobs: JobHooks
    ) -> None:
        stuck, other = running(services, "w1"), running(services, "w2")

        def fail_for_one(job_id: UUID) -> None:
            if job_id == stuck:
                raise RuntimeError

        jobs.before_move = fail_for_one
        clock.advance(LEASE_SECONDS)
        assert services.expiry.expire_leases() == 1
        assert status(services, other) is JobStatus.pending


class TestCompleting:
    def test_the_results_are_stored_then_the_row_is_completed(self, services: Services, storage: HookedStorage) -> None:
        job = running(services)
        seen: list[JobStatus] = []
        storage.before_save = lambda: seen.append(status(services, job))
        services.reports.complete(job, "w1", DOCUMENT)
        assert seen == [JobStatus.running]
        assert outcome(services, job) == (JobStatus.completed, results_key(job), None)
        assert storage.load_file(results_key(job)).read() == DOCUMENT

    def test_the_same_completion_again_is_harmless(self, services: Services) -> None:
        job = completed(services)
        before = services.queries.job(job)
        for _ in range(3):
            services.reports.complete(job, "w1", DOCUMENT)
        assert services.queries.job(job) == before

    @pytest.mark.parametrize(("worker", "document"), [("w2", DOCUMENT), ("w1", OTHER_DOCUMENT), ("w2", OTHER_DOCUMENT)])
    def test_a_completion_by_another_or_with_other_results_is_refused(
        self, services: Services, storage: MemoryStorage, worker: str, document: bytes
    ) -> None:
        job = completed(services)
        before = services.queries.job(job)
        with pytest.raises(LeaseLost):
            services.reports.complete(job, worker, document)
        assert services.queries.job(job) == before
        assert storage.load_file(results_key(job)).read() == DOCUMENT

    def test_the_same_completion_is_refused_when_the_results_are_missing(
        self, services: Services, storage: MemoryStorage
    ) -> None:
        job = completed(services)
        storage.delete_file(results_key(job))
        with pytest.raises(LeaseLost):
            services.reports.complete(job, "w1", DOCUMENT)

    def test_results_that_are_refused_change_nothing_and_the_worker_keeps_the_job(
        self, services: Services, storage: MemoryStorage
    ) -> None:
        job = running(services)
        with pytest.raises(InvalidResults):
            services.reports.complete(job, "w1", b'{"results": [{"frame_index": 1, "result": {}}]}')
        assert outcome(services, job) == (JobStatus.running, None, None)
        assert list(storage.list_files("video_jobs")) == [input_key(job)]
        services.reports.complete(job, "w1", DOCUMENT)

    def test_results_up_to_the_limit_are_taken_and_one_byte_more_is_refused(
        self, make_services: Make, make_settings: Callable[..., ApiSettings]
    ) -> None:
        services = make_services(make_settings(max_results_bytes=len(DOCUMENT)))
        job = running(services)
        with pytest.raises(PayloadTooLarge, match=str(len(DOCUMENT))):
            services.reports.complete(job, "w1", DOCUMENT + b" ")
        assert status(services, job) is JobStatus.running
        services.reports.complete(job, "w1", DOCUMENT)
        assert status(services, job) is JobStatus.completed

    def test_a_full_disk_leaves_the_job_with_its_worker(self, services: Services, storage: HookedStorage) -> None:
        job = running(services)
        storage.before_save = raises(StorageFull())
        with pytest.raises(DiskLow):
            services.reports.complete(job, "w1", DOCUMENT)
        assert outcome(services, job) == (JobStatus.running, None, None)
        storage.before_save = None
        services.reports.complete(job, "w1", DOCUMENT)
        assert status(services, job) is JobStatus.completed

    def test_a_row_that_cannot_be_changed_leaves_the_job_with_its_worker(
        self, services: Services, jobs: JobHooks
    ) -> None:
        job = running(services)
        jobs.before_move = database_is_away
        with pytest.raises(RuntimeError):
            services.reports.complete(job, "w1", DOCUMENT)
        jobs.before_move = None
        services.dispatch.renew(job, "w1")
        services.reports.complete(job, "w1", DOCUMENT)
        assert status(services, job) is JobStatus.completed

    def test_two_completions_at_once_are_one(self, services: Services, storage: HookedStorage) -> None:
        job = running(services)
        together = threading.Barrier(4)
        saves: list[int] = []
        storage.before_save = lambda: saves.append(1)

        def complete() -> None:
            together.wait(10)
            services.reports.complete(job, "w1", DOCUMENT)

        for future in [in_thread(complete) for _ in range(4)]:
            future.result(20)
        assert saves == [1]


class TestFailing:
    def test_a_failed_job_says_why(self, services: Services) -> None:
        assert outcome(services, failed(services, "no frame can be read")) == (
            JobStatus.failed,
            None,
            "no frame can be read",
        )

    def test_the_same_failure_again_is_harmless(self, services: Services) -> None:
        job = failed(services, "why")
        before = services.queries.job(job)
        services.reports.fail(job, "w1", "why")
        assert services.queries.job(job) == before

    @pytest.mark.parametrize(("worker", "message"), [("w2", "why"), ("w1", "other"), ("w2", "other")])
    def test_a_failure_by_another_or_with_another_message_is_refused(
        self, services: Services, worker: str, message: str
    ) -> None:
        job = failed(services, "why")
        with pytest.raises(LeaseLost):
            services.reports.fail(job, worker, message)
        assert outcome(services, job)[2] == "why"

    @pytest.mark.parametrize("message", ["", " ", "\n\t"])
    def test_a_failure_without_a_message_is_refused(self, services: Services, message: str) -> None:
        job = running(services)
        with pytest.raises(InvalidErrorMessage):
            services.reports.fail(job, "w1", message)
        assert status(services, job) is JobStatus.running

    def test_a_message_is_measured_in_bytes(
        self, make_services: Make, make_settings: Callable[..., ApiSettings]
    ) -> None:
        services = make_services(make_settings(max_error_message_bytes=10))
        job = running(services)
        with pytest.raises(PayloadTooLarge, match="12 bytes"):
            services.reports.fail(job, "w1", "ж" * 6)
        assert status(services, job) is JobStatus.running
        services.reports.fail(job, "w1", "ж" * 5)
        assert outcome(services, job)[2] == "ж" * 5


class TestReleasing:
    def test_a_released_job_is_given_to_the_next_worker(self, services: Services) -> None:
        job = running(services)
        services.dispatch.release(job, "w1")
        assert outcome(services, job) == (JobStatus.pending, None, None)
        assert take(services, "w2") == job

    def test_the_same_release_again_is_harmless(self, services: Services, queue: MemoryQueue) -> None:
        job = running(services)
        services.dispatch.release(job, "w1")
        services.dispatch.release(job, "w1")
        assert status(services, job) is JobStatus.pending
        assert queue.size() == 1

    def test_a_release_of_a_job_that_another_released_is_refused(self, services: Services) -> None:
        job = running(services)
        services.dispatch.release(job, "w1")
        with pytest.raises(LeaseLost):
            services.dispatch.release(job, "w2")

    def test_a_release_again_does_not_take_the_job_from_the_next_worker(self, services: Services) -> None:
        job = running(services)
        services.dispatch.release(job, "w1")
        take(services, "w2")
        with pytest.raises(LeaseLost):
            services.dispatch.release(job, "w1")
        assert status(services, job) is JobStatus.running
        services.dispatch.renew(job, "w2")


@pytest.mark.parametrize("worker", ["w1", "w2"])
@each_call
@pytest.mark.parametrize("end", [completed, failed], ids=["completed", "failed"])
def test_a_final_state_never_changes(
    services: Services, clock: FakeClock, end: Callable[[Services], UUID], call: Call, worker: str
) -> None:
    job = end(services)
    before = services.queries.job(job)
    with pytest.raises(ApiError):
        call(services, job, worker)
    clock.advance(LEASE_SECONDS * 10)
    services.expiry.expire_leases()
    assert take(services, worker) is None
    assert services.queries.job(job) == before


def test_nothing_of_a_job_is_kept_in_memory_once_it_has_ended(services: Services, clock: FakeClock) -> None:
    job = submit(services)
    take(services, "lost")
    clock.advance(LEASE_SECONDS)
    services.expiry.expire_leases()
    take(services, "w1")
    services.reports.complete(job, "w1", DOCUMENT)
    clock.advance(LEASE_SECONDS)
    assert services.leases.expired() == []
    assert services.leases.losses(job) == 0
    assert not services.locks.is_held(job)


def test_a_job_whose_results_are_being_stored_is_not_deleted_and_its_caller_does_not_wait(
    services: Services, storage: HookedStorage
) -> None:
    job = running(services)
    refused: list[object] = []
    storage.before_save = lambda: refused.append(in_thread(lambda: services.queries.delete(job)).exception(10))
    services.reports.complete(job, "w1", DOCUMENT)
    assert [type(refusal) for refusal in refused] == [JobNotFinished]
    assert services.queries.job(job).status is JobStatus.completed


def test_a_worker_that_names_no_length_gets_what_fits_the_default_limit_of_grpc(
    make_services: Make, make_settings: Callable[..., ApiSettings]
) -> None:
    services = make_services(make_settings(), storage=MemoryStorage())
    job = submit(services, VIDEO.ljust(5 << 20, b"0"))
    take(services, "w1")
    assert len(services.dispatch.read_input(job, "w1", 0, 0).data) == (4 << 20) - (64 << 10)
    assert len(services.dispatch.read_input(job, "w1", 0, 4 << 20).data) == 4 << 20


def test_a_video_is_read_by_its_holder_alone_whatever_else_runs(services: Services) -> None:
    first, second = submit(services, VIDEO), submit(services, OTHER_VIDEO)
    take(services, "w1")
    take(services, "w2")
    assert services.dispatch.read_input(first, "w1", 0, 0).data == VIDEO
    assert services.dispatch.read_input(second, "w2", 0, 0).data == OTHER_VIDEO
    with pytest.raises(JobNotFinished):
        services.queries.delete(first)
