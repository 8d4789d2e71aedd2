"""Accepting a video: whole and safe on disk before its id is answered."""

import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from job_api.bootstrap import Services
from job_api.errors import (
    DiskLow,
    InvalidMp4,
    InvalidRequestId,
    PayloadTooLarge,
    RequestIdReused,
    StorageUnavailable,
    UnknownPipeline,
)
from job_api.settings import ApiSettings
from job_api.storage.base import StorageFull
from job_api.storage.keys import JOBS_FOLDER, input_key
from job_api.testing.memory_storage import MemoryStorage
from shared.contract.job_status import JobStatus
from tests.support.adapters import HookedStorage, JobHooks, RecordingQueue, raises
from tests.support.failing_syncs import FailingSyncs
from tests.support.lives import completed, rows, running, status, submit, take
from tests.support.samples import OTHER_VIDEO, VIDEO
from tests.support.waiting import in_thread

pytestmark = pytest.mark.unit

Make = Callable[..., Services]
MakeSettings = Callable[..., ApiSettings]


@pytest.fixture
def services(make_services: Make, storage: HookedStorage, queue: RecordingQueue, jobs: JobHooks) -> Services:
    return make_services(storage=storage, queue=queue, make_jobs=jobs.make_jobs)


def nothing_was_left(services: Services, storage: MemoryStorage, queue: RecordingQueue) -> bool:
    return rows(services) == 0 and list(storage.list_files("video_jobs")) == [] and queue.enqueued == []


def test_a_job_is_stored_recorded_and_enqueued(
    services: Services, storage: HookedStorage, queue: RecordingQueue
) -> None:
    job_id = submit(services, pipeline_id="yolo")
    assert storage.load_file(input_key(job_id)).read() == VIDEO
    job = services.queries.job(job_id)
    assert (job.status, job.pipeline_id, job.input_path) == (JobStatus.pending, "yolo", input_key(job_id))
    assert (job.output_path, job.error_message) == (None, None)
    assert job.created_at == job.updated_at
    assert queue.enqueued == [str(job_id)]


def test_the_file_comes_before_the_row_and_the_row_before_the_queue(
    services: Services, storage: HookedStorage, queue: RecordingQueue, jobs: JobHooks
) -> None:
    steps: list[str] = []
    storage.before_save = lambda: steps.append(f"file, {rows(services)} rows, {queue.size()} queued")
    jobs.before_add = lambda: steps.append(
        f"row, {len(list(storage.list_files('video_jobs')))} files, {queue.size()} queued"
    )
    queue.before_enqueue = lambda: steps.append(f"queue, {rows(services)} rows")
    submit(services)
    assert steps == ["file, 0 rows, 0 queued", "row, 1 files, 0 queued", "queue, 1 rows"]


def test_the_ids_are_injected(make_services: Make) -> None:
    ids = [uuid4(), uuid4()]
    services = make_services(new_id=iter(ids).__next__)
    assert [submit(services), submit(services)] == ids


def test_the_same_video_twice_is_two_jobs(services: Services) -> None:
    assert submit(services) != submit(services)
    assert rows(services) == 2


@pytest.mark.parametrize("place", [0, 4, 59, 60])
def test_ftyp_within_the_first_64_bytes_makes_an_mp4(services: Services, storage: HookedStorage, place: int) -> None:
    video = b"\0" * place + b"ftyp" + b"\0" * 100
    assert storage.load_file(input_key(submit(services, video))).read() == video


@pytest.mark.parametrize(
    ("video", "says"),
    [
        (b"", "empty"),
        (b"ftyx" * 100, "ftyp"),
        (b"\0" * 61 + b"ftyp", "ftyp"),
        (b"\0" * 64 + b"ftyp", "ftyp"),
        (b"FTYP", "ftyp"),
        (b"fty", "ftyp"),
    ],
    ids=["empty", "another box", "over the end of the window", "behind the window", "in capitals", "cut off"],
)
def test_anything_else_is_no_mp4(
    services: Services, storage: HookedStorage, queue: RecordingQueue, video: bytes, says: str
) -> None:
    with pytest.raises(InvalidMp4, match=says):
        submit(services, video)
    assert nothing_was_left(services, storage, queue)


@pytest.mark.parametrize("pipeline_id", ["", "OCR", "faces", "yolo_ocr ", "x" * 100_000], ids=lambda text: text[:9])
def test_an_unknown_pipeline_is_refused_and_the_known_ones_are_named(services: Services, pipeline_id: str) -> None:
    with pytest.raises(UnknownPipeline, match="yolo_ocr, yolo, ocr") as raised:
        submit(services, pipeline_id=pipeline_id)
    assert len(raised.value.message) < 300
    assert rows(services) == 0


def test_only_the_pipelines_of_the_settings_are_offered(make_services: Make, make_settings: MakeSettings) -> None:
    services = make_services(make_settings(pipelines=("ocr",)))
    submit(services, pipeline_id="ocr")
    with pytest.raises(UnknownPipeline):
        submit(services, pipeline_id="yolo")


