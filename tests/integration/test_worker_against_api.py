"""The worker against a real server; no models, all the rest is real."""

import itertools
import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent import futures
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest

from job_api.bootstrap import STAGING_FOLDER
from job_api.settings import ApiSettings
from job_api.storage.base import StorageFull
from job_client import Job, JobClient
from job_worker.errors import (
    Cancelled,
    HostUnusable,
    InsufficientSpace,
    JobCannotBeDone,
    LeaseLost,
    UnsupportedPipeline,
)
from job_worker.runtime.api_client import FIRST_RENEWAL_SECONDS, WorkerApi
from job_worker.runtime.stop_signal import StopSignal
from shared.contract.channel import open_channel
from shared.contract.job_status import JobStatus
from shared.contract.reasons import Reason
from shared.process.exit_codes import ExitCode
from tests.conftest import ROOT
from tests.support.adapters import HookedStorage, raises
from tests.support.failed_calls import failed_call
from tests.support.failing_syncs import FailingSyncs
from tests.support.running import running_server
from tests.support.samples import results_document
from tests.support.waiting import eventually, in_thread, opened_at_the_end
from tests.support.worker_fakes import FakeRunner, one_empty_frame, raising, report_results, until_cancelled
from tests.support.working import free_port, make_worker, working

pytestmark = [pytest.mark.integration, pytest.mark.worker]

MakeApi = Callable[..., WorkerApi]
MakeSettings = Callable[..., ApiSettings]

RESULTS = [{"frame_index": 0, "result": {"text": "Кадр", "timestamp_ms": 0.5}}, {"frame_index": 1, "result": {}}]
FAILURES_ON_THE_WAY = (
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,  # a proxy that limits calls
    grpc.StatusCode.UNIMPLEMENTED,  # one that answers HTTP 404
)
SHORT_LEASE_SECONDS = 0.2
SOON_SECONDS = 1.0


@pytest.fixture
def stop() -> StopSignal:
    return StopSignal(drain_seconds=0)


@pytest.fixture
def make_api(stop: StopSignal) -> Iterator[MakeApi]:
    """Connect workers, by their ids and with more options; close the connections at the end."""
    with ExitStack() as stack:

        def make(
            address: str,
            worker_id: str = "w",
            stop: StopSignal = stop,
            interceptor: grpc.UnaryUnaryClientInterceptor | None = None,
            **options: Any,
        ) -> WorkerApi:
            def connect() -> grpc.Channel:
                channel = open_channel(address)
                return grpc.intercept_channel(channel, interceptor) if interceptor else channel

            return stack.enter_context(WorkerApi(connect, worker_id, stop, **options))

        yield make


def never() -> bool:
    return False


def dequeued(api: WorkerApi) -> str:
    job_id = api.dequeue(10)
    assert job_id
    return job_id


@pytest.mark.parametrize("chunk_bytes", [1, 99, 100, 1 << 20])
def test_a_video_comes_in_chunks_and_is_the_one_that_was_submitted(
    chunk_bytes: int, address: str, client: JobClient, make_api: MakeApi, tiny_mp4: bytes, tmp_path: Path
) -> None:
    video = tiny_mp4[:300]
    job_id, api, target = client.submit(video, "ocr").job_id, make_api(address), tmp_path / "video"
    assert dequeued(api) == job_id
    assert api.download(job_id, target, chunk_bytes, never) == "ocr"
    assert target.read_bytes() == video


def test_a_video_comes_whole_where_the_server_gives_smaller_chunks_than_requested(
    start_server: Callable[..., str], make_settings: MakeSettings, make_api: MakeApi, tiny_mp4: bytes, tmp_path: Path
) -> None:
    address = start_server(make_settings(max_chunk_bytes=64))
    with JobClient(address) as client:
        job_id = client.submit(tiny_mp4, "yolo").job_id
    api = make_api(address)
    dequeued(api)
    assert api.download(job_id, tmp_path / "video", 1000, never) == "yolo"
    assert (tmp_path / "video").read_bytes() == tiny_mp4


def test_no_job_within_the_wait_is_no_job(address: str, make_api: MakeApi) -> None:
    began_at = time.monotonic()
    assert make_api(address).dequeue(0.3) is None
    assert 0.3 <= time.monotonic() - began_at < 5


class Requests(grpc.UnaryUnaryClientInterceptor):
    """Keeps the requests of calls."""

    def __init__(self) -> None:
        self.sent: list[Any] = []

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: object) -> Any:
        self.sent.append(request)
        return continuation(client_call_details, request)


def test_a_wait_below_a_millisecond_is_a_wait(address: str, make_api: MakeApi) -> None:
    requests = Requests()
    assert make_api(address, interceptor=requests).dequeue(0.0005) is None
    assert [request.wait.ToNanoseconds() for request in requests.sent] == [500_000]


def test_a_waiting_worker_gets_a_job_as_soon_as_there_is_one(
    address: str, client: JobClient, make_api: MakeApi, tiny_mp4: bytes
) -> None:
    waiting = in_thread(lambda: make_api(address).dequeue(20))
    assert client.submit(tiny_mp4).job_id == waiting.result(5)


def test_a_job_is_completed_and_its_results_are_read_as_the_worker_found_them(
    address: str, client: JobClient, tiny_mp4: bytes
) -> None:
    seen: list[tuple[str, bytes]] = []

    def run(pipeline_id: str, video: Path, _: Callable[[], bool]) -> bytes:
        seen.append((pipeline_id, video.read_bytes()))
        return results_document(RESULTS)

    with working(address, FakeRunner(run)):
        job_id = client.submit(tiny_mp4, "ocr").job_id
        assert client.job(job_id).wait(20).status is JobStatus.completed
    assert client.job(job_id).results_as_dicts() == RESULTS
    assert seen == [("ocr", tiny_mp4)]


