"""Picking up after the last run: on real files, as a restart finds them."""

import io
import logging
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from job_api.bootstrap import STAGING_FOLDER, Services
from job_api.errors import LeaseLost
from job_api.services.recovery import StorageUnusable
from job_api.settings import ApiSettings
from job_api.storage.keys import input_key, results_key
from shared.contract.job_status import JobStatus
from tests.support.adapters import HookedStorage, JobHooks, RecordingQueue
from tests.support.clock import FakeClock
from tests.support.lives import completed, failed, outcome, rows, running, status, submit, take
from tests.support.samples import DOCUMENT, OTHER_DOCUMENT, VIDEO

pytestmark = pytest.mark.unit

LEASE_SECONDS = 60.0
Make = Callable[..., Services]
Restart = Callable[..., Services]


@pytest.fixture
def settings(make_settings: Callable[..., ApiSettings], tmp_path: Path) -> ApiSettings:
    return make_settings(database_url=f"duckdb:///{tmp_path / 'jobs.duckdb'}")


@pytest.fixture
def folder(settings: ApiSettings) -> Path:
    return settings.data_dir / "video_jobs"


@pytest.fixture
def restart(make_services: Make, settings: ApiSettings) -> Restart:
    """Start services on the files; close those that run."""
    current: list[Services] = []

    def start(**adapters: object) -> Services:
        if current:
            current.pop().close()
        current.append(make_services(settings, **adapters))
        return current[0]

    return start


def frames_of(services: Services, job_id: UUID) -> int:
    with services.queries.frames(job_id) as (*_, frames):
        return len(list(frames))


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_pending_jobs_are_enqueued_again_oldest_first(restart: Restart) -> None:
    services = restart()
    jobs = [submit(services) for _ in range(5)]
    queue = RecordingQueue()
    services = restart(queue=queue)
    assert queue.enqueued == [str(job) for job in jobs]
    assert {status(services, job) for job in jobs} == {JobStatus.pending}
    assert [take(services, f"w{number}") for number in range(6)] == [*jobs, None]


def test_only_pending_jobs_are_enqueued(restart: Restart) -> None:
    services = restart()
    for make in (completed, failed, running):
        make(services)
    queue = RecordingQueue()
    restart(queue=queue)
    assert queue.enqueued == []


def test_a_running_job_stays_with_the_worker_that_renews_it(restart: Restart, clock: FakeClock) -> None:
    job = running(restart())
    services = restart()
    assert status(services, job) is JobStatus.running
    assert take(services, "w2") is None
    services.dispatch.renew(job, "w1")
    with pytest.raises(LeaseLost):
        services.dispatch.renew(job, "w2")
    clock.advance(LEASE_SECONDS - 1)
    services.expiry.expire_leases()
    services.reports.complete(job, "w1", DOCUMENT)
    assert outcome(services, job) == (JobStatus.completed, results_key(job), None)


@pytest.mark.parametrize("others", [0, 3])
def test_a_job_whose_lease_had_expired_is_its_workers_again_if_nobody_took_it(
    restart: Restart, clock: FakeClock, others: int
) -> None:
    services = restart()
    job = running(services)
    for _ in range(others):
        submit(services)
    clock.advance(LEASE_SECONDS)
    services.expiry.expire_leases()
    services = restart()
    assert status(services, job) is JobStatus.pending
    services.dispatch.renew(job, "w1")
    services.reports.complete(job, "w1", DOCUMENT)
    assert status(services, job) is JobStatus.completed


def test_a_job_whose_lease_had_expired_is_lost_to_the_worker_that_takes_it_after_the_restart(
    restart: Restart, clock: FakeClock
) -> None:
    services = restart()
    job = running(services)
    clock.advance(LEASE_SECONDS)
    services.expiry.expire_leases()
    services = restart()
    assert take(services, "w2") == job
    with pytest.raises(LeaseLost):
        services.reports.complete(job, "w1", DOCUMENT)


def test_a_job_that_no_worker_has_had_is_not_ended_by_one_that_had_a_deleted_job_of_the_same_id(
    restart: Restart, clock: FakeClock
) -> None:
    services = restart()
    job = submit(services, request_id="r")
    assert take(services, "w1") == job
    clock.advance(LEASE_SECONDS)
    services.expiry.expire_leases()
    assert take(services, "w2") == job
    services.reports.fail(job, "w2", "why")
    services.queries.delete(job)
    assert submit(services, VIDEO + b"another", request_id="r") == job
    services = restart()
    with pytest.raises(LeaseLost):
        services.reports.complete(job, "w1", DOCUMENT)
    assert take(services, "w3") == job