def test_a_video_of_the_largest_size_is_taken_and_one_byte_more_is_refused(
    make_services: Make, make_settings: MakeSettings, storage: HookedStorage, queue: RecordingQueue
) -> None:
    services = make_services(make_settings(max_video_bytes=len(VIDEO)), storage=storage, queue=queue)
    with pytest.raises(PayloadTooLarge, match=str(len(VIDEO) + 1)):
        submit(services, VIDEO + b"x")
    assert nothing_was_left(services, storage, queue)
    submit(services, VIDEO)


class TestRequestId:
    def test_the_same_request_again_is_the_same_job(self, services: Services) -> None:
        job_id = submit(services, request_id="r1")
        assert [submit(services, request_id="r1") for _ in range(3)] == [job_id] * 3
        assert rows(services) == 1
        assert take(services, "w1") == job_id
        assert take(services, "w2") is None

    def test_another_request_id_is_another_job(self, services: Services) -> None:
        assert submit(services, request_id="r1") != submit(services, request_id="r2")

    def test_the_id_follows_from_the_request_id_for_ever(self, services: Services) -> None:
        """Were it to change, a repeat across an upgrade would double the job."""
        assert submit(services, request_id="r1") == UUID("db3bdc48-74a0-5fbc-a44e-07c28ea194cd")

    @pytest.mark.parametrize(
        ("video", "pipeline_id"),
        [(OTHER_VIDEO, "ocr"), (VIDEO, "yolo"), (VIDEO[:-1], "ocr"), (VIDEO[:-1] + b"?", "ocr")],
    )
    def test_the_same_request_id_with_anything_else_is_refused(
        self, services: Services, storage: HookedStorage, video: bytes, pipeline_id: str
    ) -> None:
        job_id = submit(services, request_id="r1")
        with pytest.raises(RequestIdReused) as raised:
            submit(services, video, pipeline_id, "r1")
        assert raised.value.job_id == str(job_id)
        assert storage.load_file(input_key(job_id)).read() == VIDEO
        assert services.queries.job(job_id).pipeline_id == "ocr"

    def test_large_videos_that_differ_in_the_last_byte_are_distinguished(self, services: Services) -> None:
        large = VIDEO + bytes(3 << 20)
        job_id = submit(services, large, request_id="r1")
        assert submit(services, large, request_id="r1") == job_id
        for other in (large[:-1] + b"\1", large + b"\0", large[:-1]):
            with pytest.raises(RequestIdReused):
                submit(services, other, request_id="r1")

    @pytest.mark.parametrize("later", [running, completed])
    def test_a_repeat_finds_the_job_in_whatever_state_it_is(
        self, services: Services, later: Callable[[Services], UUID]
    ) -> None:
        job_id = submit(services, request_id="r1")
        take(services)
        services.dispatch.renew(job_id, "w1")
        if later is completed:
            services.reports.fail(job_id, "w1", "why")
        before = services.queries.job(job_id)
        assert submit(services, request_id="r1") == job_id
        assert services.queries.job(job_id) == before

    def test_a_repeat_after_a_restart_is_the_same_job(
        self, make_services: Make, make_settings: MakeSettings, tmp_path: Path
    ) -> None:
        settings = make_settings(database_url=f"duckdb:///{tmp_path / 'jobs.duckdb'}")
        first = make_services(settings)
        job_id = submit(first, request_id="r1")
        first.close()
        second = make_services(settings)
        assert submit(second, request_id="r1") == job_id
        with pytest.raises(RequestIdReused):
            submit(second, OTHER_VIDEO, request_id="r1")
        assert rows(second) == 1
        assert take(second) == job_id
        assert take(second, "w2") is None

    def test_a_repeat_is_compared_while_its_worker_goes_on(self, services: Services, storage: HookedStorage) -> None:
        job_id = submit(services, request_id="r1")
        take(services)
        compared: list[bool] = []
        storage.before_load = lambda: compared.append(services.locks.is_held(job_id))
        assert submit(services, request_id="r1") == job_id
        assert compared == [False]

    def test_a_repeat_whose_video_is_missing_is_the_same_job(self, services: Services, storage: HookedStorage) -> None:
        job_id = submit(services, request_id="r1")
        storage.delete_file(input_key(job_id))
        assert submit(services, request_id="r1") == job_id

    def test_the_request_id_of_a_deleted_job_makes_a_new_one(self, services: Services) -> None:
        job_id = submit(services, request_id="r1")
        take(services)
        services.reports.fail(job_id, "w1", "why")
        services.queries.delete(job_id)
        assert submit(services, OTHER_VIDEO, request_id="r1") == job_id
        assert status(services, job_id) is JobStatus.pending
        assert take(services, "w2") == job_id

    def test_many_at_once_make_one_job(self, services: Services) -> None:
        together = threading.Barrier(8)

        def submit_together() -> UUID:
            together.wait(10)
            return submit(services, request_id="r1")

        ids = {future.result(20) for future in [in_thread(submit_together) for _ in range(8)]}
        assert len(ids) == rows(services) == 1
        assert {take(services, "w1"), take(services, "w2")} == {*ids, None}

    @pytest.mark.parametrize("length", [256, 257])
    def test_a_request_id_has_a_largest_length(self, services: Services, length: int) -> None:
        if length == 256:
            submit(services, request_id="ж" * length)
        else:
            with pytest.raises(InvalidRequestId, match="at most 256"):
                submit(services, request_id="ж" * length)