def test_one_worker_does_many_jobs_in_their_order(address: str, client: JobClient, tiny_mp4: bytes) -> None:
    runner = FakeRunner()
    job_ids = [client.submit(tiny_mp4, pipeline).job_id for pipeline in ("ocr", "yolo", "yolo_ocr")]
    with working(address, runner):
        assert {client.job(job_id).wait(20).status for job_id in job_ids} == {JobStatus.completed}
    assert [pipeline for pipeline, _ in runner.videos] == ["ocr", "yolo", "yolo_ocr"]


def test_a_job_that_cannot_be_done_fails_with_the_reason(address: str, client: JobClient, tiny_mp4: bytes) -> None:
    with working(address, FakeRunner(raising(JobCannotBeDone("the file holds only audio, кадров нет")))):
        job = client.submit(tiny_mp4).wait(20)
    assert (job.status, job.error_message) == (JobStatus.failed, "the file holds only audio, кадров нет")


@pytest.mark.parametrize("letter", ["x", "日", "𝄞"])
def test_even_the_longest_reason_is_taken_by_the_server(
    letter: str, address: str, client: JobClient, tiny_mp4: bytes
) -> None:
    with working(address, FakeRunner(raising(JobCannotBeDone(letter * 1_000_000)))):
        job = client.submit(tiny_mp4).wait(20)
    assert job.status is JobStatus.failed
    assert set(job.error_message) == {letter}


def test_results_that_the_server_does_not_take_fail_the_job(address: str, client: JobClient, tiny_mp4: bytes) -> None:
    with working(address, FakeRunner(lambda *_: b'{"results":[{"frame":0}]}')):
        job = client.submit(tiny_mp4).wait(20)
    assert job.status is JobStatus.failed
    assert "results" in job.error_message


def test_results_far_above_the_limit_fail_the_job(
    start_server: Callable[..., str], make_settings: MakeSettings, tiny_mp4: bytes
) -> None:
    address = start_server(make_settings(max_results_bytes=1 << 20, max_video_bytes=1 << 20))
    huge = results_document([{"frame_index": 0, "result": {"text": "x" * (20 << 20)}}])
    with JobClient(address) as client, working(address, FakeRunner(lambda *_: huge)):
        job = client.submit(tiny_mp4).wait(20)
    assert job.status is JobStatus.failed
    assert "larger" in job.error_message


def test_results_above_the_limit_fail_the_job(
    start_server: Callable[..., str], make_settings: MakeSettings, tiny_mp4: bytes
) -> None:
    address = start_server(make_settings(max_results_bytes=100))
    many = results_document([{"frame_index": index, "result": {}} for index in range(100)])
    with JobClient(address) as client, working(address, FakeRunner(lambda *_: many)):
        job = client.submit(tiny_mp4).wait(20)
    assert job.status is JobStatus.failed
    assert "larger than 100 bytes" in job.error_message


def test_a_video_that_the_server_lost_fails_the_job(
    address: str, client: JobClient, tiny_mp4: bytes, tmp_path: Path
) -> None:
    job_id = client.submit(tiny_mp4).job_id
    for path in (tmp_path / "data").rglob("*"):
        if path.is_file():
            path.unlink()
    runner = FakeRunner()
    with working(address, runner):
        job = client.job(job_id).wait(20)
    assert (job.status, job.error_message) == (JobStatus.failed, "the job's stored video is missing")
    assert not runner.videos


def test_a_lost_lease_is_reported_by_every_call_about_the_job(
    start_server: Callable[..., str], make_settings: MakeSettings, make_api: MakeApi, tiny_mp4: bytes, tmp_path: Path
) -> None:
    address = start_server(make_settings(lease_seconds=SHORT_LEASE_SECONDS))
    late, other = make_api(address, "late"), make_api(address, "other")
    with JobClient(address) as client:
        job_id = client.submit(tiny_mp4).job_id
    assert dequeued(late) == job_id
    assert late.renew(job_id) == SHORT_LEASE_SECONDS
    assert dequeued(other) == job_id
    calls: list[Callable[[], object]] = [
        lambda: late.renew(job_id),
        lambda: late.download(job_id, tmp_path / "video", 1000, never),
        lambda: report_results(late, job_id, results_document(RESULTS)),
        lambda: late.fail(job_id, "no"),
        lambda: late.release(job_id),
    ]
    for call in calls:
        with pytest.raises(LeaseLost):
            call()


LARGE_RESULTS = [{"frame_index": index, "result": {"text": "Кадр " * 100}} for index in range(1000)]


