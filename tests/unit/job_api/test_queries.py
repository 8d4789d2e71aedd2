"""Answering clients: where a job stands, what was found, which jobs there are."""

import base64
import io
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import update

from job_api.bootstrap import Services
from job_api.errors import (
    InvalidPageSize,
    InvalidPageToken,
    JobFailed,
    JobNotCompleted,
    JobNotFinished,
    JobNotFound,
    ResultsUnreadable,
)
from job_api.models.job import Job
from job_api.repositories.jobs import JobRecord
from job_api.servicers.conversions import summary_message
from job_api.services.queries import PAGE_BYTES
from job_api.settings import ApiSettings
from job_api.storage.keys import input_key, results_key
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.job_status import JobStatus
from tests.support.adapters import HookedStorage
from tests.support.lives import completed, failed, rows, running, submit, take
from tests.support.samples import DOCUMENT
from tests.support.waiting import in_thread

pytestmark = pytest.mark.unit

Make = Callable[..., Services]
INSTANT = datetime(2025, 1, 1, tzinfo=UTC)

ENCODED = st.binary(min_size=1, max_size=40).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
TOKENS = st.one_of(
    st.text(min_size=1),
    ENCODED,
    st.binary(min_size=24, max_size=24).map(lambda raw: base64.urlsafe_b64encode(raw).decode()),
)

SPOILT: list[Callable[[str], str]] = [
    lambda token: token[:-4],
    lambda token: token + "AAAA",
    lambda token: token + "\n",
    lambda token: "!" + token[1:],
]


@pytest.fixture
def services(make_services: Make, storage: HookedStorage) -> Services:
    return make_services(storage=storage)


def stored_frames(services: Services, job_id: UUID) -> list[dict[str, Any]]:
    with services.queries.frames(job_id) as (*_, frames):
        return list(frames)


def stored_list(services: Services, job_id: UUID) -> bytes:
    with services.queries.results_json(job_id) as (size_bytes, chunks):
        text = b"".join(chunks)
    assert len(text) == size_bytes
    return text


Call = Callable[[Services, UUID], Any]


def set_created_at(services: Services, job_id: UUID, instant: datetime) -> None:
    with services.database.sessions.begin() as session:
        session.execute(update(Job).where(Job.job_id == job_id).values(created_at=instant))


def all_pages(services: Services, size: int, status: JobStatus | None = None) -> list[list[UUID]]:
    pages: list[list[UUID]] = []
    token = ""
    while True:
        jobs, token = services.queries.page(status, size, token)
        pages.append([job.job_id for job in jobs])
        if not token:
            return pages


def test_a_job_that_does_not_exist_is_not_found(services: Services) -> None:
    job_id = uuid4()
    calls: list[Callable[[], object]] = [
        lambda: services.queries.job(job_id),
        lambda: stored_frames(services, job_id),
        lambda: stored_list(services, job_id),
        lambda: services.queries.delete(job_id),
    ]
    for call in calls:
        with pytest.raises(JobNotFound) as raised:
            call()
        assert raised.value.job_id == str(job_id)
        assert str(job_id) in raised.value.message


class TestResults:
    def test_a_completed_job_has_its_frames_and_its_list(self, services: Services) -> None:
        job_id = completed(services)
        assert stored_frames(services, job_id) == [{"text": "one"}]
        assert json.loads(stored_list(services, job_id)) == json.loads(DOCUMENT)["results"]

    def test_results_are_read_from_storage_each_time(self, services: Services, storage: HookedStorage) -> None:
        job_id = completed(services)
        loads: list[int] = []
        storage.before_load = lambda: loads.append(1)
        assert stored_frames(services, job_id) == stored_frames(services, job_id)
        assert len(loads) == 2

    @pytest.mark.parametrize("call", [stored_frames, stored_list])
    def test_a_job_that_is_not_completed_has_none_and_the_message_says_which_state(
        self, services: Services, call: Call
    ) -> None:
        ended = failed(services, "the video is encrypted")
        with pytest.raises(JobFailed, match="the video is encrypted"):
            call(services, ended)
        started = running(services)
        with pytest.raises(JobNotCompleted, match="is running"):
            call(services, started)
        waiting = submit(services)
        with pytest.raises(JobNotCompleted, match="is pending"):
            call(services, waiting)

    @pytest.mark.parametrize("call", [stored_frames, stored_list])
    @pytest.mark.parametrize("content", [None, b"", b"{", b'{"results": {', b'{"other": []}', b"\xff\xfe"])
    def test_missing_or_damaged_results_are_data_loss_of_that_job_alone(
        self, services: Services, storage: HookedStorage, call: Call, content: bytes | None
    ) -> None:
        job_id, other = completed(services), completed(services)
        storage.delete_file(results_key(job_id))
        if content is not None:
            storage.save_file(io.BytesIO(content), results_key(job_id))
        with pytest.raises(ResultsUnreadable) as raised:
            call(services, job_id)
        assert raised.value.job_id == str(job_id)
        assert "video_jobs" not in raised.value.message
        assert call(services, other)
        assert services.queries.job(job_id).status is JobStatus.completed

    def test_a_job_deleted_while_its_results_are_requested_is_not_found(
        self, services: Services, storage: HookedStorage
    ) -> None:
        job_id = completed(services)

        def delete() -> None:
            storage.before_load = None
            services.queries.delete(job_id)

        storage.before_load = delete
        with pytest.raises(JobNotFound):
            stored_frames(services, job_id)


