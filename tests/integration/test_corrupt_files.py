"""Stored files that something else damaged or took away: that one job says so, every other goes on."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import grpc
import pytest

from job_api.settings import ApiSettings
from job_api.storage.keys import JOBS_FOLDER
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.reasons import Reason
from tests.support.errors import refusal_of
from tests.support.running import Running, running_server
from tests.support.samples import DOCUMENT, OTHER_DOCUMENT, OTHER_VIDEO, UNKNOWN_JOB, VIDEO, submit_request

pytestmark = pytest.mark.integration

Code = grpc.StatusCode
FORMATS = [pb.RESULTS_FORMAT_FRAMES, pb.RESULTS_FORMAT_JSON]


@pytest.fixture
def settings(make_settings: Callable[..., ApiSettings], tmp_path: Path) -> ApiSettings:
    """Settings on files of their own, so that a second server can go on with what the first left."""
    return make_settings(database_url=f"duckdb:///{tmp_path / 'jobs.duckdb'}")


@pytest.fixture
def server(settings: ApiSettings) -> Iterator[Running]:
    with running_server(settings) as running:
        yield running


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "data" / JOBS_FOLDER


def submitted(server: Running, video: bytes = VIDEO, request_id: str = "") -> str:
    return server.jobs.SubmitJob(submit_request(video, request_id=request_id)).job_id


def taken(server: Running) -> str:
    """Submit a job and have the worker `w` take it: nothing else must be waiting."""
    job_id = submitted(server)
    assert server.workers.Dequeue(pb.DequeueRequest(worker_id="w")).job_id == job_id
    return job_id


def completed(server: Running) -> str:
    job_id = taken(server)
    complete(server, job_id)
    return job_id


def complete(server: Running, job_id: str, document: bytes = DOCUMENT) -> None:
    server.workers.CompleteJob(pb.CompleteJobRequest(job_id=job_id, worker_id="w", results_json=document))


def results(server: Running, job_id: str, form: pb.ResultsFormat.ValueType) -> pb.GetJobResultsResponse:
    return server.jobs.GetJobResults(pb.GetJobResultsRequest(job_id=job_id, format=form))


def status(server: Running, job_id: str) -> int:
    return server.jobs.GetJobStatus(pb.GetJobStatusRequest(job_id=job_id)).status


DAMAGES = {
    "nothing left": b"",
    "garbage": bytes(range(256)) * 10,
    "zeros": bytes(len(DOCUMENT)),
    "cut off": DOCUMENT[:-10],
    "something behind it": DOCUMENT + b"x",
    "JSON of another shape": b'{"frames": [{"index": 0}]}',
    "a list": json.dumps([{"frame_index": 0, "result": {}}]).encode(),
    "results that are no list": b'{"results": 5}',
    "entries that are no frames": b'{"results": [1, 2]}',
    "deep": b'{"results": [{"frame_index": 0, "result": {"a": %s}}]}' % (b"[" * 100_000 + b"]" * 100_000),
    "no UTF-8": DOCUMENT.replace(b"one", b"\xff\xfe\xfd"),
}


class TestResults:
    @pytest.mark.parametrize("form", FORMATS, ids=["frames", "JSON"])
    @pytest.mark.parametrize("damage", DAMAGES)
    def test_damaged_results_are_reported_for_their_job_only(
        self, server: Running, files: Path, damage: str, form: pb.ResultsFormat.ValueType
    ) -> None:
        whole, damaged = completed(server), completed(server)
        (files / f"{damaged}_results.json").write_bytes(DAMAGES[damage])
        refusal = refusal_of(lambda: results(server, damaged, form))
        assert (refusal.code, refusal.reason) == (Code.DATA_LOSS, Reason.RESULTS_UNREADABLE)
        assert refusal.message == f"the stored results of job {damaged} are damaged"

        assert status(server, damaged) == pb.JOB_STATUS_COMPLETED
        assert [len(results(server, whole, form).results) for form in FORMATS] == [1, 0]
        assert {job.job_id for job in server.jobs.ListJobs(pb.ListJobsRequest()).jobs} == {whole, damaged}
        server.jobs.DeleteJob(pb.DeleteJobRequest(job_id=damaged))
        assert not list(files.glob(f"{damaged}*"))

    @pytest.mark.parametrize("form", FORMATS)
    def test_missing_results_are_reported_as_missing(
        self, server: Running, files: Path, form: pb.ResultsFormat.ValueType
    ) -> None:
        whole, without_file = completed(server), completed(server)
        (files / f"{without_file}_results.json").unlink()
        refusal = refusal_of(lambda: results(server, without_file, form))
        assert (refusal.code, refusal.reason) == (Code.DATA_LOSS, Reason.RESULTS_UNREADABLE)
        assert "missing" in refusal.message
        results(server, whole, form)

    def test_a_completion_repeated_after_its_results_were_damaged_is_refused(
        self, server: Running, files: Path
    ) -> None:
        job_id = completed(server)
        (files / f"{job_id}_results.json").write_bytes(OTHER_DOCUMENT)
        assert refusal_of(lambda: complete(server, job_id)).reason == Reason.LEASE_LOST
        assert (files / f"{job_id}_results.json").read_bytes() == OTHER_DOCUMENT

    def test_a_folder_in_the_place_of_the_results_hurts_that_job_alone(self, server: Running, files: Path) -> None:
        whole, blocked = completed(server), completed(server)
        (files / f"{blocked}_results.json").unlink()
        (files / f"{blocked}_results.json").mkdir()
        refusal = refusal_of(lambda: results(server, blocked, pb.RESULTS_FORMAT_FRAMES))
        assert refusal.code is Code.INTERNAL
        assert refusal.message.startswith("internal error (reference ")
        results(server, whole, pb.RESULTS_FORMAT_FRAMES)


class TestVideos:
    def test_a_missing_video_is_reported_and_the_worker_can_fail_the_job(self, server: Running, files: Path) -> None:
        job_id = taken(server)
        (files / f"{job_id}.mp4").unlink()
        asking = pb.GetJobInputRequest(job_id=job_id, worker_id="w")
        refusal = refusal_of(lambda: server.workers.GetJobInput(asking))
        assert (refusal.code, refusal.reason) == (Code.DATA_LOSS, Reason.INPUT_UNREADABLE)
        server.workers.FailJob(pb.FailJobRequest(job_id=job_id, worker_id="w", error_message=refusal.message))
        assert status(server, job_id) == pb.JOB_STATUS_FAILED
        completed(server)

    def test_a_truncated_video_is_sent_as_far_as_it_goes(self, server: Running, files: Path) -> None:
        job_id = taken(server)
        (files / f"{job_id}.mp4").write_bytes(VIDEO[:50])
        chunk = server.workers.GetJobInput(pb.GetJobInputRequest(job_id=job_id, worker_id="w"))
        assert (chunk.data, chunk.size_bytes) == (VIDEO[:50], 50)

    def test_a_request_id_whose_stored_video_was_changed_is_not_answered_with_the_wrong_job(
        self, server: Running, files: Path
    ) -> None:
        job_id = submitted(server, request_id="r")
        (files / f"{job_id}.mp4").write_bytes(VIDEO[:-1] + b"x")
        assert refusal_of(lambda: submitted(server, request_id="r")).reason == Reason.REQUEST_ID_REUSED


class TestStartingOn:
    def test_rows_without_files_are_kept_and_their_jobs_say_what_is_missing(
        self, settings: ApiSettings, files: Path
    ) -> None:
        with running_server(settings) as server:
            done, whole, waiting = completed(server), completed(server), submitted(server)
        (files / f"{done}_results.json").unlink()
        (files / f"{waiting}.mp4").unlink()
        with running_server(settings) as server:
            assert refusal_of(lambda: results(server, done, FORMATS[0])).reason == Reason.RESULTS_UNREADABLE
            assert server.workers.Dequeue(pb.DequeueRequest(worker_id="w")).job_id == waiting
            asking = pb.GetJobInputRequest(job_id=waiting, worker_id="w")
            assert refusal_of(lambda: server.workers.GetJobInput(asking)).reason == Reason.INPUT_UNREADABLE
            assert len(results(server, whole, FORMATS[0]).results) == 1

    def test_files_without_a_row_are_deleted_and_files_of_others_are_kept(
        self, settings: ApiSettings, files: Path
    ) -> None:
        with running_server(settings) as server:
            kept = completed(server)
        deleted = [f"{UNKNOWN_JOB}.mp4", f"{UNKNOWN_JOB}_results.json", f".{UNKNOWN_JOB}.mp4.0.part"]
        foreign = ["notes.txt", f"{UNKNOWN_JOB}.mp4.bak", f"{UNKNOWN_JOB.upper()}x.mp4", ".hidden", "results.json"]
        for name in (*deleted, *foreign):
            (files / name).write_bytes(b"x")
        with running_server(settings) as server:
            assert {path.name for path in files.iterdir()} == {f"{kept}.mp4", f"{kept}_results.json", *foreign}
            assert len(results(server, kept, FORMATS[0]).results) == 1

    def test_without_any_file_the_server_starts_and_accepts_new_jobs(self, settings: ApiSettings, files: Path) -> None:
        with running_server(settings) as server:
            lost = completed(server)
        for path in files.iterdir():
            path.unlink()
        files.rmdir()
        with running_server(settings) as server:
            assert refusal_of(lambda: results(server, lost, FORMATS[0])).reason == Reason.RESULTS_UNREADABLE
            completed(server)

    def test_a_copy_of_a_stopped_servers_folder_is_the_whole_of_it(
        self, make_settings: Callable[..., ApiSettings], tmp_path: Path
    ) -> None:
        original = make_settings(database_url="")
        with running_server(original) as server:
            done, waiting = completed(server), submitted(server, OTHER_VIDEO, request_id="r")
        copy = shutil.copytree(original.data_dir, tmp_path / "copy")
        with running_server(original) as server:
            since = submitted(server)

        with running_server(make_settings(data_dir=copy, database_url="")) as server:
            assert {job.job_id for job in server.jobs.ListJobs(pb.ListJobsRequest()).jobs} == {done, waiting}
            assert results(server, done, FORMATS[1]).results_json == json.dumps(json.loads(DOCUMENT)["results"])
            assert submitted(server, OTHER_VIDEO, request_id="r") == waiting
            renewal = pb.RenewLeaseRequest(job_id=since, worker_id="w")
            assert refusal_of(lambda: server.workers.RenewLease(renewal)).reason == Reason.JOB_NOT_FOUND
            assert server.workers.Dequeue(pb.DequeueRequest(worker_id="w")).job_id == waiting
            chunk = server.workers.GetJobInput(pb.GetJobInputRequest(job_id=waiting, worker_id="w"))
            assert chunk.data == OTHER_VIDEO
