"""Workers that run some of the server's pipelines, against a real server: no job is failed or lost for it."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from job_api.settings import ApiSettings
from job_client import JobClient
from job_worker.runtime.declined_jobs import DeclinedJobs
from job_worker.runtime.stop_signal import StopSignal
from shared.contract.job_status import JobStatus
from tests.support.found import RESULTS
from tests.support.processes import api_process, worker_process
from tests.support.running import running_server
from tests.support.samples import results_document
from tests.support.waiting import eventually
from tests.support.worker_fakes import FakeRunner
from tests.support.working import working

pytestmark = [pytest.mark.integration, pytest.mark.worker]

LEASE_SECONDS = 5


def working_on(pipeline_id: str, address: str, runner: FakeRunner) -> AbstractContextManager[StopSignal]:
    """A worker that runs one pipeline, with short pauses after jobs of others."""
    return working(address, runner, f"{pipeline_id} worker", [pipeline_id], declined=DeclinedJobs(0.05, 0.2))


def finding() -> FakeRunner:
    return FakeRunner(lambda *_: results_document(RESULTS))


def ran(runner: FakeRunner) -> set[str]:
    return {pipeline for pipeline, _ in runner.videos}


def test_each_worker_does_the_jobs_of_its_own_pipelines(address: str, client: JobClient, tiny_mp4: bytes) -> None:
    readers, finders = finding(), finding()
    jobs = [client.submit(tiny_mp4, pipeline_id=pipeline) for pipeline in 5 * ("yolo", "ocr")]
    with (
        working_on("ocr", address, readers),
        working_on("yolo", address, finders),
    ):
        for job in jobs:
            assert job.wait(60).status is JobStatus.completed
    assert (ran(readers), ran(finders)) == ({"ocr"}, {"yolo"})
    assert (len(readers.videos), len(finders.videos)) == (5, 5)


def test_a_job_that_no_worker_runs_waits_and_blocks_no_other(
    start_server: Callable[..., str], make_settings: Callable[..., ApiSettings], tiny_mp4: bytes
) -> None:
    address = start_server(make_settings(lease_seconds=LEASE_SECONDS))
    with JobClient(address) as client:
        first = client.submit(tiny_mp4, pipeline_id="yolo")
        others = [client.submit(tiny_mp4, pipeline_id="ocr") for _ in range(3)]
        with working_on("ocr", address, finding()):
            assert all(job.wait(60).status is JobStatus.completed for job in others)
        # A job that crossed the stop of its worker comes back at the end of its lease.
        eventually(lambda: first.status().status is JobStatus.pending, "the job waits", 3 * LEASE_SECONDS)
        with working_on("yolo", address, finding()):
            assert first.wait(60).status is JobStatus.completed


def test_a_job_may_be_released_more_often_than_workers_may_be_lost_on_it(
    start_server: Callable[..., str], make_settings: Callable[..., ApiSettings], tiny_mp4: bytes
) -> None:
    address = start_server(make_settings(max_lost_workers=1))
    with JobClient(address) as client:
        job = client.submit(tiny_mp4, pipeline_id="yolo")
        before = job.status().updated_at
        with working_on("ocr", address, finding()):
            for _ in range(5):
                eventually(lambda: job.status().updated_at > before, "one more release")  # noqa: B023
                before = job.status().updated_at
        assert job.status().status is JobStatus.pending


def test_it_is_logged_and_released_where_the_workers_have_an_address_of_their_own(
    make_settings: Callable[..., ApiSettings], tiny_mp4: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with running_server(make_settings(worker_address="127.0.0.1:0")) as server:
        for_clients, for_workers = server.addresses
        with JobClient(for_clients) as client, working_on("ocr", for_workers, finding()):
            job = client.submit(tiny_mp4, pipeline_id="yolo")
            eventually(lambda: "job released: this worker does not run its pipeline" in caplog.messages, "the release")
            assert job.status().error_message == ""
    assert (
        "this worker does not run these pipelines of the server, and releases their jobs: codes, yolo, yolo_ocr"
        in caplog.messages
    )


def test_a_job_whose_pipeline_is_no_longer_offered_fails_with_a_message(
    settings_on_disk: ApiSettings, tiny_mp4: bytes
) -> None:
    with running_server(settings_on_disk) as server, JobClient(server.addresses[0]) as client:
        job_id = client.submit(tiny_mp4, pipeline_id="yolo").job_id
    fewer = settings_on_disk.model_copy(update={"pipelines": ("ocr",)})
    with running_server(fewer) as server, JobClient(server.addresses[0]) as client:
        with working_on("ocr", server.addresses[0], finding()):
            ended = client.job(job_id).wait(60)
        assert (ended.status, ended.error_message) == (JobStatus.failed, "the pipeline 'yolo' is no longer offered")


@pytest.mark.e2e
def test_a_worker_process_says_at_its_start_which_it_does_not_run(tmp_path: Path) -> None:
    (tmp_path / "foregsyte.toml").write_text('[pipelines.korean]\nkind = "ocr"\nlanguages = ["ko"]\n')
    with api_process(tmp_path) as address, worker_process(tmp_path, address, "w", "--pipelines", "ocr") as worker:
        warning = "does not run these pipelines of the server, and releases their jobs: codes, korean, yolo, yolo_ocr"
        eventually(lambda: warning in worker.text, "the warning")
        assert worker.text.count("does not run") == 1
