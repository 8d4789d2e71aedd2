"""The invariants of a job's life, over random operations, crashes, restarts, lost workers, stalls and clock jumps.

A crash is real as far as the files go: the data folder is copied as it stands at that instant, the old service is
thrown away, and a new one starts on the copy.
"""

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO
from uuid import UUID, uuid4

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from job_api.bootstrap import Services, build_services
from job_api.errors import ApiError, InvalidRange, JobNotFinished, LeaseLost, RequestIdReused, ResultsIncomplete
from job_api.queue.memory_queue import MemoryQueue
from job_api.repositories.jobs import JobRepository
from job_api.services.job_queue import Waiter
from job_api.services.reports import ResultsDigest
from job_api.settings import ApiSettings
from job_api.storage.keys import JOBS_FOLDER, job_of_key
from job_api.storage.local_storage import LocalStorage
from shared.contract.job_status import JobStatus
from tests.support.clock import FakeClock

pytestmark = pytest.mark.integration

LEASE_SECONDS = 60.0
MAX_LOST_WORKERS = 3
ANYBODY = "the worker that comes first"
WORKERS = ("a", "b", "c")
VIDEOS = tuple(b"\0\0\0\x18ftypisom" + bytes([number]) * 100 for number in range(3))
DOCUMENTS = tuple(json.dumps({"results": [{"frame_index": 0, "result": {"n": n}}]}).encode() for n in range(2))


class Crash(BaseException):
    """The process ends here; no handler of an Exception runs."""


class EndingWaiter(Waiter):
    """A call that ends after the row was changed for it and before the answer is sent."""

    def accept(self, take_back: Callable[[], None]) -> bool:
        self.end()
        return super().accept(take_back)


class CrashingStorage(LocalStorage):
    """Storage on a disk whose host can be made to crash before or after the next save."""

    crash_at: str = ""

    def save_file(self, src: BinaryIO, dest_path: str) -> str:
        if self.crash_at == "before save":
            raise Crash
        key = super().save_file(src, dest_path)
        if self.crash_at == "after save":
            raise Crash
        return key

    def adopt_file(self, source: Path, dest_path: str) -> str:
        key = super().adopt_file(source, dest_path)
        if self.crash_at == "after save":
            raise Crash
        return key


class FailingQueue(MemoryQueue):
    """A queue that can be made to take no job."""

    is_failing = False

    def enqueue(self, job_id: str) -> None:
        if self.is_failing:
            raise ConnectionError("the queue cannot be reached")
        super().enqueue(job_id)


@dataclass
class Lease:
    worker: str | None
    deadline: float
    used: bool = False
    is_unacknowledged: bool = False


@dataclass
class Known:
    """What the model knows of a job whose id was answered.

    Attributes:
        was_taken: Whether any worker has had it.
        silent: Whose lease expired, so that it may come back.
        staged: What it has sent of its results.
        stored: The results that were stored at a crash, although the job has not ended.
        enders: Who may repeat the last end of its lease.
    """

    video: bytes
    status: JobStatus = JobStatus.pending
    outcome: bytes | str | None = None
    lease: Lease | None = None
    losses: int = 0
    was_taken: bool = False
    silent: str | None = None
    staged: bytes = b""
    stored: bytes = b""
    enders: list[str] = field(default_factory=list)


class JobLifeMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.folders = [Path(tempfile.mkdtemp(prefix="job-life-"))]
        self.jobs: dict[UUID, Known] = {}
        self.deleted: set[UUID] = set()
        self.requests: dict[str, UUID] = {}
        self.on_their_way: list[tuple[Waiter, UUID, str, Lease]] = []
        self.ids = 0
        self.start()

    # -- the service ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        data = self.folders[-1] / "data"
        self.storage, self.queue = CrashingStorage(data), FailingQueue()
        self.is_queue_whole = True
        self.service: Services = build_services(
            ApiSettings.of(
                data_dir=data, min_free_bytes=0, lease_seconds=LEASE_SECONDS, max_lost_workers=MAX_LOST_WORKERS
            ),
            storage=self.storage,
            queue=self.queue,
            clock=self.clock,
            new_id=self.new_id,
        )

    def new_id(self) -> UUID:
        self.ids += 1
        return UUID(int=self.ids)

    def restarted(self) -> None:
        """The model of a restart: every job that was taken is the worker's that calls first, counts are reset."""
        self.on_their_way.clear()
        for known in self.jobs.values():
            known.losses = 0
            known.enders.clear()
            is_pending_again = known.status is JobStatus.pending and known.was_taken
            known.silent, known.staged = ANYBODY if is_pending_again else None, b""
            if known.status is JobStatus.running:
                known.lease = Lease(None, self.clock() + LEASE_SECONDS)

    @rule(
        data=st.data(),
        where=st.sampled_from(["clean stop", "idle", "before save", "after save", "completion"]),
        video=st.sampled_from(VIDEOS),
    )
    def restart(self, data: st.DataObject, where: str, video: bytes) -> None:
        """The service ends, by a clean stop or by a crash somewhere, and starts again."""
        if where.endswith("save"):
            self.storage.crash_at = where
            with pytest.raises(Crash):
                self.service.submission.submit("yolo", video)
        held = {
            job_id: known.lease
            for job_id, known in self.jobs.items()
            if known.lease and known.lease.deadline > self.clock()
        }
        if where == "completion" and held:
            job_id = data.draw(st.sampled_from(list(held)))
            self.storage.crash_at = "after save"
            with pytest.raises(Crash):
                self.service.reports.complete(job_id, held[job_id].worker or "a", DOCUMENTS[0])
            self.jobs[job_id].stored = DOCUMENTS[0]
        crashed = Path(tempfile.mkdtemp(prefix="job-life-"))
        shutil.copytree(self.folders[-1], crashed, dirs_exist_ok=True)
        if where == "before save":  # as a kill in the middle of a save leaves it
            unfinished = crashed / "data" / JOBS_FOLDER / f".{self.new_id()}.mp4.{uuid4().hex}.part"
            unfinished.parent.mkdir(parents=True, exist_ok=True)
            unfinished.write_bytes(video)
        self.service.close()
        if where == "clean stop":
            shutil.rmtree(crashed)
        else:
            self.folders.append(crashed)
        self.start()
        self.restarted()
        self.no_file_is_without_a_row()

    @rule(seconds=st.sampled_from([0.5, 1.0, LEASE_SECONDS / 2, LEASE_SECONDS - 1, LEASE_SECONDS, LEASE_SECONDS * 3]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def housekeeping(self) -> None:
        self.service.expiry.expire_leases()
        self.service.job_queue.retry()
        self.is_queue_whole |= not self.queue.is_failing
        for known in self.jobs.values():
            if known.lease and known.lease.deadline <= self.clock():
                known.losses += not known.lease.is_unacknowledged
                lost = known.losses >= MAX_LOST_WORKERS
                known.silent = None if lost or known.lease.is_unacknowledged else known.lease.worker or ANYBODY
                known.staged = known.staged if known.silent else b""
                known.lease = None
                known.status = JobStatus.failed if lost else JobStatus.pending
                known.outcome = f"worker lost {MAX_LOST_WORKERS} times" if lost else None
                known.enders.clear()

    @rule(seconds=st.sampled_from([1.0, LEASE_SECONDS, LEASE_SECONDS * 3]))
    def the_server_does_not_run(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.service.expiry.extend_leases(seconds)
        for known in self.jobs.values():
            if known.lease:
                known.lease.deadline += seconds

    @rule(times=st.integers(1, MAX_LOST_WORKERS))
    def workers_are_lost_one_after_the_other(self, times: int) -> None:
        for _ in range(times):
            self.dequeue("a")
            self.clock.advance(LEASE_SECONDS)
            self.housekeeping()

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def the_queue_holds_an_id_too_many(self, data: st.DataObject) -> None:
        self.service.job_queue.put(data.draw(st.sampled_from(list(self.jobs))))

    @rule(is_failing=st.booleans())
    def the_queue_fails_or_works_again(self, is_failing: bool) -> None:
        """Jobs that are submitted or requeued meanwhile come into it at the next housekeeping."""
        self.queue.is_failing = is_failing
        self.is_queue_whole &= not is_failing

    @initialize()
    def some_jobs_are_there(self) -> None:
        for video in VIDEOS:
            self.submit(video)
        self.dequeue("a")

    # -- clients ----------------------------------------------------------------------------------------------------

    @rule(video=st.sampled_from(VIDEOS))
    def submit(self, video: bytes) -> None:
        self.jobs[self.service.submission.submit("yolo", video)] = Known(video)

    @rule(video=st.sampled_from(VIDEOS), request_id=st.sampled_from(["x", "y"]))
    def submit_again(self, video: bytes, request_id: str) -> None:
        earlier = self.requests.get(request_id)
        if earlier in self.jobs and self.jobs[earlier].video != video:
            with pytest.raises(RequestIdReused):
                self.service.submission.submit("yolo", video, request_id)
            return
        job_id = self.service.submission.submit("yolo", video, request_id)
        if earlier in self.jobs:
            assert job_id == earlier
        else:
            self.requests[request_id] = job_id
            self.deleted.discard(job_id)
            self.jobs[job_id] = Known(video)

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        job_id = data.draw(st.sampled_from(list(self.jobs)))
        if self.jobs[job_id].status.is_final:
            self.service.queries.delete(job_id)
            del self.jobs[job_id]
            self.deleted.add(job_id)
        else:
            with pytest.raises(JobNotFinished):
                self.service.queries.delete(job_id)

    # -- workers ----------------------------------------------------------------------------------------------------

    @rule(worker=st.sampled_from(WORKERS))
    def dequeue_and_lose_the_answer(self, worker: str) -> None:
        self.dequeue(worker)
        self.dequeue(worker)

    @rule(worker=st.sampled_from(WORKERS))
    def dequeue(self, worker: str) -> None:
        unacknowledged = self.given_but_unacknowledged(worker)
        waiter, lease = Waiter(), Lease(worker, self.clock() + LEASE_SECONDS)
        job_id = self.service.dispatch.dequeue(worker, 0.0, waiter)
        if job_id is None:
            assert not unacknowledged
            assert not (self.is_queue_whole and JobStatus.pending in {known.status for known in self.jobs.values()})
            return
        assert not unacknowledged or job_id in unacknowledged
        self.jobs[job_id].status, self.jobs[job_id].was_taken = JobStatus.running, True
        self.jobs[job_id].lease = lease
        self.jobs[job_id].enders.clear()
        if job_id not in unacknowledged:
            self.jobs[job_id].silent, self.jobs[job_id].staged = None, b""
        self.on_their_way.append((waiter, job_id, worker, lease))

    @precondition(lambda self: self.on_their_way)
    @rule(data=st.data(), is_acknowledged=st.booleans(), is_answered=st.booleans())
    def a_call_ends(self, data: st.DataObject, is_acknowledged: bool, is_answered: bool) -> None:
        """One of the last: its answer was sent, or it was cut off, whatever has become of the job meanwhile."""
        late = data.draw(st.integers(1, min(3, len(self.on_their_way))))
        waiter, job_id, worker, lease = self.on_their_way.pop(-late)
        known = self.jobs.get(job_id)
        if known and is_acknowledged:
            self.renew(job_id, known, worker, b"")
        waiter.end(is_cancelled=not is_answered)
        if known and known.lease is lease and not lease.used and not is_answered:
            lease.deadline, lease.is_unacknowledged = self.clock(), True
        self.housekeeping()

    @rule(worker=st.sampled_from(WORKERS))
    def dequeue_and_leave(self, worker: str) -> None:
        unacknowledged = self.given_but_unacknowledged(worker)
        assert self.service.dispatch.dequeue(worker, 0.0, EndingWaiter()) is None
        for job_id in unacknowledged[:1]:
            self.jobs[job_id].lease = None
            self.jobs[job_id].status = JobStatus.pending
            self.jobs[job_id].enders[:] = [worker]
            self.jobs[job_id].staged = b""
        # A job that was given again and requeued is as it was, except for its last holder.
        for job_id, known in self.jobs.items():
            if known.status is JobStatus.pending and self.status_of(job_id) is JobStatus.pending:
                known.enders[:] = [worker, *known.enders]
                row, ending = self.service.queries.job(job_id), self.service.leases.ending(job_id)
                known.was_taken |= row.updated_at != row.created_at
                known.silent = (ending.worker_id or ANYBODY) if ending and ending.has_expired else None
                known.staged = known.staged if known.silent else b""

    def given_but_unacknowledged(self, worker: str) -> list[UUID]:
        return [
            job_id
            for job_id, known in self.jobs.items()
            if known.lease
            and known.lease.worker == worker
            and not known.lease.used
            and known.lease.deadline > self.clock()
        ]

    def holds(self, worker: str, known: Known) -> bool:
        if known.lease is None and known.status is JobStatus.pending and known.silent in (worker, ANYBODY):
            known.lease = Lease(worker, self.clock() + LEASE_SECONDS)
            known.status, known.silent = JobStatus.running, None
            known.losses = max(known.losses - 1, 0)
        lease = known.lease
        if lease is None or lease.worker not in (worker, None):
            return False
        if lease.is_unacknowledged:
            lease.deadline, lease.is_unacknowledged = self.clock() + LEASE_SECONDS, False
        lease.worker, lease.used = worker, True
        return True

    @precondition(lambda self: self.jobs)
    @rule(
        data=st.data(),
        call=st.sampled_from(["renew", "complete", "put", "put", "complete_staged", "fail", "release"]),
        document=st.sampled_from(DOCUMENTS),
        seconds=st.sampled_from([0.0, 0.0, LEASE_SECONDS - 1, LEASE_SECONDS]),
    )
    def call_about_a_job(self, data: st.DataObject, call: str, document: bytes, seconds: float) -> None:
        """A worker calls about a job: mostly the one that holds it, or held it last; sometimes any other, or late."""
        self.clock.advance(seconds)
        held = [job_id for job_id, known in self.jobs.items() if known.lease or known.enders or known.silent]
        job_id = data.draw(st.sampled_from(3 * held + list(self.jobs)))
        known = self.jobs[job_id]
        likely = [known.lease.worker] if known.lease else [known.silent, *known.enders]
        likely = [name for name in likely if name in WORKERS]
        self.part = (
            data.draw(st.sampled_from([0, *range(len(known.staged) + 2)])),
            data.draw(st.one_of(st.just(len(document)), st.integers(0, len(document)))),
        )
        worker = data.draw(st.sampled_from([*(6 * [name for name in likely if name]), *WORKERS]))
        getattr(self, call)(job_id, known, worker, document)

    def renew(self, job_id: UUID, known: Known, worker: str, document: bytes) -> None:
        if self.holds(worker, known):
            self.service.dispatch.renew(job_id, worker)
            assert known.lease
            known.lease.deadline = self.clock() + LEASE_SECONDS
        else:
            with pytest.raises(LeaseLost):
                self.service.dispatch.renew(job_id, worker)

    def put(self, job_id: UUID, known: Known, worker: str, document: bytes) -> None:
        """Send some part of a document, again or anew, or one that would leave a gap."""
        offset, size = self.part
        data = document[offset : offset + size] if offset else document[:size]
        if not self.holds(worker, known):
            with pytest.raises(LeaseLost):
                self.service.reports.put_results(job_id, worker, offset, data)
        elif offset > len(known.staged):
            with pytest.raises(InvalidRange):
                self.service.reports.put_results(job_id, worker, offset, data)
        else:
            known.staged = known.staged[:offset] + data + known.staged[offset + len(data) :]
            assert self.service.reports.put_results(job_id, worker, offset, data) == len(known.staged)

    def complete_staged(self, job_id: UUID, known: Known, worker: str, document: bytes) -> None:
        digest = ResultsDigest(len(document), hashlib.sha256(document).digest())
        if self.holds(worker, known):
            if document in (known.staged, known.stored):
                self.service.reports.complete_staged(job_id, worker, digest)
                self.has_ended(known, worker, JobStatus.completed, document)
            else:
                with pytest.raises(ResultsIncomplete):
                    self.service.reports.complete_staged(job_id, worker, digest)
                known.staged = b""
        elif known.status is JobStatus.completed and known.outcome == document and known.enders in ([], [worker]):
            self.service.reports.complete_staged(job_id, worker, digest)
        else:
            with pytest.raises(LeaseLost):
                self.service.reports.complete_staged(job_id, worker, digest)

    def has_ended(self, known: Known, worker: str, status: JobStatus, outcome: bytes | str) -> None:
        known.status, known.outcome, known.lease, known.staged = status, outcome, None, b""
        known.enders[:] = [worker]

    def complete(self, job_id: UUID, known: Known, worker: str, document: bytes) -> None:
        if self.holds(worker, known):
            self.service.reports.complete(job_id, worker, document)
            self.has_ended(known, worker, JobStatus.completed, document)
        elif known.status is JobStatus.completed and known.outcome == document and known.enders in ([], [worker]):
            self.service.reports.complete(job_id, worker, document)
        else:
            with pytest.raises(LeaseLost):
                self.service.reports.complete(job_id, worker, document)

    def fail(self, job_id: UUID, known: Known, worker: str, document: bytes) -> None:
        if self.holds(worker, known):
            self.service.reports.fail(job_id, worker, "no frame")
            self.has_ended(known, worker, JobStatus.failed, "no frame")
        elif known.outcome == "no frame" and known.enders in ([], [worker]):
            self.service.reports.fail(job_id, worker, "no frame")
        else:
            with pytest.raises(LeaseLost):
                self.service.reports.fail(job_id, worker, "no frame")

    def release(self, job_id: UUID, known: Known, worker: str, document: bytes) -> None:
        if self.holds(worker, known):
            self.service.dispatch.release(job_id, worker)
            known.status, known.lease, known.staged = JobStatus.pending, None, b""
            known.enders[:] = [worker]
        elif known.status is JobStatus.pending:
            with suppress(LeaseLost):  # harmless where this worker released it last, refused else; nothing changes
                self.service.dispatch.release(job_id, worker)
        else:
            with pytest.raises(LeaseLost):
                self.service.dispatch.release(job_id, worker)

    # -- invariants -------------------------------------------------------------------------------------------------

    def status_of(self, job_id: UUID) -> JobStatus:
        return self.service.queries.job(job_id).status

    @invariant()
    def every_answered_job_is_where_it_should_be(self) -> None:
        rows = JobRepository(self.service.database, self.service.writer).newest(None, None, len(self.jobs) + 1)
        assert {row.job_id for row in rows} == set(self.jobs)
        for row in rows:
            job_id, known = row.job_id, self.jobs[row.job_id]
            job = self.service.queries.job(job_id)
            assert job.status is known.status
            assert job == row  # what the cache holds is what is stored
            if known.status is JobStatus.completed:
                frames = json.loads(known.outcome)["results"]
                with self.service.queries.frames(job_id) as (*_, stored):
                    assert list(stored) == [frame["result"] for frame in frames]
            assert job.error_message == (known.outcome if known.status is JobStatus.failed else None)

    @invariant()
    def deleted_jobs_stay_deleted(self) -> None:
        for job_id in self.deleted:
            with pytest.raises(ApiError):
                self.service.queries.job(job_id)

    def no_file_is_without_a_row(self) -> None:
        """Check after every start that what a crash left behind was deleted."""
        files = [path for path in (self.folders[-1] / "data" / JOBS_FOLDER).glob("*") if path.is_file()]
        assert not [path for path in files if path.name.startswith(".")]
        assert {job_of_key(f"{JOBS_FOLDER}/{path.name}") for path in files} <= set(self.jobs)

    def teardown(self) -> None:
        try:
            self.once_faults_stop_every_job_ends()
        finally:
            self.service.close()
            for folder in self.folders:
                shutil.rmtree(folder)

    def once_faults_stop_every_job_ends(self) -> None:
        self.clock.advance(2 * LEASE_SECONDS)
        self.queue.is_failing = False
        self.service.expiry.expire_leases()
        self.service.job_queue.retry()
        while job_id := self.service.dispatch.dequeue("good", 0.0, Waiter()):
            self.service.reports.complete(job_id, "good", DOCUMENTS[0])
        assert all(self.status_of(job_id).is_final for job_id in self.jobs)


def lives(count: int) -> settings:
    return settings(max_examples=count, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.timeout(300)
class TestJobLife(JobLifeMachine.TestCase):  # type: ignore[name-defined,misc]
    settings = lives(5)


@pytest.mark.corpus
@pytest.mark.long
class TestManyJobLives(JobLifeMachine.TestCase):  # type: ignore[name-defined,misc]
    settings = lives(100)