def test_a_running_job_is_completed_by_the_first_worker_that_sends_results(restart: Restart) -> None:
    job = running(restart())
    services = restart()
    services.reports.complete(job, "w1", DOCUMENT)
    assert status(services, job) is JobStatus.completed
    with pytest.raises(LeaseLost):
        services.reports.complete(job, "w2", DOCUMENT)


def test_a_running_job_that_nobody_calls_about_is_pending_after_one_lease(restart: Restart, clock: FakeClock) -> None:
    job = running(restart())
    clock.advance(LEASE_SECONDS * 5)
    services = restart()
    assert services.expiry.expire_leases() == 0
    clock.advance(LEASE_SECONDS - 0.001)
    assert services.expiry.expire_leases() == 0
    clock.advance(0.001)
    assert services.expiry.expire_leases() == 1
    assert status(services, job) is JobStatus.pending
    assert take(services, "w2") == job
    with pytest.raises(LeaseLost):
        services.dispatch.renew(job, "w1")


def test_a_completion_is_repeated_after_a_restart(restart: Restart) -> None:
    job = completed(restart())
    services = restart()
    before = services.queries.job(job)
    services.reports.complete(job, "w1", DOCUMENT)
    with pytest.raises(LeaseLost):
        services.reports.complete(job, "w1", OTHER_DOCUMENT)
    with pytest.raises(LeaseLost):
        services.reports.fail(job, "w1", "why")
    assert services.queries.job(job) == before


def test_a_failure_is_repeated_after_a_restart(restart: Restart) -> None:
    job = failed(restart(), "why")
    services = restart()
    services.reports.fail(job, "w1", "why")
    with pytest.raises(LeaseLost):
        services.reports.fail(job, "w1", "another reason")
    assert outcome(services, job) == (JobStatus.failed, None, "why")


def test_a_job_outlives_many_restarts_in_the_middle_of_its_life(restart: Restart) -> None:
    job = submit(restart())
    assert take(restart()) == job
    restart().dispatch.renew(job, "w1")
    restart().dispatch.release(job, "w1")
    assert take(restart(), "w2") == job
    restart().reports.complete(job, "w2", DOCUMENT)
    assert frames_of(restart(), job) == 1


def test_files_of_unknown_jobs_are_deleted(restart: Restart, folder: Path) -> None:
    services = restart()
    kept = completed(services)
    orphan = uuid4()
    for name in (f"{orphan}.mp4", f"{orphan}_results.json", f".{orphan}.mp4.{'0' * 32}.part"):
        (folder / name).write_bytes(VIDEO)
    services = restart()
    assert names(folder) == {f"{kept}.mp4", f"{kept}_results.json"}
    assert frames_of(services, kept) == 1


def test_a_video_whose_row_was_never_written_is_deleted(restart: Restart, folder: Path) -> None:
    class Killed(BaseException):
        """The process ends here; nobody cleans up."""

    def die() -> None:
        raise Killed

    jobs = JobHooks()
    services = restart(make_jobs=jobs.make_jobs)
    submit(services)
    jobs.before_add = die
    with pytest.raises(Killed):
        submit(services)
    assert len(names(folder)) == 2
    services = restart()
    assert len(names(folder)) == rows(services) == 1


def test_the_time_that_a_start_takes_counts_for_no_worker(restart: Restart) -> None:
    clock, storage = FakeClock(), HookedStorage()
    running(restart(storage=storage, clock=clock))
    storage.save_file(io.BytesIO(VIDEO), input_key(uuid4()))
    storage.before_delete = lambda: clock.advance(LEASE_SECONDS)
    services = restart(storage=storage, clock=clock)
    assert clock.now > 1000.0
    assert services.expiry.expire_leases() == 0


FOREIGN = ["holiday.mp4", "README.md", ".gitkeep", f"{uuid4()}.mov", f"{uuid4()}.mp4.bak", f"{uuid4().hex}----.mp4"]