class TestDisk:
    def test_the_floor_must_stay_free_after_the_video(self, make_services: Make, make_settings: MakeSettings) -> None:
        storage = MemoryStorage(capacity_bytes=1000 + len(VIDEO))
        services = make_services(make_settings(min_free_bytes=1000), storage=storage)
        submit(services)
        assert storage.free_bytes() == 1000
        with pytest.raises(DiskLow) as raised:
            submit(services)
        assert raised.value.retry_after_seconds
        assert rows(services) == 1

    def test_the_floor_stays_free_however_many_videos_are_saved_at_one_time(
        self, make_services: Make, make_settings: MakeSettings
    ) -> None:
        storage = HookedStorage(capacity_bytes=1000 + 2 * len(VIDEO))
        services = make_services(make_settings(min_free_bytes=1000), storage=storage)
        together = threading.Barrier(2)
        storage.before_save = lambda: together.wait(20)
        accepted = [in_thread(lambda: submit(services)) for _ in range(3)]
        errors = [type(future.exception(20)) for future in accepted]
        assert sorted(error.__name__ for error in errors) == ["DiskLow", "NoneType", "NoneType"]

    def test_a_disk_that_fills_up_while_it_is_written_is_low(
        self, services: Services, storage: HookedStorage, queue: RecordingQueue
    ) -> None:
        storage.before_save = raises(StorageFull())
        with pytest.raises(DiskLow):
            submit(services)
        assert nothing_was_left(services, storage, queue)

    def test_a_video_whose_folder_the_disk_does_not_sync_is_refused_and_not_kept(
        self, make_services: Make, make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings = make_settings()
        services = make_services(settings)
        submit(services)
        syncs, folder = FailingSyncs(monkeypatch), settings.data_dir / JOBS_FOLDER
        syncs.path = folder
        for _ in range(3):
            with pytest.raises(OSError, match=os.strerror(errno.EIO)):
                submit(services)
        assert len(list(folder.iterdir())) == rows(services) == 1

    def test_a_repeat_needs_no_space(self, make_services: Make, make_settings: MakeSettings) -> None:
        storage = MemoryStorage(capacity_bytes=len(VIDEO))
        services = make_services(make_settings(), storage=storage)
        job_id = submit(services, request_id="r1")
        assert submit(services, request_id="r1") == job_id


class TestFailures:
    def test_a_video_whose_row_may_be_there_is_left_to_the_next_start(
        self, services: Services, jobs: JobHooks, storage: HookedStorage
    ) -> None:
        jobs.before_add = raises(StorageUnavailable("the disk failed"))
        with pytest.raises(StorageUnavailable):
            submit(services)
        assert len(list(storage.list_files(JOBS_FOLDER))) == 1

    def test_a_row_that_cannot_be_inserted_leaves_no_file_and_no_place_in_the_queue(
        self, services: Services, storage: HookedStorage, queue: RecordingQueue, jobs: JobHooks
    ) -> None:
        jobs.before_add = raises(RuntimeError("the database is away"))
        with pytest.raises(RuntimeError, match="away"):
            submit(services)
        assert nothing_was_left(services, storage, queue)

    def test_a_file_that_cannot_be_stored_leaves_no_row(
        self, services: Services, storage: HookedStorage, queue: RecordingQueue
    ) -> None:
        storage.before_save = raises(OSError("the disk is broken"))
        with pytest.raises(OSError, match="broken"):
            submit(services)
        assert nothing_was_left(services, storage, queue)

    def test_after_a_failure_the_same_request_is_accepted(self, services: Services, storage: HookedStorage) -> None:
        storage.before_save = raises(OSError("the disk is broken"))
        with pytest.raises(OSError, match="broken"):
            submit(services, request_id="r1")
        storage.before_save = None
        assert take(services) is None
        assert submit(services, request_id="r1") == take(services)

    def test_a_job_that_the_queue_refused_is_accepted_and_enqueued_later(
        self, services: Services, queue: RecordingQueue
    ) -> None:
        queue.before_enqueue = raises(RuntimeError("the queue is away"))
        job_id = submit(services)
        services.job_queue.retry()
        assert take(services) is None
        queue.before_enqueue = None
        services.job_queue.retry()
        assert take(services) == job_id
