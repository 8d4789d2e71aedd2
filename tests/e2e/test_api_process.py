"""The API as a real process: its line, its exit codes, and what survives it."""

import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from sqlalchemy import URL

from job_api.command import main
from shared.contract.channel import CHANNEL_OPTIONS
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub, WorkerServiceStub
from shared.process.exit_codes import ExitCode
from tests.conftest import ROOT
from tests.support.samples import DOCUMENT, LONG_WAIT, VIDEO, submit_request
from tests.support.serving import KILLED, Served, serving, stored
from tests.support.waiting import eventually

pytestmark = pytest.mark.e2e

END_SECONDS = 40


class Process:
    """`python -m job_api` in a working folder of its own."""

    def __init__(self, folder: Path, *arguments: str, **variables: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("FOREGSYTE_")}
        path = os.pathsep.join([str(ROOT), inherited.pop("PYTHONPATH", "")])
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "job_api", *arguments],
            cwd=folder,
            env=inherited | {"PYTHONPATH": path, "COVERAGE_RCFILE": str(ROOT / "pyproject.toml")} | variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.line = ""

    def is_ready(self) -> "Process":
        """Wait for the line that says where it listens."""
        assert self.popen.stdout
        self.line = self.popen.stdout.readline()
        if not self.line:
            raise AssertionError(f"the server ended instead of listening: {self.ended()}")
        return self

    @property
    def address(self) -> str:
        match = re.search(r"listens on (\S+),", self.line)
        assert match, self.line
        return match[1]

    def ended(self) -> tuple[int, str, str]:
        """Wait for the end; return exit code, what was printed and what was logged."""
        printed, logged = self.popen.communicate(timeout=END_SECONDS)
        return self.popen.returncode, printed, logged

    def signalled(self, number: signal.Signals) -> tuple[int, str, str]:
        self.popen.send_signal(number)
        return self.ended()