class Interferer(grpc.UnaryUnaryClientInterceptor):
    """Notes the names of the RPCs that are called, and lets something happen before each."""

    def __init__(self, before: Callable[[str, int], None] = lambda rpc, number: None) -> None:
        self.before = before
        self.calls: Counter[str] = Counter()

    def intercept_unary_unary(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        rpc = details.method.rpartition("/")[2]
        self.calls[rpc] += 1
        self.before(rpc, self.calls[rpc])
        return continuation(details, request)


def test_large_results_are_sent_in_chunks_and_stored_as_they_are(
    start_server: Callable[..., str], make_settings: MakeSettings, make_api: MakeApi, tiny_mp4: bytes
) -> None:
    address = start_server(make_settings(max_chunk_bytes=100_000))
    interferer = Interferer()
    api = make_api(address, interceptor=interferer)
    with JobClient(address) as client:
        job = client.submit(tiny_mp4)
        dequeued(api)
        report_results(api, job.job_id, document := results_document(LARGE_RESULTS))
        assert job.results_as_dicts() == LARGE_RESULTS
    assert interferer.calls["PutJobResults"] > len(document) / 100_000


CHANGES: dict[str, Callable[[Path], object]] = {
    "truncated": lambda results: os.truncate(results, 0),
    "another byte": lambda results: results.write_bytes(results.read_bytes()[:-1] + b" "),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_results_that_are_changed_while_they_are_sent_fail_the_job(
    change: Callable[[Path], object],
    start_server: Callable[..., str],
    make_settings: MakeSettings,
    make_api: MakeApi,
    tiny_mp4: bytes,
    tmp_path: Path,
) -> None:
    def interfere(rpc: str, number: int) -> None:
        assert number < 50
        if rpc == "PutJobResults" and number == 1:
            change(results)

    results = tmp_path / "results.json"
    results.write_bytes(results_document(LARGE_RESULTS))
    interferer = Interferer(interfere)
    api = make_api(address := start_server(make_settings(max_chunk_bytes=100_000)), interceptor=interferer)
    with JobClient(address) as client:
        client.submit(tiny_mp4)
    job_id = dequeued(api)
    with pytest.raises(JobCannotBeDone, match=r"^the results were changed while they were sent$"):
        api.complete(job_id, results)
    assert interferer.calls["CompleteJob"] == 0


def test_results_that_are_gone_fail_the_job(make_api: MakeApi, address: str, tmp_path: Path) -> None:
    for results in (tmp_path / "absent", tmp_path):
        with pytest.raises(JobCannotBeDone, match="changed while they were sent"):
            make_api(address).complete("any", results)


def test_results_are_sent_from_the_beginning_again_where_the_server_was_restarted_meanwhile(
    settings_on_disk: ApiSettings, make_api: MakeApi, tiny_mp4: bytes
) -> None:
    with ExitStack() as stack:
        stack.enter_context(running_server(settings_on_disk))

        def restart(rpc: str, number: int) -> None:
            if (rpc, number) in {("PutJobResults", 3), ("CompleteJob", 1)}:
                stack.pop_all().close()
                stack.enter_context(running_server(settings_on_disk))

        api = make_api(settings_on_disk.address, interceptor=Interferer(restart))
        with JobClient(settings_on_disk.address) as client:
            job = client.submit(tiny_mp4)
            dequeued(api)
            report_results(api, job.job_id, results_document(LARGE_RESULTS))
            assert job.results_as_dicts() == LARGE_RESULTS


def test_results_that_the_disk_of_the_server_does_not_keep_are_sent_until_it_does(
    start_server: Callable[..., str],
    make_settings: MakeSettings,
    make_api: MakeApi,
    tiny_mp4: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = make_settings()
    api = make_api(address := start_server(settings), retry_pause=lambda _: 0.0)
    syncs = FailingSyncs(monkeypatch)
    with JobClient(address) as client:
        job = client.submit(tiny_mp4)
        dequeued(api)
        syncs.inside, syncs.failures = settings.data_dir / STAGING_FOLDER, 20
        report_results(api, job.job_id, results_document(LARGE_RESULTS))
        assert job.results_as_dicts() == LARGE_RESULTS
    assert syncs.failures == 0


def test_results_are_sent_in_smaller_chunks_where_the_server_was_restarted_with_a_smaller_limit(
    settings_on_disk: ApiSettings, make_api: MakeApi, tiny_mp4: bytes
) -> None:
    with ExitStack() as stack:
        stack.enter_context(running_server(settings_on_disk))

        def restart(rpc: str, number: int) -> None:
            if (rpc, number) == ("PutJobResults", 2):
                stack.pop_all().close()
                stack.enter_context(running_server(settings_on_disk.model_copy(update={"max_chunk_bytes": 50_000})))

        api = make_api(settings_on_disk.address, interceptor=Interferer(restart))
        with JobClient(settings_on_disk.address) as client:
            job = client.submit(tiny_mp4)
            dequeued(api)
            report_results(api, job.job_id, results_document(LARGE_RESULTS))
            assert job.results_as_dicts() == LARGE_RESULTS


@pytest.mark.parametrize(
    ("rpc", "code"),
    [
        *itertools.product(["GetJobInput", "PutJobResults", "CompleteJob"], FAILURES_ON_THE_WAY),
        ("ListOfferedPipelines", grpc.StatusCode.RESOURCE_EXHAUSTED),
    ],
)
def test_an_error_that_is_no_answer_about_the_job_is_ridden_out(
    address: str, client: JobClient, make_api: MakeApi, tiny_mp4: bytes, rpc: str, code: grpc.StatusCode, tmp_path: Path
) -> None:
    def be_in_trouble(called: str, number: int) -> None:
        if called == rpc and number < 3:
            raise failed_call(code)

    interferer = Interferer(be_in_trouble)
    api = make_api(address, interceptor=interferer, retry_pause=lambda _: 0.0)
    job = client.submit(tiny_mp4)
    dequeued(api)
    api.download(job.job_id, tmp_path / "video", 1 << 20, never)
    report_results(api, job.job_id, results_document(LARGE_RESULTS))
    assert job.results_as_dicts() == LARGE_RESULTS
    assert interferer.calls[rpc] >= 3


def test_a_worker_that_is_stopping_still_sends_large_results_in_chunks(
    start_server: Callable[..., str], make_settings: MakeSettings, make_api: MakeApi, tiny_mp4: bytes
) -> None:
    address = start_server(make_settings(max_inline_results_bytes=1000))
    stop = StopSignal(drain_seconds=60)
    api = make_api(address, stop=stop)
    with JobClient(address) as client:
        job = client.submit(tiny_mp4)
        dequeued(api)
        stop.request()
        report_results(api, job.job_id, results_document(LARGE_RESULTS))
        assert job.results_as_dicts() == LARGE_RESULTS


def test_small_results_are_sent_in_chunks_where_the_server_takes_even_less_in_one_message(
    start_server: Callable[..., str], make_settings: MakeSettings, make_api: MakeApi, tiny_mp4: bytes
) -> None:
    api = make_api(address := start_server(make_settings(max_inline_results_bytes=10)))
    with JobClient(address) as client:
        job = client.submit(tiny_mp4)
        dequeued(api)
        report_results(api, job.job_id, results_document(RESULTS))
        assert job.results_as_dicts() == RESULTS


@pytest.mark.parametrize("updated_at", ["GetJobInput", "CompleteJob"])
def test_a_server_that_learns_to_take_chunks_during_a_job_gets_chunks(
    start_server: Callable[..., str], make_settings: MakeSettings, make_api: MakeApi, tiny_mp4: bytes, updated_at: str
) -> None:
    class Updated(Interferer):
        """Has the server offer no chunks until its update."""

        def intercept_unary_unary(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
            call = super().intercept_unary_unary(continuation, details, request)
            if details.method.endswith("ListOfferedPipelines") and not self.calls[updated_at]:
                call.result().max_chunk_bytes = 0
            return call

    address = start_server(make_settings(max_inline_results_bytes=1000))
    api = make_api(address, interceptor=Updated())
    with JobClient(address) as client:
        job = client.submit(tiny_mp4)
        make_worker(api, FakeRunner(lambda *_: results_document(LARGE_RESULTS)), StopSignal(0)).run_once()
        assert job.results_as_dicts() == LARGE_RESULTS


def test_a_proxy_that_knows_no_chunks_gets_the_results_in_one_message(
    address: str, client: JobClient, make_api: MakeApi, tiny_mp4: bytes
) -> None:
    def refuse(rpc: str, number: int) -> None:
        if rpc == "PutJobResults":
            raise failed_call(grpc.StatusCode.UNIMPLEMENTED)

    api = make_api(address, interceptor=Interferer(refuse), retry_pause=lambda _: 0.0, unimplemented_seconds=0.1)
    job = client.submit(tiny_mp4)
    dequeued(api)
    report_results(api, job.job_id, results_document(LARGE_RESULTS))
    assert job.results_as_dicts() == LARGE_RESULTS


@pytest.mark.parametrize("away", [{"PutJobResults"}, {"PutJobResults", "CompleteJob"}, {"ListOfferedPipelines"}])
def test_a_proxy_that_knows_no_call_for_longer_than_a_worker_repeats_it_costs_no_finished_job(
    start_server: Callable[..., str],
    make_settings: MakeSettings,
    make_api: MakeApi,
    tiny_mp4: bytes,
    away: set[str],
) -> None:
    address = start_server(make_settings(max_inline_results_bytes=1000))
    back_at = 0.0

    def refuse(rpc: str, _: int) -> None:
        if rpc in away and time.monotonic() < back_at:
            raise failed_call(grpc.StatusCode.UNIMPLEMENTED)

    api = make_api(
        address, interceptor=Interferer(refuse), retry_pause=lambda _: 0.01, unimplemented_seconds=SHORT_LEASE_SECONDS
    )
    api.offer()
    with JobClient(address) as client:
        job = client.submit(tiny_mp4)
        dequeued(api)
        back_at = time.monotonic() + 3 * SHORT_LEASE_SECONDS
        report_results(api, job.job_id, results_document(LARGE_RESULTS))
        assert job.results_as_dicts() == LARGE_RESULTS


def test_what_a_server_has_offered_once_it_is_believed_to_offer_while_a_proxy_says_otherwise(
    address: str, make_api: MakeApi
) -> None:
    def refuse(_: str, number: int) -> None:
        if 2 <= number < 5:
            raise failed_call(grpc.StatusCode.UNIMPLEMENTED)

    api = make_api(address, interceptor=Interferer(refuse), retry_pause=lambda _: 0.0)
    assert api.offer() == api.offer_for_job(never)


def test_a_server_that_refuses_every_offset_ends_the_sending(
    address: str, client: JobClient, make_api: MakeApi, tiny_mp4: bytes
) -> None:
    def refuse(rpc: str, _: int) -> None:
        if rpc == "PutJobResults":
            raise failed_call(grpc.StatusCode.INVALID_ARGUMENT, Reason.INVALID_RANGE)

    interferer = Interferer(refuse)
    api, job = make_api(address, interceptor=interferer), client.submit(tiny_mp4)
    dequeued(api)
    with pytest.raises(grpc.RpcError) as raised:
        report_results(api, job.job_id, results_document(LARGE_RESULTS))
    assert (raised.value.code(), interferer.calls["PutJobResults"]) == (grpc.StatusCode.INVALID_ARGUMENT, 1)


def test_an_older_server_that_takes_no_chunks_gets_large_results_in_one_message(
    address: str, client: JobClient, make_api: MakeApi, tiny_mp4: bytes
) -> None:
    class Older(Interferer):
        def intercept_unary_unary(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
            assert not details.method.endswith("PutJobResults")
            call = super().intercept_unary_unary(continuation, details, request)
            if details.method.endswith("ListOfferedPipelines"):
                call.result().max_chunk_bytes = 0
            return call

    api, job = make_api(address, interceptor=Older()), client.submit(tiny_mp4)
    dequeued(api)
    report_results(api, job.job_id, results_document(LARGE_RESULTS))
    assert job.results_as_dicts() == LARGE_RESULTS


def test_a_job_that_was_deleted_is_lost(address: str, client: JobClient, make_api: MakeApi) -> None:
    with pytest.raises(LeaseLost):
        make_api(address).renew("00000000-0000-4000-8000-000000000000")


def test_a_worker_that_lost_its_job_drops_it_and_does_the_next(
    start_server: Callable[..., str], make_settings: MakeSettings, make_api: MakeApi, tiny_mp4: bytes
) -> None:
    address = start_server(make_settings(lease_seconds=60))
    other = make_api(address, "w")  # the same name: it can take the job away
    taken = threading.Event()
    late_results = results_document([{"frame_index": 0, "result": {"text": "late"}}])

    with JobClient(address) as client, opened_at_the_end(taken):

        def finish_too_late(*_: object) -> bytes:
            taken.wait()
            return late_results

        runner = FakeRunner(finish_too_late, one_empty_frame)
        with working(address, runner, "w"):
            lost = client.submit(tiny_mp4).job_id
            eventually(lambda: runner.videos, "the run")
            other.fail(lost, "taken away")
            taken.set()
            assert client.submit(tiny_mp4).wait(20).status is JobStatus.completed
        assert (client.job(lost).status().status, client.job(lost).status().error_message) == (
            JobStatus.failed,
            "taken away",
        )


def test_a_run_is_cancelled_when_its_lease_is_lost(
    start_server: Callable[..., str], make_settings: MakeSettings, make_api: MakeApi, tiny_mp4: bytes
) -> None:
    address = start_server(make_settings(lease_seconds=0.6))  # renewed, so noticed, each 0.2 s
    with JobClient(address) as client:
        runner = FakeRunner(until_cancelled, one_empty_frame)
        with working(address, runner):
            lost = client.submit(tiny_mp4).job_id
            eventually(lambda: runner.videos, "the run")
            make_api(address, "w").fail(lost, "taken away")
            assert client.submit(tiny_mp4).wait(20).status is JobStatus.completed
        assert client.job(lost).status().error_message == "taken away"


@pytest.mark.parametrize(("pipelines", "away_from"), [({"ocr"}, 1), ({"yolo"}, 2)], ids=["its own", "another"])
def test_a_job_that_is_lost_while_the_server_does_not_say_what_it_offers_is_dropped(
    start_server: Callable[..., str],
    make_settings: MakeSettings,
    make_api: MakeApi,
    stop: StopSignal,
    tiny_mp4: bytes,
    pipelines: set[str],
    away_from: int,
) -> None:
    address = start_server(make_settings(lease_seconds=0.6))
    other, asked = make_api(address), threading.Event()

    def refuse(rpc: str, number: int) -> None:
        if rpc == "ListOfferedPipelines" and number >= away_from:
            asked.set()
            raise failed_call(grpc.StatusCode.UNAVAILABLE)

    api = make_api(address, interceptor=Interferer(refuse), retry_pause=lambda _: 0.05)
    with JobClient(address) as client:
        job_id = client.submit(tiny_mp4, "ocr").job_id
        ended = in_thread(make_worker(api, FakeRunner(), stop, pipelines=pipelines).run_once)
        assert asked.wait(10)
        other.fail(job_id, "taken away")
        assert ended.result(10)


def test_a_long_run_keeps_a_short_lease(
    start_server: Callable[..., str], make_settings: MakeSettings, make_api: MakeApi, tiny_mp4: bytes
) -> None:
    address = start_server(make_settings(lease_seconds=1.0))
    other = make_api(address, "other")

    def take_long(*_: object) -> bytes:
        assert other.dequeue(2.5) is None
        return results_document(RESULTS)

    with JobClient(address) as client, working(address, FakeRunner(take_long)):
        assert client.submit(tiny_mp4).wait(20).status is JobStatus.completed


def test_a_worker_may_start_before_its_server(
    make_settings: MakeSettings, tiny_mp4: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    settings = make_settings(address=f"127.0.0.1:{free_port()}")
    with caplog.at_level(logging.WARNING), working(settings.address, FakeRunner()):
        eventually(lambda: caplog.messages.count("call failed, trying again") >= 3, "a worker that retries")
        with running_server(settings), JobClient(settings.address) as client:
            assert client.submit(tiny_mp4).wait(20).status is JobStatus.completed


def test_an_unreachable_server_is_not_called_without_pauses(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING), working(f"127.0.0.1:{free_port()}", FakeRunner()):
        until = time.monotonic() + 1.5
        eventually(lambda: time.monotonic() > until)
    tries = caplog.messages.count("call failed, trying again")
    assert 1 <= tries <= 30


@dataclass
class JobInHand:
    """A job that a worker holds and continues on request; its server was stopped.

    Attributes:
        settings: Of the server, to start it again.
        go_on: Lets the run end.
        runner: What runs it.
        job_id: The job.
    """

    settings: ApiSettings
    go_on: threading.Event
    runner: FakeRunner
    job_id: str

    def must_end_well(self, client: JobClient) -> None:
        assert client.job(self.job_id).wait(30).status is JobStatus.completed
        assert client.job(self.job_id).results_as_dicts() == RESULTS
        assert len(self.runner.videos) == 1


@pytest.fixture
def in_hand(settings_on_disk: ApiSettings, tiny_mp4: bytes) -> Iterator[JobInHand]:
    with opened_at_the_end(threading.Event()) as go_on, ExitStack() as stack:

        def run(*_: object) -> bytes:
            go_on.wait()
            return results_document(RESULTS)

        runner = FakeRunner(run)
        with running_server(settings_on_disk), JobClient(settings_on_disk.address) as client:
            stack.enter_context(working(settings_on_disk.address, runner))
            job_id = client.submit(tiny_mp4).job_id
            eventually(lambda: runner.videos, "the run")
        yield JobInHand(settings_on_disk, go_on, runner, job_id)


def test_a_worker_rides_out_a_restart_of_the_server_in_the_middle_of_a_job(in_hand: JobInHand) -> None:
    with running_server(in_hand.settings), JobClient(in_hand.settings.address) as client:
        assert client.job(in_hand.job_id).status().status is JobStatus.running
        in_hand.go_on.set()
        in_hand.must_end_well(client)


def test_a_worker_that_finishes_while_the_server_is_down_reports_after_the_restart(
    in_hand: JobInHand, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        in_hand.go_on.set()
        eventually(lambda: "call failed, trying again" in caplog.messages, "a report that failed")
    with running_server(in_hand.settings), JobClient(in_hand.settings.address) as client:
        in_hand.must_end_well(client)


def test_a_stop_while_waiting_for_a_job_is_obeyed_at_once_and_loses_none(
    address: str, client: JobClient, make_api: MakeApi, stop: StopSignal, tiny_mp4: bytes
) -> None:
    waiting = in_thread(lambda: make_api(address).dequeue(25))
    with pytest.raises(TimeoutError):
        waiting.result(0.3)
    stop.request()
    assert waiting.result(SOON_SECONDS) is None
    job_id = client.submit(tiny_mp4).job_id
    assert client.job(job_id).status().status is JobStatus.pending
    assert make_api(address, "next", stop=StopSignal(0)).dequeue(5) == job_id


class AnswersAtTheStop(grpc.UnaryUnaryClientInterceptor):
    """Has the answer of the first call come together with the stop: while the worker cancels its calls."""

    def __init__(self, stop: StopSignal, address: str, is_read: bool) -> None:
        self._stop = stop
        self._address = address
        self._is_read = is_read
        self._opened = 0

    def connect(self) -> grpc.Channel:
        self._opened += 1
        return grpc.intercept_channel(open_channel(self._address), self)

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: object) -> Any:
        call = continuation(client_call_details, request)
        if not self._stop.requested.is_set():
            assert call.result()
            self._stop.request()
            eventually(lambda: self._opened > 1, "the cancellation")
            if not self._is_read:
                raise failed_call(grpc.StatusCode.CANCELLED)
        return call


def test_a_job_that_is_answered_together_with_the_stop_is_released_at_once(
    address: str, client: JobClient, stop: StopSignal, tiny_mp4: bytes
) -> None:
    job_id = client.submit(tiny_mp4).job_id
    with WorkerApi(AnswersAtTheStop(stop, address, is_read=True).connect, "w", stop) as api:
        assert api.dequeue(5) == job_id


def test_a_job_whose_answer_crosses_the_stop_is_released(
    address: str, client: JobClient, make_api: MakeApi, stop: StopSignal, tiny_mp4: bytes
) -> None:
    job_id = client.submit(tiny_mp4).job_id
    with WorkerApi(AnswersAtTheStop(stop, address, is_read=False).connect, "w", stop) as api:
        assert api.dequeue(5) is None
    assert client.job(job_id).status().status is JobStatus.pending
    assert make_api(address, "next", stop=StopSignal(0)).dequeue(1) == job_id


def test_a_host_without_threads_calls_its_server_as_before(
    address: str,
    client: JobClient,
    make_api: MakeApi,
    stop: StopSignal,
    tiny_mp4: bytes,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jobs, api = [client.submit(tiny_mp4).job_id for _ in range(3)], make_api(address)
    monkeypatch.setattr(threading.Thread, "start", raising(RuntimeError("can't start new thread")))
    assert api.offer()
    assert dequeued(api) == jobs[0]
    api.download(jobs[0], tmp_path / "video", 1000, never)
    report_results(api, jobs[0], results_document(RESULTS))
    assert dequeued(api) == jobs[1]
    api.fail(jobs[1], "why")
    assert dequeued(api) == jobs[2]
    api.release(jobs[2])
    stop.request()
    assert api.dequeue(20) is None
    monkeypatch.undo()
    assert [client.job(job).status().status.value for job in jobs] == ["completed", "failed", "pending"]


def test_a_host_without_a_thread_for_the_calls_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Thread, "start", raising(RuntimeError("can't start new thread")))
    with pytest.raises(HostUnusable, match="no thread left for the calls"):
        WorkerApi(partial(open_channel, address), "w", StopSignal(0))


def test_a_video_that_cannot_be_written_is_no_fault_of_the_job(
    address: str, client: JobClient, make_api: MakeApi, tiny_mp4: bytes, tmp_path: Path
) -> None:
    job_id, api = client.submit(tiny_mp4).job_id, make_api(address)
    dequeued(api)
    with pytest.raises(InsufficientSpace, match=r"cannot be kept on this host .*--work-dir"):
        api.download(job_id, tmp_path / "missing" / "video", 100, never)


def test_a_stop_while_a_long_video_comes_ends_the_download(
    address: str, client: JobClient, make_api: MakeApi, tiny_mp4: bytes, tmp_path: Path
) -> None:
    interferer, target = Interferer(), tmp_path / "video"
    job_id, api = client.submit(tiny_mp4).job_id, make_api(address, interceptor=interferer)
    dequeued(api)
    with pytest.raises(Cancelled):
        api.download(job_id, target, 100, lambda: interferer.calls["GetJobInput"] == 3)
    assert target.stat().st_size in {200, 300}


def test_a_stop_while_the_server_is_away_is_obeyed_at_once(
    make_api: MakeApi, stop: StopSignal, caplog: pytest.LogCaptureFixture
) -> None:
    api = make_api(f"127.0.0.1:{free_port()}", retry_pause=lambda _: 600.0)
    with caplog.at_level(logging.WARNING):
        waiting = in_thread(lambda: api.dequeue(25))
        eventually(lambda: "call failed, trying again" in caplog.messages, "a question that failed")
    stop.request()
    assert waiting.result(SOON_SECONDS) is None


def test_a_stop_in_the_middle_of_a_job_releases_it_for_another(
    address: str, client: JobClient, tiny_mp4: bytes
) -> None:
    runner = FakeRunner(until_cancelled)
    with working(address, runner) as stop:
        job_id = client.submit(tiny_mp4).job_id
        eventually(lambda: runner.videos, "the run")
        assert client.job(job_id).status().status is JobStatus.running
        stop.request()
        eventually(lambda: client.job(job_id).status().status is JobStatus.pending, "the job's return", seconds=5)
    with working(address, FakeRunner(), "other"):
        assert client.job(job_id).wait(20).status is JobStatus.completed


def test_a_release_counts_no_attempt(address: str, client: JobClient, make_api: MakeApi, tiny_mp4: bytes) -> None:
    job_id, api = client.submit(tiny_mp4).job_id, make_api(address)
    for _ in range(10):
        assert dequeued(api) == job_id
        api.release(job_id)
    assert client.job(job_id).status().status is JobStatus.pending


def test_a_renewal_that_does_not_reach_the_server_is_not_a_lost_lease(make_api: MakeApi) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        make_api(f"127.0.0.1:{free_port()}").renew("00000000-0000-4000-8000-000000000000")
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE


class Deadlines(grpc.UnaryUnaryClientInterceptor):
    """Notes the timeout of each call."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    def intercept_unary_unary(self, continuation: Callable[..., Any], details: Any, request: Any) -> Any:
        self.seconds.append(details.timeout)
        return continuation(details, request)


def test_a_renewal_that_is_not_answered_leaves_time_for_another(
    start_server: Callable[..., str], make_settings: MakeSettings, make_api: MakeApi, tiny_mp4: bytes
) -> None:
    address, deadlines = start_server(make_settings(lease_seconds=30)), Deadlines()
    api = make_api(address, interceptor=deadlines)
    with JobClient(address) as client:
        client.submit(tiny_mp4)
    job_id = dequeued(api)
    for _ in range(2):
        assert api.renew(job_id) == 30
    assert deadlines.seconds[1:] == [FIRST_RENEWAL_SECONDS, 10]


def test_a_refusal_that_no_repeat_can_change_is_not_repeated(
    address: str, client: JobClient, make_api: MakeApi, tiny_mp4: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    job_id, api = client.submit(tiny_mp4).job_id, make_api(address)
    dequeued(api)
    with pytest.raises(grpc.RpcError) as raised:
        api.fail(job_id, " ")
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "call failed, trying again" not in caplog.messages


@pytest.mark.corpus
def test_a_report_that_was_tried_for_long_is_still_repeated_once_the_worker_stops(
    make_api: MakeApi, settings_on_disk: ApiSettings, stop: StopSignal, tiny_mp4: bytes
) -> None:
    settings = settings_on_disk
    with running_server(settings), JobClient(settings.address) as client:
        job_id = client.submit(tiny_mp4, "ocr").job_id
        api = make_api(settings.address, last_report_seconds=5.0)
        assert dequeued(api) == job_id
    reporting = in_thread(lambda: api.fail(job_id, "no"))
    with pytest.raises(TimeoutError):
        reporting.result(6)
    stop.request()
    with running_server(settings), JobClient(settings.address) as client:
        reporting.result(10)
        assert client.job(job_id).status().status is JobStatus.failed


def test_a_stopping_worker_that_cannot_reach_the_server_ends_within_its_bound(
    make_api: MakeApi, stop: StopSignal
) -> None:
    api = make_api(f"127.0.0.1:{free_port()}", last_report_seconds=0.3)
    stop.request()
    began_at = time.monotonic()
    with pytest.raises(Cancelled):
        api.release("00000000-0000-4000-8000-000000000000")
    assert 0.3 <= time.monotonic() - began_at < 10


@pytest.fixture
def strange_server() -> Iterator[str]:
    """A gRPC server that knows none of our services."""
    with futures.ThreadPoolExecutor(2) as pool:
        server = grpc.server(pool)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        yield f"127.0.0.1:{port}"
        server.stop(0).wait()


def test_a_server_that_does_not_say_what_it_offers_is_not_one_that_offers_nothing(
    strange_server: str, make_api: MakeApi
) -> None:
    assert make_api(strange_server).offer() is None


def test_what_the_server_offers_is_what_its_settings_say(
    start_server: Callable[..., str], make_settings: MakeSettings, make_api: MakeApi
) -> None:
    address = start_server(make_settings(pipelines="ocr,yolo"))
    assert make_api(address).offer().pipelines == {"ocr", "yolo"}


def test_the_offered_pipelines_are_requested_until_the_server_answers(
    settings_on_disk: ApiSettings, make_api: MakeApi, caplog: pytest.LogCaptureFixture
) -> None:
    offer = in_thread(make_api(settings_on_disk.address).offer)
    eventually(lambda: "call failed, trying again" in caplog.messages, "the first try")
    with running_server(settings_on_disk):
        assert offer.result(30).pipelines == {"yolo_ocr", "yolo", "ocr", "codes"}


def test_a_stop_ends_the_request_to_an_unreachable_server(make_api: MakeApi, stop: StopSignal) -> None:
    offer = in_thread(make_api(f"127.0.0.1:{free_port()}").offer)
    stop.request()
    assert offer.result(5) is None


def test_a_stop_ends_the_request_to_a_server_that_does_not_answer(make_api: MakeApi, stop: StopSignal) -> None:
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        offer = in_thread(make_api(f"127.0.0.1:{mute.getsockname()[1]}").offer)
        with mute.accept()[0]:
            stop.request()
            assert offer.result(5) is None


def test_a_video_that_is_not_accepted_is_not_fetched(
    address: str, client: JobClient, make_api: MakeApi, tiny_mp4: bytes, tmp_path: Path
) -> None:
    job_id, api, target = client.submit(tiny_mp4, "yolo").job_id, make_api(address), tmp_path / "video"
    assert api.dequeue(5) == job_id
    pipelines: list[str] = []

    def refuse(pipeline_id: str) -> None:
        pipelines.append(pipeline_id)
        raise UnsupportedPipeline(pipeline_id)

    with pytest.raises(UnsupportedPipeline, match="yolo"):
        api.download(job_id, target, 100, never, refuse)
    assert (pipelines, target.read_bytes()) == (["yolo"], b"")


def test_a_server_of_another_kind_is_refused_at_once(strange_server: str, make_api: MakeApi) -> None:
    began_at = time.monotonic()
    with pytest.raises(grpc.RpcError) as raised:
        make_api(strange_server).dequeue(5)
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert time.monotonic() - began_at < 5


@pytest.mark.parametrize("known_by", ["offer", "dequeue"])
def test_a_proxy_that_knows_no_call_for_a_while_ends_no_idle_worker(
    address: str, client: JobClient, make_api: MakeApi, tiny_mp4: bytes, known_by: str
) -> None:
    first = 1 if known_by == "offer" else 2

    def refuse(rpc: str, number: int) -> None:
        if rpc == "Dequeue" and first <= number < first + 3:
            raise failed_call(grpc.StatusCode.UNIMPLEMENTED)

    api = make_api(address, interceptor=Interferer(refuse), retry_pause=lambda _: 0.0)
    assert api.offer() if known_by == "offer" else api.dequeue(0) is None
    job_id = client.submit(tiny_mp4).job_id
    assert api.dequeue(0) == job_id


def test_a_proxy_that_knows_no_call_ends_an_idle_worker_in_the_end(address: str, make_api: MakeApi) -> None:
    codes = itertools.chain([grpc.StatusCode.UNAVAILABLE] * 2, itertools.repeat(grpc.StatusCode.UNIMPLEMENTED))
    answers_at: list[float] = []

    def refuse(rpc: str, _: int) -> None:
        if rpc == "Dequeue":
            answers_at.append(time.monotonic())
            raise failed_call(next(codes))

    pauses = itertools.chain([SHORT_LEASE_SECONDS] * 2, itertools.repeat(0.01))
    api = make_api(
        address,
        interceptor=Interferer(refuse),
        retry_pause=lambda _: next(pauses),
        unimplemented_seconds=SHORT_LEASE_SECONDS,
    )
    assert api.offer()
    with pytest.raises(grpc.RpcError) as raised:
        api.dequeue(0)
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert answers_at[-1] - answers_at[2] >= SHORT_LEASE_SECONDS


WORKER_WITHOUT_MODELS = """
import sys
from job_worker.command import main
from tests.support.worker_fakes import FakeRunner

sys.exit(main(sys.argv[1:], build_runner=lambda _: FakeRunner()))
"""


def test_the_program_ends_with_2_and_says_why_where_its_server_is_of_another_kind(strange_server: str) -> None:
    command = [sys.executable, "-c", WORKER_WITHOUT_MODELS, "--address", strange_server, "--pipelines", "ocr"]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == ExitCode.USAGE
    last = ended.stderr.splitlines()[-1]
    assert last.startswith(f"foregsyte-worker: there is no WorkerService at {strange_server}: --address must be the ")
    assert "Traceback" not in ended.stderr


WORKER_THAT_CANNOT_START = """
import multiprocessing, sys, threading
from job_worker.command import main
from job_worker.errors import HostUnusable, ProcessUnkillable
from tests.support.worker_fakes import FakeRunner

class Broken(FakeRunner):
    def start(self, is_cancelled):
        if sys.argv[1] == "no process":
            raise HostUnusable("this host cannot start a process")
        # It inherits the handler that ignores SIGTERM, with which the interpreter ends such a process and waits for it.
        multiprocessing.get_context("fork").Process(target=threading.Event().wait, args=(60,), daemon=True).start()
        raise ProcessUnkillable("the process does not end")

sys.exit(main([], build_runner=lambda _: Broken()))
"""


@pytest.mark.parametrize(
    ("what", "words"), [("no process", "cannot start a process"), ("one for ever", "the process does not end")]
)
def test_the_program_ends_with_1_and_says_why_where_its_processes_do_not_start_or_do_not_end(
    what: str, words: str, tmp_path: Path
) -> None:
    with (tmp_path / "log").open("w+") as log:
        command = [sys.executable, "-c", WORKER_THAT_CANNOT_START, what]
        ended = subprocess.run(command, cwd=ROOT, stderr=log, timeout=30, check=False)
        log.seek(0)
        written = log.read()
    assert (ended.returncode, words in written, "Traceback" in written) == (ExitCode.FAILURE, True, False)


def test_a_stop_while_the_folder_of_a_lost_worker_is_deleted_ends_the_program_with_0(tmp_path: Path) -> None:
    folder = tmp_path / "foregsyte-work-1"
    folder.mkdir()
    for number in range(10_000):  # which takes a while
        (folder / str(number)).touch()
    os.utime(folder, (0, 0))
    address, work_dir = f"127.0.0.1:{free_port()}", str(tmp_path)
    command = [sys.executable, "-c", WORKER_WITHOUT_MODELS, "--address", address, "--work-dir", work_dir]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as program:
        assert program.stderr
        assert any("folder of a lost worker deleted" in line for line in program.stderr)
        program.terminate()
        program.communicate(timeout=60)
    assert program.returncode == ExitCode.OK
    assert list(tmp_path.iterdir()) == []


def test_a_worker_whose_name_the_server_refuses_ends(address: str, make_api: MakeApi) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        make_api(address, "x" * 1000).dequeue(5)
    assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


@dataclass
class FullDisk:
    """A server whose disk is full, with a job that was submitted before."""

    address: str
    job: Job
    storage: HookedStorage

    def has_space_again(self) -> None:
        self.storage.before_save = None


@pytest.fixture
def full_disk(start_server: Callable[..., str], tiny_mp4: bytes) -> Iterator[FullDisk]:
    storage = HookedStorage()
    address = start_server(storage=storage)
    with JobClient(address) as client:
        job = client.submit(tiny_mp4)
        storage.before_save = raises(StorageFull("no space is left"))
        yield FullDisk(address, job, storage)


def test_a_disk_that_is_full_for_a_while_delays_the_completion(
    full_disk: FullDisk, caplog: pytest.LogCaptureFixture
) -> None:
    runner = FakeRunner(lambda *_: results_document(RESULTS))
    with caplog.at_level(logging.WARNING), working(full_disk.address, runner, retry_pause=lambda _: 0.1):
        eventually(lambda: "call failed, trying again" in caplog.messages, "a completion that was refused")
        full_disk.has_space_again()
        assert full_disk.job.wait(20).status is JobStatus.completed
    assert full_disk.job.results_as_dicts() == RESULTS


def test_a_stop_ends_the_pause_before_a_repeated_completion(
    full_disk: FullDisk, caplog: pytest.LogCaptureFixture
) -> None:
    worker = working(full_disk.address, FakeRunner(), retry_pause=lambda _: 600.0)
    with caplog.at_level(logging.WARNING), worker as stop:
        eventually(lambda: "call failed, trying again" in caplog.messages, "a completion that was refused")
        full_disk.has_space_again()
        stop.request()
        assert full_disk.job.wait(10).status is JobStatus.completed
