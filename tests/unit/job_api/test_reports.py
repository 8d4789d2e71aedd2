"""Results that come in chunks: staged, checked, stored and dropped."""

import errno
import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from uuid import UUID

import pytest

from job_api.bootstrap import STAGING_FOLDER, Services
from job_api.errors import DiskLow, InvalidRange, InvalidResults, LeaseLost, PayloadTooLarge, ResultsIncomplete
from job_api.services.reports import ResultsDigest
from job_api.services.running_jobs import KEPT_SECONDS
from job_api.settings import ApiSettings
from job_api.storage.base import StorageFull
from job_api.storage.keys import JOBS_FOLDER, results_key
from shared.contract.job_status import JobStatus
from tests.support.adapters import HookedStorage, raises
from tests.support.clock import FakeClock
from tests.support.failing_syncs import FailingSyncs
from tests.support.lives import running, status, submit, take
from tests.support.samples import OTHER_DOCUMENT
from tests.support.waiting import in_thread

pytestmark = pytest.mark.unit

LEASE_SECONDS = 60.0
MAX_CHUNK_BYTES = 1000
MAX_RESULTS_BYTES = 10_000
MAX_INLINE_BYTES = 2000
SHORT_SECONDS = 0.05


STRANGERS: list[Callable[[Services, UUID], object]] = [
    lambda services, job: services.reports.put_results(job, "w2", 0, b"x"),
    lambda services, job: services.reports.complete(job, "w2", OTHER_DOCUMENT),
    lambda services, job: services.reports.complete_staged(job, "w2", digest(DOCUMENT)),
    lambda services, job: services.reports.fail(job, "w2", "why"),
    lambda services, job: services.dispatch.release(job, "w2"),
    lambda services, job: services.dispatch.renew(job, "w2"),
    lambda services, job: services.dispatch.read_input(job, "w2", 0, 1),
]