Start = Callable[..., Process]
Refused = Callable[..., tuple[int, str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start processes; end those that are left."""
    with ExitStack() as stack:

        def started(*arguments: str, **variables: str) -> Process:
            flags = ("--address", "127.0.0.1:0", "--min-free-bytes", "0", *arguments)
            process = Process(tmp_path, *flags, **variables)
            stack.callback(process.popen.communicate)
            stack.callback(process.popen.kill)
            return process

        yield started


@pytest.fixture
def stubs() -> Iterator[Callable[[Process], tuple[JobServiceStub, WorkerServiceStub]]]:
    with ExitStack() as stack:

        def connect(process: Process) -> tuple[JobServiceStub, WorkerServiceStub]:
            channel = stack.enter_context(grpc.insecure_channel(process.address, options=CHANNEL_OPTIONS))
            return JobServiceStub(channel), WorkerServiceStub(channel)

        yield connect


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Refused:
    """Run a server that does not start, in this process; return its exit code and its message, no traceback."""
    for name in [name for name in os.environ if name.startswith("FOREGSYTE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        try:
            code = main(["--address", "127.0.0.1:0", "--min-free-bytes", "0", *arguments])
        except SystemExit as left:
            code = int(left.code or 0)
        printed, logged = capsys.readouterr()
        assert printed == ""
        assert "Traceback" not in logged
        return code, logged

    return run


def sleeps(status: Path, seen: list[str]) -> bool:
    """Whether a thread did not run between the last ten looks at it."""
    seen.append(next(line for line in status.read_text().splitlines() if line.startswith("voluntary_ctxt")))
    return len(seen) > 10 and len(set(seen[-10:])) == 1


class TestRunning:
    def test_one_line_says_where_it_listens_and_where_the_data_is(self, start: Start, tmp_path: Path) -> None:
        process = start().is_ready()
        assert re.fullmatch(
            rf"foregsyte-api listens on 127\.0\.0\.1:\d+, data in {re.escape(str(tmp_path / 'data'))}, "
            rf"database duckdb:///{re.escape(str(tmp_path / 'data' / 'foregsyte.duckdb'))}\n",
            process.line,
        )
        code, printed, _ = process.signalled(signal.SIGTERM)
        assert (code, printed) == (0, "")
        assert (tmp_path / "data" / "foregsyte.duckdb").exists()

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_a_signal_ends_it_well_also_while_workers_wait(self, start: Start, stubs: Any, number: Any) -> None:
        process = start().is_ready()
        jobs, workers = stubs(process)
        waiting = workers.Dequeue.future(pb.DequeueRequest(worker_id="w", wait=LONG_WAIT))
        jobs.ListPipelines(pb.ListPipelinesRequest())
        code, _, logged = process.signalled(number)
        assert code == ExitCode.OK
        assert "server stopping" in logged
        assert "Traceback" not in logged
        assert waiting.exception(20) or waiting.result().job_id == ""

    @pytest.mark.skipif(sys.platform != "linux", reason="names a thread as Linux does")
    def test_a_signal_that_another_thread_receives_ends_it_too(self, start: Start) -> None:
        """The kernel chooses the thread, and Python runs the handler in the main one, which must wake for it."""
        process = start().is_ready()
        pid = process.popen.pid
        eventually(partial(sleeps, Path(f"/proc/{pid}/task/{pid}/status"), []), "the main thread to wait")
        others = [int(task.name) for task in Path(f"/proc/{pid}/task").iterdir() if int(task.name) != pid]
        assert ctypes.CDLL(None).tgkill(pid, others[0], int(signal.SIGTERM)) == 0
        code, _, logged = process.ended()
        assert (code, "server stopping" in logged) == (ExitCode.OK, True)

    def test_the_log_can_be_json(self, start: Start) -> None:
        import json

        process = start(FOREGSYTE_LOG_FORMAT="json", FOREGSYTE_LEASE_SECOND="3").is_ready()
        _, _, logged = process.signalled(signal.SIGTERM)
        events = [json.loads(line) for line in logged.splitlines()]
        assert [event["action"] for event in events] == ["variable is no setting", "jobs recovered", "server stopping"]
        assert (events[0]["variable"], events[0]["nearest"]) == ("FOREGSYTE_LEASE_SECOND", "FOREGSYTE_LEASE_SECONDS")

    def test_help_is_shown(self, start: Start) -> None:
        code, printed, _ = start("--help").ended()
        assert code == 0
        assert "--lease-seconds" in printed


class TestRefusing:
    def test_wrong_settings_are_all_named(self, start: Start, tmp_path: Path) -> None:
        (tmp_path / "foregsyte.toml").write_text("[api]\nmax_uploads = 0\nunknown_setting = 1\n")
        code, printed, message = start("--lease-seconds", "-1", FOREGSYTE_LOG_LEVEL="LOUD").ended()
        assert (code, printed, "Traceback" in message) == (ExitCode.USAGE, "", False)
        for name in ("lease-seconds", "log-level"):
            assert f"--{name} / FOREGSYTE_{name.upper().replace('-', '_')}" in message
        for key in ("max_uploads", "unknown_setting"):
            assert f"foregsyte.toml [api] {key}: " in message
        assert not (tmp_path / "data").exists()

    def test_an_unknown_flag_is_a_wrong_setting(self, refused: Refused) -> None:
        code, message = refused("--port", "1")
        assert (code, "--port" in message) == (ExitCode.USAGE, True)

    @pytest.mark.parametrize("url", ["nonsense", "postgres://host/jobs"])
    def test_a_database_url_that_is_none_is_a_wrong_setting(
        self, refused: Refused, monkeypatch: pytest.MonkeyPatch, url: str
    ) -> None:
        monkeypatch.setenv("FOREGSYTE_DATABASE_URL", url)
        code, message = refused()
        assert (code, "FOREGSYTE_DATABASE_URL" in message) == (ExitCode.USAGE, True)

    def test_a_database_that_another_server_has_is_named(self, start: Start, stubs: Any, refused: Refused) -> None:
        first = start().is_ready()
        code, message = refused("--data-dir", "other", "--database-url", "duckdb:///data/foregsyte.duckdb")
        assert code == ExitCode.DATABASE
        assert "data/foregsyte.duckdb" in message
        assert f"PID {first.popen.pid}" in message
        stubs(first)[0].SubmitJob(submit_request())
        assert first.signalled(signal.SIGTERM)[0] == ExitCode.OK

    def test_a_damaged_database_is_named_and_left_as_it_is(self, refused: Refused, tmp_path: Path) -> None:
        (tmp_path / "data").mkdir()
        file = tmp_path / "data" / "foregsyte.duckdb"
        file.write_bytes(b"no database" * 1000)
        code, message = refused()
        assert (code, "data/foregsyte.duckdb" in message) == (ExitCode.DATABASE, True)
        assert file.read_bytes() == b"no database" * 1000

    def test_a_busy_port_is_named(self, refused: Refused) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            code, message = refused("--address", address)
        assert (code, address in message) == (ExitCode.ADDRESS, True)

    @pytest.mark.parametrize("first", ["group-writer", "rpc", "disk-watch"])
    def test_threads_that_cannot_be_started_are_named_with_what_to_change(
        self, refused: Refused, monkeypatch: pytest.MonkeyPatch, first: str
    ) -> None:
        start = threading.Thread.start

        def start_until(thread: threading.Thread) -> None:
            if thread.name.startswith(first):
                raise RuntimeError("can't start new thread")  # as Python does at the system's limit
            start(thread)

        monkeypatch.setattr(threading.Thread, "start", start_until)
        code, message = refused()
        assert code == ExitCode.FAILURE
        assert "threads cannot all be started: raise the limit" in message


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def kill(server: Served) -> None:
    server.process.send(signal.SIGKILL)
    assert server.process.exit_code() == KILLED


class TestSurviving:
    def test_every_job_whose_id_was_answered_survives_a_kill(self, data: Path) -> None:
        with serving(data) as server:
            ids = [server.jobs.SubmitJob(submit_request(VIDEO + bytes([number]))).job_id for number in range(20)]
            kill(server)

        with serving(data) as server:
            for job_id in ids:
                assert server.status(job_id).status == pb.JOB_STATUS_PENDING
            for number, job_id in enumerate(ids):
                worker_id = f"w{number}"
                assert server.workers.Dequeue(pb.DequeueRequest(worker_id=worker_id)).job_id == job_id
                assert server.video(job_id, worker_id) == VIDEO + bytes([number])

    def test_a_kill_in_the_middle_of_submits_loses_no_answered_job_and_leaves_no_unknown_file(self, data: Path) -> None:
        with serving(data) as server:
            calls = [server.jobs.SubmitJob.future(submit_request(VIDEO + bytes(100_000))) for _ in range(200)]
            # Some are refused, for they are too many at a time.
            eventually(lambda: sum(call.done() and not call.exception() for call in calls) > 5, "some to be accepted")
            kill(server)
            answered = {call.result().job_id for call in calls if not call.exception(30)}
        assert answered

        with serving(data) as server:
            listed = server.listed()
        assert answered <= set(listed)
        assert {job.status for job in listed.values()} == {pb.JOB_STATUS_PENDING}
        assert set(stored(data)) == {f"{job_id}.mp4" for job_id in listed}

    def test_finished_and_running_jobs_survive_a_kill_and_the_worker_goes_on(self, data: Path) -> None:
        with serving(data) as server:
            done, broken, held = (server.jobs.SubmitJob(submit_request()).job_id for _ in range(3))
            for job_id in (done, broken, held):
                assert server.workers.Dequeue(pb.DequeueRequest(worker_id=f"of {job_id}")).job_id == job_id
            results = pb.CompleteJobRequest(job_id=done, worker_id=f"of {done}", results_json=DOCUMENT)
            server.workers.CompleteJob(results)
            failure = pb.FailJobRequest(job_id=broken, worker_id=f"of {broken}", error_message="why")
            server.workers.FailJob(failure)
            kill(server)

        with serving(data) as server:
            states = [server.status(job_id) for job_id in (done, broken, held)]
            assert [state.status for state in states] == [
                pb.JOB_STATUS_COMPLETED,
                pb.JOB_STATUS_FAILED,
                pb.JOB_STATUS_RUNNING,
            ]
            assert states[1].error_message == "why"
            assert len(server.jobs.GetJobResults(pb.GetJobResultsRequest(job_id=done)).results) == 1
            server.workers.CompleteJob(results)
            server.workers.RenewLease(pb.RenewLeaseRequest(job_id=held, worker_id=f"of {held}"))
            server.workers.CompleteJob(
                pb.CompleteJobRequest(job_id=held, worker_id=f"of {held}", results_json=DOCUMENT)
            )
            assert server.status(held).status == pb.JOB_STATUS_COMPLETED


@pytest.mark.corpus
def test_all_that_a_server_keeps_lies_in_its_folder_whatever_its_name(start: Start, stubs: Any, tmp_path: Path) -> None:
    folder = tmp_path / "50%20 off #1;ü ñ%(x)s" / "日本 %s"
    server = start("--data-dir", str(folder)).is_ready()
    clients, workers = stubs(server)
    job_id = clients.SubmitJob(submit_request()).job_id
    workers.Dequeue(pb.DequeueRequest(worker_id="w", wait=LONG_WAIT))
    workers.CompleteJob(pb.CompleteJobRequest(job_id=job_id, worker_id="w", results_json=DOCUMENT))
    kept = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    names = {f"video_jobs/{job_id}.mp4", f"video_jobs/{job_id}_results.json", "foregsyte.lock", "foregsyte.database"}
    names |= {"foregsyte.duckdb", "foregsyte.duckdb.wal"}
    assert kept == {str(folder.relative_to(tmp_path) / name) for name in names}
    assert server.signalled(signal.SIGTERM)[0] == ExitCode.OK
    url = str(URL.create("duckdb", database=str(folder / "foregsyte.duckdb")))
    by_hand = subprocess.run(
        [sys.executable, "-m", "alembic", "current"],
        cwd=ROOT,
        env=os.environ | {"FOREGSYTE_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "(head)" in by_hand.stdout
    stubs(again := start("--data-dir", str(folder)).is_ready())[0].GetJobStatus(pb.GetJobStatusRequest(job_id=job_id))
    assert again.signalled(signal.SIGTERM)[0] == ExitCode.OK