class TestDeleting:
    @pytest.mark.parametrize("end", [completed, failed], ids=["completed", "failed"])
    def test_a_finished_job_goes_with_its_video_and_its_results(
        self, services: Services, storage: HookedStorage, end: Callable[[Services], UUID]
    ) -> None:
        kept, job_id = completed(services), end(services)
        services.queries.delete(job_id)
        with pytest.raises(JobNotFound):
            services.queries.job(job_id)
        assert list(storage.list_files("video_jobs")) == sorted([input_key(kept), results_key(kept)])
        with pytest.raises(JobNotFound):
            services.queries.delete(job_id)
        assert stored_frames(services, kept)

    @pytest.mark.parametrize("start", [submit, running], ids=["pending", "running"])
    def test_an_unfinished_job_is_not_deleted(
        self, services: Services, storage: HookedStorage, start: Callable[[Services], UUID]
    ) -> None:
        job_id = start(services)
        before = services.queries.job(job_id)
        with pytest.raises(JobNotFinished, match=str(before.status)):
            services.queries.delete(job_id)
        assert services.queries.job(job_id) == before
        assert list(storage.list_files("video_jobs")) == [input_key(job_id)]

    def test_the_row_goes_before_the_files(self, services: Services, storage: HookedStorage) -> None:
        job_id = completed(services)
        seen: list[int] = []
        storage.before_delete = lambda: seen.append(rows(services))
        services.queries.delete(job_id)
        assert seen == [0, 0]

    def test_missing_files_are_no_error(self, services: Services, storage: HookedStorage) -> None:
        job_id = completed(services)
        storage.delete_file(input_key(job_id))
        storage.delete_file(results_key(job_id))
        services.queries.delete(job_id)
        assert rows(services) == 0

    def test_of_two_deletions_at_once_one_finds_nothing(self, services: Services) -> None:
        job_id, together = completed(services), threading.Barrier(2)

        def delete() -> bool:
            together.wait(10)
            try:
                services.queries.delete(job_id)
            except JobNotFound:
                return False
            return True

        assert sorted(future.result(20) for future in [in_thread(delete) for _ in range(2)]) == [False, True]


