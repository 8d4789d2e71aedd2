"""The API process killed between any two steps of a job's life, and what the next start finds."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from shutil import copytree
from uuid import uuid4

import grpc
import pytest

from job_api.bootstrap import STAGING_FOLDER
from job_api.settings import ApiSettings
from job_api.storage.keys import JOBS_FOLDER
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.reasons import Reason
from shared.process.exit_codes import ExitCode
from tests.support.errors import refusal_of
from tests.support.failpoint_server import FILE_DELETED, STUCK
from tests.support.processes import started
from tests.support.running import running_server
from tests.support.samples import DOCUMENT, LONG_WAIT, OTHER_DOCUMENT, VIDEO, submit_request
from tests.support.serving import FEW_THREADS, KILLED, Served, serving, stored
from tests.support.waiting import eventually, in_thread

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

WORKER = "w1"
NEW_VIDEO = VIDEO + bytes(200_000)
"""Longer than any buffer: its first half is on disk before the second is written."""
LARGE_DOCUMENT = json.dumps({"results": [{"frame_index": 0, "result": {"text": "x" * 200_000}}]}).encode()
serving = partial(serving, variables=FEW_THREADS)
LEASE = ("--lease-seconds", "1")


@dataclass
class Known:
    """What the clients and workers know of the jobs on a data folder: whatever was answered."""

    data: Path
    videos: dict[str, bytes] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)

    def must_hold(self, server: Served) -> None:
        """Every acknowledged job is there, as it was; no file is without a row, no row without its files."""
        listed = server.listed()
        assert {job_id: listed[job_id].status for job_id in self.statuses} == self.statuses
        wanted = {f"{job_id}.mp4" for job_id in listed}
        wanted |= {f"{job_id}_results.json" for job_id in listed if listed[job_id].status == pb.JOB_STATUS_COMPLETED}
        files = stored(self.data)
        assert wanted <= set(files)
        assert {name[:36] for name in files} <= set(listed)
        for job_id, video in self.videos.items():
            assert files[f"{job_id}.mp4"].read_bytes() == video


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Known:
    """A data folder on which a server has run: one job of each state."""
    data = tmp_path_factory.mktemp("left") / "data"
    known = Known(data)
    with running_server(ApiSettings.of(address="127.0.0.1:0", data_dir=data, min_free_bytes=0)) as server:
        ids = [server.jobs.SubmitJob(submit_request(VIDEO + bytes([number]))).job_id for number in range(3)]
        done, broken, _ = ids
        for job_id in (done, broken):
            assert server.workers.Dequeue(pb.DequeueRequest(worker_id=job_id)).job_id == job_id
        server.workers.CompleteJob(pb.CompleteJobRequest(job_id=done, worker_id=done, results_json=DOCUMENT))
        server.workers.FailJob(pb.FailJobRequest(job_id=broken, worker_id=broken, error_message="why"))
    known.videos = {job_id: VIDEO + bytes([number]) for number, job_id in enumerate(ids)}
    states = (pb.JOB_STATUS_COMPLETED, pb.JOB_STATUS_FAILED, pb.JOB_STATUS_PENDING)
    known.statuses = dict(zip(ids, states, strict=True))
    return known


@pytest.fixture
def known(left: Known, tmp_path: Path) -> Known:
    """The same for one test alone."""
    return Known(copytree(left.data, tmp_path / "data"), dict(left.videos), dict(left.statuses))


@contextmanager
def failing_at(failpoint: str, known: Known) -> Iterator[Served]:
    """Serve until the failpoint is reached, which the block must do; nothing was damaged up to there."""
    with serving(known.data, *LEASE, module=("tests.support.failpoint_server", failpoint)) as server:
        known.must_hold(server)
        yield server
        assert server.process.exit_code() == KILLED


def was_answered(call: Callable[[], object]) -> bool:
    try:
        call()
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNAVAILABLE:
            return False
        raise
    return True


def must_have_no_temporary_file(known: Known) -> None:
    assert not [name for name in stored(known.data) if name.startswith(".")]
    assert not any((known.data / STAGING_FOLDER).iterdir())


def finish_all(server: Served, known: Known) -> None:
    """A worker takes every job that is left, reads its whole video and ends it."""
    while True:
        job_id = server.workers.Dequeue(pb.DequeueRequest(worker_id="last")).job_id
        if not job_id:
            break
        assert server.video(job_id, "last") == known.videos[job_id]
        server.workers.CompleteJob(pb.CompleteJobRequest(job_id=job_id, worker_id="last", results_json=DOCUMENT))
    assert {job.status for job in server.listed().values()} <= {pb.JOB_STATUS_COMPLETED, pb.JOB_STATUS_FAILED}


def test_a_stop_does_not_wait_for_a_call_that_hangs(known: Known) -> None:
    module = ("tests.support.failpoint_server", STUCK + "video written")
    with serving(known.data, *LEASE, "--shutdown-seconds", "0.5", module=module) as server:
        submitting = in_thread(lambda: server.jobs.SubmitJob(submit_request(NEW_VIDEO)))
        eventually(lambda: [name for name in stored(known.data) if name.startswith(".")], "the stuck write")
        server.process.send(signal.SIGTERM)
        assert server.process.exit_code(20) == ExitCode.OK
        with pytest.raises(grpc.RpcError):
            submitting.result(20)
    with serving(known.data) as server:
        must_have_no_temporary_file(known)
        known.must_hold(server)


@dataclass
class SubmitStep:
    """A step of a submit.

    Attributes:
        failpoint: Its name.
        answered: Whether the client has the job's id.
        accepted: Whether the job is there after the next start.
        left: Sizes of the temporary and the whole files that the kill left of the video.
    """

    failpoint: str
    answered: bool
    accepted: bool
    left: tuple[list[int], list[int]]


SIZE = len(NEW_VIDEO)
SUBMIT_STEPS = [
    SubmitStep("video half written", answered=False, accepted=False, left=([SIZE // 2], [])),
    SubmitStep("video written", answered=False, accepted=False, left=([SIZE], [])),
    SubmitStep("video renamed", answered=False, accepted=False, left=([], [SIZE])),
    SubmitStep("row inserted", answered=False, accepted=True, left=([], [SIZE])),
    SubmitStep("job enqueued", answered=False, accepted=True, left=([], [SIZE])),
    SubmitStep("SubmitJob answered", answered=True, accepted=True, left=([], [SIZE])),
]


@pytest.mark.parametrize("step", SUBMIT_STEPS, ids=lambda step: step.failpoint)
def test_a_submit_that_is_killed_leaves_a_whole_job_or_nothing_and_can_be_repeated(
    step: SubmitStep, known: Known
) -> None:
    request = submit_request(NEW_VIDEO, request_id=f"request {uuid4()}")
    before = set(stored(known.data))
    with failing_at(step.failpoint, known) as server:
        assert was_answered(lambda: server.jobs.SubmitJob(request)) == step.answered

    left = {name: path.stat().st_size for name, path in stored(known.data).items() if name not in before}
    temporary = [size for name, size in left.items() if name.startswith(".")]
    assert (temporary, [size for name, size in left.items() if not name.startswith(".")]) == step.left

    with serving(known.data, *LEASE) as server:
        must_have_no_temporary_file(known)
        known.must_hold(server)
        new = set(server.listed()) - set(known.statuses)
        assert len(new) == step.accepted
        job_id = server.jobs.SubmitJob(request).job_id
        assert server.jobs.SubmitJob(request).job_id == job_id
        assert set(server.listed()) - set(known.statuses) == {job_id} >= new
        known.videos[job_id], known.statuses[job_id] = NEW_VIDEO, pb.JOB_STATUS_PENDING
        known.must_hold(server)
        finish_all(server, known)


COMPLETION_STEPS = {
    "results staged": (False, pb.JOB_STATUS_RUNNING),
    "results renamed": (False, pb.JOB_STATUS_RUNNING),
    "row completed": (False, pb.JOB_STATUS_COMPLETED),
    "CompleteJob answered": (True, pb.JOB_STATUS_COMPLETED),
}


@pytest.mark.parametrize("failpoint", COMPLETION_STEPS)
def test_a_completion_that_is_killed_can_be_repeated_by_its_worker_only(failpoint: str, known: Known) -> None:
    answered, status = COMPLETION_STEPS[failpoint]
    with failing_at(failpoint, known) as server:
        job_id = server.workers.Dequeue(pb.DequeueRequest(worker_id=WORKER)).job_id
        completion = pb.CompleteJobRequest(job_id=job_id, worker_id=WORKER, results_json=LARGE_DOCUMENT)
        assert was_answered(lambda: server.workers.CompleteJob(completion)) == answered
    known.statuses[job_id] = status
    assert any((known.data / STAGING_FOLDER).iterdir()) == (failpoint == "results staged")

    with serving(known.data) as server:
        must_have_no_temporary_file(known)
        known.must_hold(server)
        server.workers.CompleteJob(completion)
        server.workers.CompleteJob(completion)
        other = pb.CompleteJobRequest(job_id=job_id, worker_id="w2", results_json=OTHER_DOCUMENT)
        assert refusal_of(lambda: server.workers.CompleteJob(other)).reason == Reason.LEASE_LOST
        known.statuses[job_id] = pb.JOB_STATUS_COMPLETED
        known.must_hold(server)
        [frame] = server.jobs.GetJobResults(pb.GetJobResultsRequest(job_id=job_id)).results
        assert frame.result["text"] == "x" * 200_000


@pytest.mark.parametrize("failpoint", ["row running", "Dequeue answered"])
def test_a_job_whose_dequeue_is_killed_belongs_to_the_worker_that_got_the_answer_or_else_to_the_next(
    failpoint: str, known: Known
) -> None:
    [waiting] = [job_id for job_id, status in known.statuses.items() if status == pb.JOB_STATUS_PENDING]
    with failing_at(failpoint, known) as server:
        has_answer = was_answered(lambda: server.workers.Dequeue(pb.DequeueRequest(worker_id=WORKER)))
        assert has_answer == (failpoint == "Dequeue answered")
    known.statuses[waiting] = pb.JOB_STATUS_RUNNING
    with serving(known.data, *LEASE) as server:
        known.must_hold(server)
        worker_id = WORKER
        if not has_answer:
            worker_id = "w2"
            answer = server.workers.Dequeue(pb.DequeueRequest(worker_id=worker_id, wait=LONG_WAIT))
            assert answer.job_id == waiting
        server.workers.RenewLease(pb.RenewLeaseRequest(job_id=waiting, worker_id=worker_id))
        assert server.video(waiting, worker_id) == known.videos[waiting]
        server.workers.CompleteJob(
            pb.CompleteJobRequest(job_id=waiting, worker_id=worker_id, results_json=OTHER_DOCUMENT)
        )
        finish_all(server, known)


@pytest.mark.parametrize("failpoint", ["row failed", "FailJob answered"])
def test_a_reported_failure_survives_a_kill_and_can_be_repeated(failpoint: str, known: Known) -> None:
    with failing_at(failpoint, known) as server:
        job_id = server.workers.Dequeue(pb.DequeueRequest(worker_id=WORKER)).job_id
        failure = pb.FailJobRequest(job_id=job_id, worker_id=WORKER, error_message="no frame")
        assert was_answered(lambda: server.workers.FailJob(failure)) == failpoint.endswith("answered")
    known.statuses[job_id] = pb.JOB_STATUS_FAILED
    with serving(known.data) as server:
        known.must_hold(server)
        server.workers.FailJob(failure)
        assert server.status(job_id).error_message == "no frame"
        completion = pb.CompleteJobRequest(job_id=job_id, worker_id=WORKER, results_json=DOCUMENT)
        assert refusal_of(lambda: server.workers.CompleteJob(completion)).reason == Reason.LEASE_LOST
        known.must_hold(server)


@pytest.mark.parametrize("failpoint", ["row pending", "ReleaseJob answered"])
def test_a_job_whose_release_is_killed_is_pending_again(failpoint: str, known: Known) -> None:
    with failing_at(failpoint, known) as server:
        job_id = server.workers.Dequeue(pb.DequeueRequest(worker_id=WORKER)).job_id
        release = pb.ReleaseJobRequest(job_id=job_id, worker_id=WORKER)
        assert was_answered(lambda: server.workers.ReleaseJob(release)) == failpoint.endswith("answered")
    known.statuses[job_id] = pb.JOB_STATUS_PENDING
    with serving(known.data) as server:
        known.must_hold(server)
        assert server.workers.Dequeue(pb.DequeueRequest(worker_id="w2")).job_id == job_id
        assert refusal_of(lambda: server.workers.ReleaseJob(release)).reason == Reason.LEASE_LOST
        server.workers.ReleaseJob(pb.ReleaseJobRequest(job_id=job_id, worker_id="w2"))
        finish_all(server, known)


@pytest.mark.parametrize("failpoint", ["row deleted", "DeleteJob answered"])
def test_a_deletion_that_is_killed_leaves_no_row_and_no_file(failpoint: str, known: Known) -> None:
    [done] = [job_id for job_id, status in known.statuses.items() if status == pb.JOB_STATUS_COMPLETED]
    delete = pb.DeleteJobRequest(job_id=done)
    with failing_at(failpoint, known) as server:
        assert was_answered(lambda: server.jobs.DeleteJob(delete)) == failpoint.endswith("answered")
    del known.statuses[done], known.videos[done]
    assert any(name.startswith(done) for name in stored(known.data)) == (failpoint == "row deleted")
    with serving(known.data) as server:
        known.must_hold(server)
        assert not [name for name in stored(known.data) if name.startswith(done)]
        assert refusal_of(lambda: server.jobs.DeleteJob(delete)).reason == Reason.JOB_NOT_FOUND
        finish_all(server, known)


def test_a_start_that_is_killed_while_it_deletes_files_is_completed_by_the_next(known: Known, tmp_path: Path) -> None:
    orphans = [known.data / JOBS_FOLDER / f"{uuid4()}.mp4" for _ in range(3)]
    for path in orphans:
        path.write_bytes(NEW_VIDEO)
    foreign = known.data / JOBS_FOLDER / "notes of the operator.txt"
    foreign.write_text("not the service's own")
    arguments = ("--address", "127.0.0.1:0", "--data-dir", str(known.data), "--min-free-bytes", "0")
    with started(tmp_path / "start.log", "tests.support.failpoint_server", FILE_DELETED, *arguments) as process:
        assert process.exit_code() == KILLED
    assert sum(path.exists() for path in orphans) == 2
    with serving(known.data) as server:
        assert not any(path.exists() for path in orphans)
        assert foreign.exists()
        foreign.unlink()
        known.must_hold(server)
        finish_all(server, known)
