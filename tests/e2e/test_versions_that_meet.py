"""The server, the worker and the data folder of the last version without results in chunks, with those of today."""

import io
import signal
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from benchmarks.chaos_clients import ExpectedOutcome, expected_outcomes
from benchmarks.cheap_pipelines import PIPELINE, build_cheap_runner
from benchmarks.growth import make_video
from job_client import JobClient, JobStatus
from job_worker.runtime.results_sender import INLINE_BYTES
from job_worker.settings import WorkerSettings
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from tests.conftest import ROOT, TINY_MP4
from tests.support.processes import ready
from tests.support.samples import DOCUMENT, VIDEO, submit_request
from tests.support.serving import KILLED, Served, serving, stored

pytestmark = [pytest.mark.e2e, pytest.mark.worker, pytest.mark.corpus, pytest.mark.timeout(300)]

EARLIER = "5f31bc1636bc1b51c1b58840d6e8603c4051a924"
"""The last commit before PutJobResults."""
NEEDED = ("job_api", "job_worker", "job_client", "shared", "migrations", "alembic.ini", "benchmarks", "tests")
JOB_SECONDS = 100.0
LONG_FRAMES = 2_000
"""So many that their results are sent in chunks where the server takes them."""


@pytest.fixture(scope="module")
def code_of(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What has a process run each version's code; skips the tests, by name, where the earlier one is absent."""
    archived = subprocess.run(["git", "archive", EARLIER, *NEEDED], cwd=ROOT, capture_output=True, check=False)
    if archived.returncode:
        pytest.skip(f"optional: the commit {EARLIER[:7]} of the project's history is absent")
    tree = tmp_path_factory.mktemp("earlier")
    with tarfile.open(fileobj=io.BytesIO(archived.stdout)) as archive:
        archive.extractall(tree, filter="data")
    return {"earlier": {"PYTHONPATH": str(tree)}, "today": {}}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> list[ExpectedOutcome]:
    """How the jobs of a short video, a long one and one without frames end."""
    folder = tmp_path_factory.mktemp("videos")
    make_video(folder / "long.mp4", LONG_FRAMES)
    (folder / "empty.mp4").write_bytes(VIDEO)
    with closing(build_cheap_runner(WorkerSettings.of(pipelines=PIPELINE, log_level="ERROR"))) as runner:
        found = list(expected_outcomes(runner, PIPELINE, [TINY_MP4, folder / "long.mp4", folder / "empty.mp4"]))
    assert [outcome.status for outcome in found] == [JobStatus.completed, JobStatus.completed, JobStatus.failed]
    assert len(found[1].outcome) > INLINE_BYTES
    return found


@contextmanager
def working(folder: Path, address: str, code: dict[str, str]) -> Iterator[None]:
    flags = ("--address", address, "--pipelines", PIPELINE, "--work-dir", ".")
    with ready(folder / "worker.log", r"takes jobs from", "benchmarks.cheap_worker", *flags, variables=code):
        yield


def submit_all(client: JobClient, expected: list[ExpectedOutcome]) -> dict[str, ExpectedOutcome]:
    return {client.submit(outcome.video, PIPELINE, outcome.name).job_id: outcome for outcome in expected}


def must_end_as_expected(client: JobClient, jobs: dict[str, ExpectedOutcome], data: Path) -> None:
    for job_id, outcome in jobs.items():
        job = client.job(job_id).wait(JOB_SECONDS)
        assert job.status is outcome.status, job
        if job.status is JobStatus.failed:
            assert job.error_message == outcome.outcome.decode()
        else:
            assert stored(data)[f"{job_id}_results.json"].read_bytes() == outcome.outcome
            assert len(client.job(job_id).results()) == outcome.outcome.count(b'"frame_index"')


@pytest.mark.parametrize(
    ("server_of", "worker_of"), [("today", "earlier"), ("earlier", "today")], ids=lambda version: version
)
def test_a_worker_does_the_jobs_of_the_other_versions_server(
    code_of: dict[str, dict[str, str]], expected: list[ExpectedOutcome], tmp_path: Path, server_of: str, worker_of: str
) -> None:
    data = tmp_path / "data"
    with (
        serving(data, "--lease-seconds", "3", variables=code_of[server_of]) as server,
        working(tmp_path, server.address, code_of[worker_of]),
        JobClient(server.address) as client,
    ):
        must_end_as_expected(client, submit_all(client, expected), data)


def take(server: Served, worker_id: str) -> str:
    job_id = server.workers.Dequeue(pb.DequeueRequest(worker_id=worker_id)).job_id
    server.workers.RenewLease(pb.RenewLeaseRequest(job_id=job_id, worker_id=worker_id))
    return job_id


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=lambda end: end.name)
def test_a_server_goes_on_with_the_data_folder_of_an_earlier_one(
    code_of: dict[str, dict[str, str]], expected: list[ExpectedOutcome], tmp_path: Path, end: signal.Signals
) -> None:
    data = tmp_path / "data"
    with ExitStack() as stack:
        server = stack.enter_context(serving(data, variables=code_of["earlier"]))
        with JobClient(server.address) as client, working(tmp_path, server.address, code_of["earlier"]):
            ended = submit_all(client, expected)
            must_end_as_expected(client, ended, data)
        running = server.jobs.SubmitJob(submit_request()).job_id
        assert take(server, "holder") == running
        pending = server.jobs.SubmitJob(submit_request(expected[0].video)).job_id
        server.process.send(end)
        assert server.process.exit_code() == (KILLED if end is signal.SIGKILL else 0)
    with serving(data) as server, JobClient(server.address) as client:
        must_end_as_expected(client, ended, data)
        assert submit_all(client, expected).keys() == ended.keys()
        assert {job_id: job.status for job_id, job in server.listed().items() if job_id not in ended} == {
            running: pb.JOB_STATUS_RUNNING,
            pending: pb.JOB_STATUS_PENDING,
        }
        server.workers.CompleteJob(pb.CompleteJobRequest(job_id=running, worker_id="holder", results_json=DOCUMENT))
        with working(tmp_path, server.address, code_of["today"]):
            must_end_as_expected(client, {pending: expected[0]}, data)
        assert server.status(running).status == pb.JOB_STATUS_COMPLETED
        videos = {f"{job_id}.mp4" for job_id in (*ended, running, pending)}
        assert {name for name in stored(data) if name.endswith(".mp4")} == videos