class TestPages:
    def test_no_jobs_are_one_empty_page(self, services: Services) -> None:
        assert services.queries.page(None, 0, "") == ([], "")

    @pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 100])
    def test_every_job_is_on_one_page_newest_first(self, services: Services, size: int) -> None:
        jobs = [submit(services) for _ in range(7)]
        pages = all_pages(services, size)
        assert [job for page in pages for job in page] == jobs[::-1]
        assert [len(page) for page in pages[:-1]] == [size] * (len(pages) - 1)
        assert 0 < len(pages[-1]) <= size

    def test_a_page_ends_before_it_is_large_however_long_the_messages_of_its_jobs_are(self, services: Services) -> None:
        jobs = [submit(services) for _ in range(120)]
        with services.database.sessions.begin() as session:
            session.execute(update(Job).values(error_message="я" * 20_000))
        pages, token = list[list[JobRecord]](), ""
        while token or not pages:
            page, token = services.queries.page(None, 1000, token)
            assert pb.ListJobsResponse(jobs=map(summary_message, page)).ByteSize() <= PAGE_BYTES
            pages.append(page)
        assert [len(page) for page in pages] == [52, 52, 16]
        assert [job.job_id for page in pages for job in page] == jobs[::-1]

    def test_a_job_that_is_larger_than_a_page_has_one_of_its_own(self, services: Services) -> None:
        jobs = [submit(services) for _ in range(3)]
        with services.database.sessions.begin() as session:
            session.execute(update(Job).where(Job.job_id == jobs[1]).values(error_message="m" * PAGE_BYTES))
        assert all_pages(services, 10) == [[jobs[2]], [jobs[1]], [jobs[0]]]

    def test_jobs_of_one_instant_are_neither_duplicated_nor_skipped(self, services: Services) -> None:
        jobs = [submit(services) for _ in range(12)]
        for job in jobs[2:]:
            set_created_at(services, job, INSTANT)
        pages = all_pages(services, 3)
        listed = [job for page in pages for job in page]
        assert len(listed) == len(set(listed)) == 12
        assert listed[:2] == [jobs[1], jobs[0]]
        assert listed[2:] == sorted(jobs[2:], reverse=True)

    def test_a_microsecond_makes_an_order(self, services: Services) -> None:
        jobs = [submit(services) for _ in range(5)]
        for number, job in enumerate(jobs):
            set_created_at(services, job, INSTANT + timedelta(microseconds=number))
        assert all_pages(services, 1) == [[job] for job in reversed(jobs)]

    def test_new_jobs_do_not_move_the_pages_that_follow(self, services: Services) -> None:
        old = [submit(services) for _ in range(4)]
        first, token = services.queries.page(None, 2, "")
        new = submit(services)
        second, _ = services.queries.page(None, 2, token)
        assert [job.job_id for job in first + second] == old[::-1]
        assert all_pages(services, 10) == [[new, *old[::-1]]]

    def test_a_token_works_when_its_job_is_deleted(self, services: Services) -> None:
        jobs = [completed(services) for _ in range(4)]
        first, token = services.queries.page(None, 2, "")
        services.queries.delete(first[-1].job_id)
        second, _ = services.queries.page(None, 2, token)
        assert [job.job_id for job in second] == [jobs[1], jobs[0]]

    def test_a_status_filters(self, services: Services) -> None:
        ended, broken, started = completed(services), failed(services), running(services)
        waiting = [submit(services) for _ in range(3)]
        assert all_pages(services, 2, JobStatus.pending) == [[waiting[2], waiting[1]], [waiting[0]]]
        assert all_pages(services, 2, JobStatus.running) == [[started]]
        assert all_pages(services, 2, JobStatus.completed) == [[ended]]
        assert all_pages(services, 2, JobStatus.failed) == [[broken]]
        assert len(all_pages(services, 100)[0]) == 6

    def test_a_listed_job_is_the_job(self, services: Services) -> None:
        job_id = completed(services)
        [listed], _ = services.queries.page(None, 0, "")
        assert listed == services.queries.job(job_id)

    def test_the_size_has_a_default_and_a_cap(
        self, make_services: Make, make_settings: Callable[..., ApiSettings]
    ) -> None:
        services = make_services(make_settings(default_page_size=2, max_page_size=3))
        for _ in range(5):
            submit(services)
        sizes = {limit: len(services.queries.page(None, limit, "")[0]) for limit in (0, 1, 2, 3, 4, 2**31 - 1)}
        assert sizes == {0: 2, 1: 1, 2: 2, 3: 3, 4: 3, 2**31 - 1: 3}

    @pytest.mark.parametrize("size", [-1, -(2**31)])
    def test_a_negative_size_is_refused(self, services: Services, size: int) -> None:
        with pytest.raises(InvalidPageSize):
            services.queries.page(None, size, "")

    @hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(token=TOKENS)
    @example(token=base64.urlsafe_b64encode(b"\xff" * 24).decode())
    @example(token=base64.urlsafe_b64encode(b"\0" * 23).decode())
    @example(token=base64.urlsafe_b64encode((253402300799999999).to_bytes(8) + b"\xff" * 16).decode())
    @example(token="=" * 32)
    @example(token="\U0001f600" * 8)
    @example(token="A" * 100_000)
    def test_a_token_is_refused_or_a_place_in_the_list_and_never_anything_else(
        self, services: Services, token: str
    ) -> None:
        try:
            jobs, _ = services.queries.page(None, 5, token)
        except InvalidPageToken:
            return
        assert len(base64.b64decode(token, altchars=b"-_")) == 24
        assert jobs == []

    @pytest.mark.parametrize(
        "damage", [lambda t: t[:-4], lambda t: t + "AAAA", lambda t: t + "\n", lambda t: "!" + t[1:]]
    )
    def test_an_invalid_token_is_refused(self, services: Services, damage: Callable[[str], str]) -> None:
        for _ in range(2):
            submit(services)
        _, token = services.queries.page(None, 1, "")
        with pytest.raises(InvalidPageToken):
            services.queries.page(None, 1, damage(token))


def test_progress_follows_the_state_through_a_jobs_life(services: Services) -> None:
    job_id = submit(services)
    seen = [services.queries.job(job_id).status.progress]
    take(services)
    seen.append(services.queries.job(job_id).status.progress)
    services.reports.complete(job_id, "w1", DOCUMENT)
    seen.append(services.queries.job(job_id).status.progress)
    assert seen == [0.0, 0.5, 1.0]
