"""The API as a process on a system that is half broken: it says so, and goes on or ends in time."""

import errno
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from job_api.storage.keys import JOBS_FOLDER
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2_grpc
from shared.contract.reasons import Reason
from shared.process.exit_codes import ExitCode
from tests.support.errors import refusal_of
from tests.support.faults import NEVER_RETURNS, Faults, faults
from tests.support.processes import ready, started
from tests.support.samples import LONG_WAIT, UNKNOWN_JOB, VIDEO, submit_request
from tests.support.serving import Served, serving, stored
from tests.support.waiting import eventually, in_thread, opened_at_the_end

__all__ = ["faults"]  # a fixture

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

END_SECONDS = 5.0
"""In which a server whose disk has failed must end."""
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def submit(server: Served, video: bytes = VIDEO) -> str:
    return server.jobs.SubmitJob(submit_request(video), timeout=20).job_id


def health(server: Served) -> int:
    """Return what a health check reports; NOT_SERVING where nobody answers."""
    with grpc.insecure_channel(server.address) as channel:
        try:
            return health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=5).status
        except grpc.RpcError:
            return NOT_SERVING


def must_be_refused(call: Callable[[], object], reason: Reason) -> None:
    refusal = refusal_of(call)
    assert refusal.reason == reason, refusal
    assert "RetryInfo" in refusal.details


def must_end_in_time(server: Served, began_at: float) -> None:
    """Wait for the end of a server whose disk has failed; health may never say again that it serves."""
    seen = set()
    while server.process.popen.poll() is None:
        seen.add(health(server))
        assert time.monotonic() - began_at < END_SECONDS
    assert server.process.exit_code() == ExitCode.DISK_FAILED, server.process.text
    assert seen <= {NOT_SERVING}


def must_notice(server: Served, lose_folder: Callable[[], object]) -> None:
    """Take a folder away from a server: it refuses uploads, says by health that it does not serve, and ends."""
    began_at = time.monotonic()
    lose_folder()
    with pytest.raises(grpc.RpcError) as raised:
        submit(server)
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
    eventually(lambda: health(server) == NOT_SERVING, "health to say so")
    must_end_in_time(server, began_at)


@pytest.mark.corpus
class TestWithoutThreads:
    def test_calls_are_answered_and_a_stop_ends_the_server(self, faults: Faults, tmp_path: Path) -> None:
        with serving(tmp_path / "data") as server:
            faults.begin("pthread_create", errno.EAGAIN)
            waiting = [
                server.workers.Dequeue.future(pb.DequeueRequest(worker_id=f"w{number}", wait=LONG_WAIT))
                for number in range(100)
            ]
            jobs = {submit(server) for _ in range(20)}
            eventually(lambda: sum(call.done() for call in waiting) >= 20, "20 workers to be given a job")
            assert set(server.listed()) == jobs
            server.process.send(signal.SIGTERM)
            assert server.process.exit_code(15) == ExitCode.OK