def test_files_that_this_service_did_not_write_are_kept(restart: Restart, folder: Path) -> None:
    submit(restart())
    for name in FOREIGN:
        (folder / name).write_bytes(b"not ours")
    (folder.parent / f"{uuid4()}.mp4").write_bytes(b"elsewhere")
    (folder / f"{uuid4()}.mp4").mkdir()
    before, before_beside = names(folder), names(folder.parent)
    restart()
    assert names(folder) == before
    assert names(folder.parent) - {STAGING_FOLDER} == before_beside - {STAGING_FOLDER}


@pytest.mark.parametrize("make", [submit, running, completed, failed])
def test_the_files_of_a_job_are_kept_in_every_state(
    restart: Restart, folder: Path, make: Callable[[Services], UUID]
) -> None:
    job = make(restart())
    (folder / f"{uuid4()}.mp4").write_bytes(b"an orphan, so that there is something to delete")
    restart()
    expected = {f"{job}.mp4", f"{job}_results.json"} if make is completed else {f"{job}.mp4"}
    assert names(folder) == expected


@pytest.mark.parametrize("starts", [1, 3])
def test_no_whole_file_is_lost_when_the_wrong_database_is_opened(
    restart: Restart,
    make_services: Make,
    make_settings: Callable[..., ApiSettings],
    folder: Path,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    starts: int,
) -> None:
    services = restart()
    job = completed(services)
    services.close()
    (folder / "holiday.mp4").write_bytes(b"not ours")
    before = {name: (folder / name).read_bytes() for name in names(folder)}
    with caplog.at_level(logging.WARNING):
        for _ in range(starts):
            make_services(make_settings(database_url=f"duckdb:///{tmp_path / 'wrong.duckdb'}")).close()
    assert "file of an unknown job set aside: the database is new or another one" in caplog.messages
    aside = folder.parent / "unknown_jobs"
    assert names(folder) == {"holiday.mp4"}
    assert names(aside) == {f"{job}.mp4", f"{job}_results.json"}
    for name in names(aside):
        assert (aside / name).read_bytes() == before[name]
        (aside / name).rename(folder / name)
    assert frames_of(restart(), job) == 1


@pytest.mark.parametrize("make", [submit, running])
def test_a_start_without_any_file_is_refused_while_jobs_need_theirs(
    restart: Restart, folder: Path, tmp_path: Path, make: Callable[[Services], UUID]
) -> None:
    services = restart()
    job = make(services)
    folder.rename(tmp_path / "moved")
    with pytest.raises(StorageUnusable, match="no file in video_jobs, but 1 jobs are pending or running"):
        restart()
    (tmp_path / "moved").rename(folder)
    assert status(restart(), job) in {JobStatus.pending, JobStatus.running}


def test_two_databases_over_one_folder_in_turn_lose_no_file_of_each_other(
    restart: Restart, make_services: Make, make_settings: Callable[..., ApiSettings], folder: Path, tmp_path: Path
) -> None:
    other = make_settings(database_url=f"duckdb:///{tmp_path / 'other.duckdb'}")
    make_services(other).close()
    services = restart()
    job = submit(services)
    services.close()
    for _ in range(2):
        make_services(other).close()
    aside = folder.parent / "unknown_jobs"
    (aside / f"{job}.mp4").rename(folder / f"{job}.mp4")
    assert take(restart(), "w1") == job
    assert names(folder) == {f"{job}.mp4"}


def test_a_folder_that_was_moved_is_still_that_of_the_database_in_it(
    make_services: Make, make_settings: Callable[..., ApiSettings], tmp_path: Path
) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    make_services(make_settings(data_dir=folders[0], database_url="")).close()
    folders[0].rename(folders[1])
    orphan = input_key(uuid4())
    (folders[1] / orphan).parent.mkdir(exist_ok=True)
    (folders[1] / orphan).write_bytes(VIDEO)
    make_services(make_settings(data_dir=folders[1], database_url="")).close()
    assert not (folders[1] / orphan).exists()
    assert not (folders[1] / "unknown_jobs").exists()


def test_a_first_start_in_an_empty_folder_warns_of_nothing(restart: Restart, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        restart()
    assert not caplog.records


def test_the_database_holds_keys_and_never_a_path(restart: Restart) -> None:
    services = restart()
    job = services.queries.job(completed(services))
    assert (job.input_path, job.output_path) == (input_key(job.job_id), results_key(job.job_id))