def document_of(size: int) -> bytes:
    """Return a document of at least this size."""
    frames = [{"frame_index": index, "result": {"text": f"line {index}"}} for index in range(size // 50 + 1)]
    return json.dumps({"results": frames}).encode()


DOCUMENT = document_of(3000)


@pytest.fixture
def settings(make_settings: Callable[..., ApiSettings]) -> ApiSettings:
    return make_settings(
        lease_seconds=LEASE_SECONDS,
        max_chunk_bytes=MAX_CHUNK_BYTES,
        max_results_bytes=MAX_RESULTS_BYTES,
        max_inline_results_bytes=MAX_INLINE_BYTES,
    )


@pytest.fixture
def services(make_services: Callable[..., Services], settings: ApiSettings, storage: HookedStorage) -> Services:
    return make_services(settings, storage=storage)


def digest(document: bytes) -> ResultsDigest:
    return ResultsDigest(len(document), hashlib.sha256(document).digest())


def put(services: Services, job: UUID, document: bytes, worker: str = "w1") -> None:
    for offset in range(0, len(document), MAX_CHUNK_BYTES):
        chunk = document[offset : offset + MAX_CHUNK_BYTES]
        assert services.reports.put_results(job, worker, offset, chunk) >= offset + len(chunk)


def held(services: Services, job: UUID, worker: str = "w1") -> int:
    return services.reports.put_results(job, worker, 0, b"")


def stored(storage: HookedStorage, job: UUID) -> bytes:
    with storage.load_file(results_key(job)) as file:
        return file.read()


def staged_files(settings: ApiSettings) -> list[Path]:
    return list((settings.data_dir / STAGING_FOLDER).iterdir())


def test_results_that_came_in_chunks_are_stored_byte_for_byte(
    services: Services, storage: HookedStorage, settings: ApiSettings
) -> None:
    job = running(services)
    put(services, job, DOCUMENT)
    services.reports.complete_staged(job, "w1", digest(DOCUMENT))
    assert status(services, job) is JobStatus.completed
    assert stored(storage, job) == DOCUMENT
    assert staged_files(settings) == []


def test_chunks_may_come_again_in_any_order(services: Services, storage: HookedStorage) -> None:
    job = running(services)
    assert held(services, job) == 0
    for offset, end in [(0, 700), (700, 1600), (0, 700), (200, 1000), (1600, 2500), (700, 1600), (2500, len(DOCUMENT))]:
        services.reports.put_results(job, "w1", offset, DOCUMENT[offset:end])
    assert held(services, job) == len(DOCUMENT)
    services.reports.complete_staged(job, "w1", digest(DOCUMENT))
    assert stored(storage, job) == DOCUMENT


@pytest.mark.parametrize("offset", [-1, 101])
def test_a_chunk_that_would_leave_a_gap_is_refused_and_the_message_says_what_is_held(
    services: Services, offset: int
) -> None:
    job = running(services)
    services.reports.put_results(job, "w1", 0, DOCUMENT[:100])
    with pytest.raises(InvalidRange, match="between 0 and 100"):
        services.reports.put_results(job, "w1", offset, b"x")
    assert held(services, job) == 100


def test_a_chunk_or_results_above_their_limit_are_refused(services: Services) -> None:
    job = running(services)
    with pytest.raises(PayloadTooLarge, match="the limit is 1000"):
        services.reports.put_results(job, "w1", 0, b"x" * (MAX_CHUNK_BYTES + 1))
    put(services, job, b"x" * MAX_RESULTS_BYTES)
    with pytest.raises(PayloadTooLarge, match="larger than 10000 bytes"):
        services.reports.put_results(job, "w1", MAX_RESULTS_BYTES, b"x")
    assert held(services, job) == MAX_RESULTS_BYTES


def test_large_results_in_one_message_are_refused_with_the_advice_to_send_chunks(services: Services) -> None:
    job = running(services)
    with pytest.raises(PayloadTooLarge, match="PutJobResults"):
        services.reports.complete(job, "w1", document_of(MAX_INLINE_BYTES))
    assert status(services, job) is JobStatus.running


@pytest.mark.parametrize("sent", [b"", DOCUMENT[:-1], DOCUMENT[:-2] + b" }", DOCUMENT + b" "])
def test_results_that_are_not_those_that_were_signed_are_dropped_and_can_be_sent_again(
    services: Services, storage: HookedStorage, sent: bytes
) -> None:
    job = running(services)
    put(services, job, sent)
    with pytest.raises(ResultsIncomplete):
        services.reports.complete_staged(job, "w1", digest(DOCUMENT))
    assert held(services, job) == 0
    put(services, job, DOCUMENT)
    services.reports.complete_staged(job, "w1", digest(DOCUMENT))
    assert stored(storage, job) == DOCUMENT


def test_results_that_are_no_document_are_refused_and_the_lease_begins_anew(
    services: Services, clock: FakeClock
) -> None:
    job, broken = running(services), DOCUMENT.replace(b"frame_index", b"frame_indey")
    put(services, job, broken)
    clock.advance(LEASE_SECONDS - 1)
    with pytest.raises(InvalidResults):
        services.reports.complete_staged(job, "w1", digest(broken))
    clock.advance(LEASE_SECONDS - 1)
    assert services.expiry.expire_leases() == 0


def test_the_same_completion_again_is_harmless_and_another_is_refused(
    services: Services, storage: HookedStorage, settings: ApiSettings, make_services: Callable[..., Services]
) -> None:
    job = running(services)
    put(services, job, DOCUMENT)
    services.reports.complete_staged(job, "w1", digest(DOCUMENT))
    services.reports.complete_staged(job, "w1", digest(DOCUMENT))
    with pytest.raises(LeaseLost):
        services.reports.complete_staged(job, "w1", digest(OTHER_DOCUMENT))
    with pytest.raises(LeaseLost):
        services.reports.complete_staged(job, "w2", digest(DOCUMENT))


def test_a_full_disk_is_said_and_what_was_held_is_kept(
    services: Services, storage: HookedStorage, settings: ApiSettings
) -> None:
    job = running(services)
    put(services, job, DOCUMENT)
    storage.before_save = raises(StorageFull("no space is left"))
    with pytest.raises(DiskLow, match="the server's disk is full; try again later or ask its operator to free space"):
        services.reports.complete_staged(job, "w1", digest(DOCUMENT))
    storage.before_save = None
    services.reports.complete_staged(job, "w1", digest(DOCUMENT))
    assert stored(storage, job) == DOCUMENT


def test_a_folder_that_somebody_deleted_is_made_again(
    services: Services, storage: HookedStorage, settings: ApiSettings
) -> None:
    job = running(services)
    put(services, job, DOCUMENT)
    shutil.rmtree(settings.data_dir / STAGING_FOLDER)
    with pytest.raises(ResultsIncomplete):
        services.reports.complete_staged(job, "w1", digest(DOCUMENT))
    put(services, job, DOCUMENT)
    services.reports.complete_staged(job, "w1", digest(DOCUMENT))
    assert stored(storage, job) == DOCUMENT


def test_results_that_were_stored_before_their_job_could_be_ended_are_not_requested_again(
    services: Services, storage: HookedStorage
) -> None:
    job = running(services)
    storage.save_file(io.BytesIO(DOCUMENT), results_key(job))
    with pytest.raises(ResultsIncomplete):
        services.reports.complete_staged(job, "w1", digest(OTHER_DOCUMENT))
    services.reports.complete_staged(job, "w1", digest(DOCUMENT))
    assert status(services, job) is JobStatus.completed
    assert stored(storage, job) == DOCUMENT


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> FailingSyncs:
    return FailingSyncs(monkeypatch)


def test_results_that_the_disk_did_not_keep_are_requested_again(
    make_services: Callable[..., Services], settings: ApiSettings, syncs: FailingSyncs
) -> None:
    services = make_services(settings)
    job = running(services)
    put(services, job, DOCUMENT)
    (syncs.path,) = staged_files(settings)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        services.reports.complete_staged(job, "w1", digest(DOCUMENT))
    syncs.path = None
    with pytest.raises(ResultsIncomplete):
        services.reports.complete_staged(job, "w1", digest(DOCUMENT))
    put(services, job, DOCUMENT)
    services.reports.complete_staged(job, "w1", digest(DOCUMENT))
    assert status(services, job) is JobStatus.completed


def test_no_job_is_completed_before_the_folder_of_its_results_is_synced(
    make_services: Callable[..., Services], settings: ApiSettings, syncs: FailingSyncs
) -> None:
    services = make_services(settings)
    job = running(services)
    put(services, job, DOCUMENT)
    syncs.path = settings.data_dir / JOBS_FOLDER
    for _ in range(2):
        with pytest.raises(OSError, match=os.strerror(errno.EIO)):
            services.reports.complete_staged(job, "w1", digest(DOCUMENT))
        assert status(services, job) is JobStatus.running
    syncs.path = None
    services.reports.complete_staged(job, "w1", digest(DOCUMENT))
    assert status(services, job) is JobStatus.completed


def test_what_is_held_is_kept_while_the_last_holder_may_return_and_dropped_when_another_takes_the_job(
    services: Services, clock: FakeClock
) -> None:
    job = running(services)
    put(services, job, DOCUMENT)
    clock.advance(LEASE_SECONDS)
    services.expiry.expire_leases()
    assert held(services, job) == len(DOCUMENT)
    clock.advance(LEASE_SECONDS)
    services.expiry.expire_leases()
    assert take(services, "w2") == job
    assert held(services, job, "w2") == 0
    with pytest.raises(LeaseLost):
        put(services, job, DOCUMENT)


@pytest.mark.parametrize(
    "end",
    [
        lambda services, job: services.dispatch.release(job, "w1"),
        lambda services, job: services.reports.fail(job, "w1", "why"),
        lambda services, job: services.reports.complete(job, "w1", OTHER_DOCUMENT),
    ],
    ids=["release", "fail", "complete"],
)
def test_what_is_held_is_dropped_with_the_hold_on_the_job(
    services: Services, settings: ApiSettings, end: Callable[[Services, UUID], None]
) -> None:
    job = running(services)
    put(services, job, DOCUMENT)
    end(services, job)
    assert staged_files(settings) == []


def test_a_restart_drops_what_was_held(settings_on_disk: ApiSettings, make_services: Callable[..., Services]) -> None:
    services = make_services(settings_on_disk)
    job = running(services)
    put(services, job, DOCUMENT)
    services.close()
    restarted = make_services(settings_on_disk)
    assert staged_files(settings_on_disk) == []
    assert held(restarted, job) == 0


def test_a_chunk_acknowledges_the_lease_and_does_not_renew_it(services: Services, clock: FakeClock) -> None:
    job = submit(services)
    take(services)
    clock.advance(LEASE_SECONDS - 1)
    put(services, job, DOCUMENT)
    assert take(services) is None
    clock.advance(1)
    assert services.expiry.expire_leases() == 1


def test_results_of_a_lost_worker_are_kept_no_longer_than_it_may_be_away(
    services: Services, settings: ApiSettings, clock: FakeClock
) -> None:
    lost, working = running(services), running(services, "w2")
    for job, worker in [(lost, "w1"), (working, "w2")]:
        put(services, job, DOCUMENT, worker)
    clock.advance(KEPT_SECONDS - 1)
    services.dispatch.renew(working, "w2")
    services.expiry.expire_leases()
    services.running.drop_abandoned_results()
    assert len(staged_files(settings)) == 2
    clock.advance(1)
    services.running.drop_abandoned_results()
    assert [path.stem for path in staged_files(settings)] == [str(working)]
    put(services, lost, DOCUMENT)
    services.reports.complete_staged(lost, "w1", digest(DOCUMENT))


def test_results_leave_the_database_half_of_the_disk_floor(
    make_services: Callable[..., Services], make_settings: Callable[..., ApiSettings]
) -> None:
    services = make_services(make_settings(min_free_bytes=1 << 60), storage=HookedStorage(1 << 62))
    job = running(services)
    with pytest.raises(DiskLow):
        services.reports.put_results(job, "w1", 0, DOCUMENT)
    assert held(services, job) == 0


def test_calls_of_workers_that_do_not_hold_the_job_never_wait_for_it(
    services: Services, storage: HookedStorage
) -> None:
    """They are answered while its results are stored, so they never keep its lock."""
    job = running(services)
    answers: list[type | None] = []

    def call_all() -> None:
        calls = [in_thread(partial(call, services, job)) for call in STRANGERS]
        answers.extend(type(call.exception(20)) for call in calls)

    storage.before_save = call_all
    services.reports.complete(job, "w1", OTHER_DOCUMENT)
    assert answers == [LeaseLost] * len(STRANGERS)


def test_a_lease_expires_although_somebody_waits_for_its_job(services: Services, clock: FakeClock) -> None:
    job = running(services)
    clock.advance(LEASE_SECONDS)
    with services.locks.hold(job):
        expiring = in_thread(services.expiry.expire_leases)
        with pytest.raises(TimeoutError):
            expiring.result(SHORT_SECONDS)
    assert expiring.result(20) == 1


def test_only_the_holder_puts_results(services: Services) -> None:
    job = running(services)
    with pytest.raises(LeaseLost):
        put(services, job, DOCUMENT, "w2")