class DeafServer(jobs_pb2_grpc.WorkerServiceServicer):
    """Gives out a job and answers nothing about it."""

    def __init__(self, answers: Event) -> None:
        self._answers = answers

    def ListOfferedPipelines(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.ListOfferedPipelinesResponse(pipeline_ids=["ocr"])

    def Dequeue(self, request: Any, context: Any) -> Any:  # noqa: N802
        return pb.DequeueResponse(job_id=UNKNOWN_JOB)

    def RenewLease(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._answers.wait()

    def GetJobInput(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._answers.wait()

    def ReleaseJob(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._answers.wait()


@pytest.mark.corpus
class TestStops:
    def test_a_server_whose_disk_does_not_answer_ends_in_time(self, faults: Faults, tmp_path: Path) -> None:
        with serving(tmp_path / "data", "--shutdown-seconds", "0.5") as server:
            submit(server)
            faults.begin("sync", NEVER_RETURNS, ".wal")
            call = server.jobs.SubmitJob.future(submit_request())
            eventually(lambda: len(stored(tmp_path / "data")) == 2, "the video to be stored")
            server.process.send(signal.SIGTERM)
            assert server.process.exit_code(20) == ExitCode.OK
            assert "the stop took too long" in server.process.text
            assert call.exception(20)

    def test_a_worker_whose_server_does_not_answer_ends_in_time(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(8) as pool, opened_at_the_end(Event()) as answers:
            deaf = grpc.server(pool)
            jobs_pb2_grpc.add_WorkerServiceServicer_to_server(DeafServer(answers), deaf)
            address = f"127.0.0.1:{deaf.add_insecure_port('127.0.0.1:0')}"
            deaf.start()
            flags = ("--address", address, "--pipelines", "ocr", "--drain-seconds", "0.5")
            with ready(tmp_path / "log", "(job dequeued)", "benchmarks.cheap_worker", *flags) as worker:
                worker.send(signal.SIGTERM)
                assert worker.exit_code(45) == ExitCode.OK
                assert "started too early" not in worker.text
            deaf.stop(None)


class TestTheDatabase:
    @pytest.mark.corpus
    def test_a_sync_that_fails_ends_the_server_and_the_next_has_all_that_was_answered(
        self, faults: Faults, tmp_path: Path
    ) -> None:
        with serving(tmp_path / "data") as server:
            accepted = {submit(server) for _ in range(5)}
            faults.begin("sync", errno.EIO, ".wal")
            began_at = time.monotonic()
            must_be_refused(lambda: submit(server), Reason.STORAGE_UNAVAILABLE)
            must_end_in_time(server, began_at)
        faults.end("sync")
        with serving(tmp_path / "data") as server:
            assert set(server.listed()) == accepted
            assert set(stored(tmp_path / "data")) == {f"{job_id}.mp4" for job_id in accepted}

    @pytest.mark.corpus
    def test_while_no_row_can_be_written_health_says_so(self, faults: Faults, tmp_path: Path) -> None:
        with serving(tmp_path / "data") as server:
            accepted = {submit(server)}
            faults.begin("write", errno.EIO, ".wal")
            must_be_refused(lambda: submit(server), Reason.STORAGE_UNAVAILABLE)
            eventually(lambda: health(server) == NOT_SERVING, "health to say so")
            assert set(server.listed()) == accepted
            faults.end("write")
            eventually(lambda: health(server) == SERVING, "health to say that it serves")
            accepted.add(submit(server))
        with serving(tmp_path / "data") as server:
            assert set(server.listed()) == accepted


class TestTheFolder:
    def test_a_server_whose_folder_is_deleted_says_so_and_ends(self, tmp_path: Path) -> None:
        with serving(tmp_path / "data") as server:
            submit(server)
            must_notice(server, lambda: shutil.rmtree(tmp_path / "data"))
            assert "the data folder was deleted" in server.process.text

    @pytest.mark.corpus
    def test_a_server_whose_videos_are_moved_away_says_so_and_ends_and_the_next_starts_once_they_are_back(
        self, tmp_path: Path
    ) -> None:
        data, videos, moved = tmp_path / "data", tmp_path / "data" / JOBS_FOLDER, tmp_path / "moved"
        with serving(data) as server:
            accepted = submit(server)
            must_notice(server, lambda: videos.rename(moved))
            assert "the folder video_jobs in the data folder was deleted or replaced" in server.process.text
        with started(tmp_path / "log", "job_api", "--address", "127.0.0.1:0", "--data-dir", str(data)) as process:
            assert process.exit_code() == ExitCode.STORAGE
            assert "is its disk mounted?" in process.text
        moved.rename(videos)
        with serving(data) as server:
            assert server.status(accepted).status == pb.JOB_STATUS_PENDING

    def test_a_link_to_the_folder_that_is_pointed_elsewhere_leads_the_server_nowhere(self, tmp_path: Path) -> None:
        link, first, second = tmp_path / "link", tmp_path / "first", tmp_path / "second"
        first.mkdir()
        second.mkdir()
        link.symlink_to(first)
        with serving(link) as server:
            submit(server)
            link.unlink()
            link.symlink_to(second)
            submit(server)
            assert len(stored(first)) == 2
            assert health(server) == SERVING
        assert list(second.iterdir()) == []

    def test_a_server_whose_databases_log_is_deleted_says_so_and_ends_and_the_next_has_all_jobs(
        self, tmp_path: Path
    ) -> None:
        with serving(tmp_path / "data") as server:
            accepted = submit(server)
            began_at = time.monotonic()
            (tmp_path / "data" / "foregsyte.duckdb.wal").unlink()
            eventually(lambda: health(server) == NOT_SERVING, "health to say so")
            must_end_in_time(server, began_at)
            assert "the log of the database was deleted" in server.process.text
        with serving(tmp_path / "data") as server:
            assert set(server.listed()) == {accepted}

    @pytest.mark.corpus
    def test_a_folder_that_is_read_only_for_a_while_is_said_to_be_that(self, faults: Faults, tmp_path: Path) -> None:
        data = tmp_path / "data"
        with serving(data) as server:
            accepted = submit(server)
            faults.begin("access", errno.EROFS, "data")
            faults.begin("open", errno.EROFS, ".part")
            eventually(lambda: health(server) == NOT_SERVING, "health to say so")
            must_be_refused(lambda: submit(server), Reason.STORAGE_UNAVAILABLE)
            assert server.status(accepted).status == pb.JOB_STATUS_PENDING
            faults.end("access")
            faults.end("open")
            eventually(lambda: health(server) == SERVING, "health to say that it serves")
            submit(server)

    @pytest.mark.corpus
    @pytest.mark.parametrize("file", ["foregsyte.lock", ".duckdb"])
    def test_a_read_only_folder_is_named_at_the_start(self, faults: Faults, tmp_path: Path, file: str) -> None:
        faults.begin("open", errno.EROFS, file)
        with started(tmp_path / "log", "job_api", "--address", "127.0.0.1:0") as process:
            assert process.exit_code() in {ExitCode.STORAGE, ExitCode.DATABASE}
            assert "Read-only file system" in process.text
            assert "backup" not in process.text


class TestLimits:
    @pytest.mark.corpus
    @pytest.mark.parametrize("file", [".part", ".wal"])
    def test_a_quota_that_is_used_up_is_a_full_disk(self, faults: Faults, tmp_path: Path, file: str) -> None:
        with serving(tmp_path / "data") as server:
            accepted = {submit(server)}
            faults.begin("write", errno.EDQUOT, file)
            must_be_refused(lambda: submit(server), Reason.DISK_LOW)
            assert set(server.listed()) == accepted
            faults.end("write")
            accepted.add(submit(server))
            assert set(server.listed()) == accepted

    @pytest.mark.skipif(sys.platform != "linux", reason="optional: sets the limits of another process")
    def test_too_many_open_files_are_said_to_be_that(self, tmp_path: Path) -> None:
        with serving(tmp_path / "data") as server:
            accepted = {submit(server)}
            pid = server.process.popen.pid
            limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            lowest_free = len(list(Path(f"/proc/{pid}/fd").iterdir()))
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (lowest_free, limits[1]))
            must_be_refused(lambda: submit(server), Reason.OVERLOADED)
            assert set(server.listed()) == accepted
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
            accepted.add(submit(server))
            assert set(server.listed()) == accepted


class TestTwoServers:
    def test_a_second_one_on_the_folder_is_refused_whatever_its_database_is(self, tmp_path: Path) -> None:
        data = tmp_path / "data"
        with serving(data, "--shutdown-seconds", "0.1") as server:
            accepted = submit(server)
            other = ("--data-dir", str(data), "--database-url", f"duckdb:///{tmp_path / 'other.duckdb'}")
            with started(tmp_path / "log", "job_api", "--address", "127.0.0.1:0", *other) as second:
                assert second.exit_code() == ExitCode.TRY_LATER
                assert f"{data} is held by another server (PID {server.process.popen.pid})" in second.text
            assert set(stored(data)) == {f"{accepted}.mp4"}

    def test_one_that_is_started_while_another_stops_waits_for_its_end(self, tmp_path: Path) -> None:
        data = tmp_path / "data"
        with serving(data) as server:
            accepted = submit(server)
            begun = in_thread(lambda: _listed_by_the_next(data))
            logs = tmp_path / "logs"
            eventually(lambda: "waiting for its end" in "".join(log.read_text() for log in logs.iterdir()), "the wait")
            server.process.send(signal.SIGTERM)
            assert begun.result(60) == {accepted}


def _listed_by_the_next(data: Path) -> set[str]:
    with serving(data) as server:
        return set(server.listed())
