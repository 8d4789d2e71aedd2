"""The API process killed at random moments while clients submit and workers complete: nothing answered is ever lost.

The seed is printed; `FOREGSYTE_TEST_SEED` sets it, `FOREGSYTE_TEST_KILLS` the number of kills.
"""

import os
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from shared.contract.errors import reason_of
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub, WorkerServiceStub
from shared.contract.reasons import Reason
from tests.support.samples import VIDEO, submit_request
from tests.support.serving import KILLED, Served, serving, stored
from tests.support.waiting import eventually, in_thread
from tests.support.working import free_port

pytestmark = pytest.mark.e2e

Code = grpc.StatusCode
CLIENTS = 4
WORKERS = 2
LONGEST_RUN_SECONDS = 0.5
"""From a server's first accepted job to its end: some tens of jobs."""
CALL_SECONDS = 20.0
PAUSE_SECONDS = 0.02
MAX_VIDEO_BYTES = 300_000


@dataclass
class Answered:
    """What the server answered and must never lose.

    Attributes:
        videos: By the id of an accepted job.
        results: By the id of a completed job.
        twice: Jobs that two requests were answered with.
    """

    videos: dict[str, bytes] = field(default_factory=dict)
    results: dict[str, bytes] = field(default_factory=dict)
    twice: list[str] = field(default_factory=list)


def connection(address: str) -> grpc.Channel:
    """Open a channel that looks for the server again and again without growing pauses."""
    often = [(f"grpc.{which}_reconnect_backoff_ms", 100) for which in ("initial", "min", "max")]
    return grpc.insecure_channel(address, options=often)


def must_be_of_the_kill(error: grpc.RpcError) -> None:
    """Raise the error unless a killed server explains it."""
    if error.code() not in (Code.UNAVAILABLE, Code.CANCELLED, Code.DEADLINE_EXCEEDED):
        raise error


def video_of(number: int, chance: random.Random) -> bytes:
    return VIDEO + number.to_bytes(8) + chance.randbytes(chance.choice([0, 1_000, MAX_VIDEO_BYTES]))


def submit_for_ever(address: str, seed: str, answered: Answered, ending: threading.Event) -> int:
    """Submit one video after the other, each again and again until it is answered; return how many."""
    chance, number = random.Random(seed), 0
    with connection(address) as channel:
        stub = JobServiceStub(channel)
        while not ending.is_set():
            request = submit_request(video_of(number, chance), request_id=f"{seed} {number}")
            while True:
                try:
                    job_id = stub.SubmitJob(request, timeout=CALL_SECONDS, wait_for_ready=True).job_id
                except grpc.RpcError as error:
                    must_be_of_the_kill(error)
                    ending.wait(PAUSE_SECONDS)
                    continue
                if job_id in answered.videos:
                    answered.twice.append(job_id)
                answered.videos[job_id] = request.video
                break
            number += 1
    return number


def work_for_ever(address: str, worker_id: str, answered: Answered, ending: threading.Event) -> int:
    """Take one job after the other, read its video and complete it with what it read; return how many."""
    done = 0
    with connection(address) as channel:
        stub = WorkerServiceStub(channel)
        request = pb.DequeueRequest(worker_id=worker_id, wait=Duration(seconds=1))
        while not ending.is_set():
            try:
                if job_id := stub.Dequeue(request, timeout=CALL_SECONDS, wait_for_ready=True).job_id:
                    done += complete(stub, job_id, worker_id, answered)
            except grpc.RpcError as error:
                must_be_of_the_kill(error)
                ending.wait(PAUSE_SECONDS)
    return done


def complete(stub: WorkerServiceStub, job_id: str, worker_id: str, answered: Answered) -> int:
    """Complete the job, again and again until that is answered or the job is another's."""
    results = b'{"results": [{"frame_index": 0, "result": {"by": "%s"}}]}' % uuid4().hex.encode()
    request = pb.CompleteJobRequest(job_id=job_id, worker_id=worker_id, results_json=results)
    while True:
        try:
            stub.CompleteJob(request, timeout=CALL_SECONDS, wait_for_ready=True)
        except grpc.RpcError as error:
            if reason_of(error) == Reason.LEASE_LOST:
                return 0
            must_be_of_the_kill(error)
            continue
        assert job_id not in answered.results, "two completions of one job were answered"
        answered.results[job_id] = results
        return 1


@contextmanager
def traffic(address: str, seed: str, answered: Answered) -> Iterator[Callable[[], None]]:
    """Clients and workers call until what is yielded is called: then each repeats its call until it is answered."""
    ending = threading.Event()
    calls = [partial(submit_for_ever, address, f"{seed} {number}", answered, ending) for number in range(CLIENTS)]
    calls += [partial(work_for_ever, address, f"w{number}", answered, ending) for number in range(WORKERS)]
    calling = [in_thread(call) for call in calls]

    def end() -> None:
        ending.set()
        counts = [call.result(60) for call in calling]
        assert all(counts[:CLIENTS])

    try:
        yield end
    finally:
        ending.set()


def must_hold_all(server: Served, data: Path, answered: Answered) -> None:
    """Every accepted job is there with its whole video, every completed one with its results, and nothing else is."""
    listed, files = server.listed(), stored(data)
    assert set(answered.videos) <= set(listed), "an accepted job is lost"
    assert not answered.twice
    for job_id, video in answered.videos.items():
        assert files[f"{job_id}.mp4"].read_bytes() == video
    for job_id, results in answered.results.items():
        assert listed[job_id].status == pb.JOB_STATUS_COMPLETED, "a completed job is none"
        assert files[f"{job_id}_results.json"].read_bytes() == results
    assert {name[:36] for name in files} <= set(listed), "a file without a job"
    assert {f"{job_id}.mp4" for job_id in listed} <= set(files), "a job without a file"


def kill_again_and_again(kills: int, folder: Path) -> None:
    seed = os.environ.get("FOREGSYTE_TEST_SEED") or uuid4().hex[:8]
    kills = int(os.environ.get("FOREGSYTE_TEST_KILLS", kills))
    print(f"FOREGSYTE_TEST_SEED={seed} FOREGSYTE_TEST_KILLS={kills}")  # noqa: T201 (pytest shows it on failure)
    chance, data, answered = random.Random(seed), folder / "data", Answered()
    address = f"127.0.0.1:{free_port()}"
    never = threading.Event()
    with serving(data, address=address) as server:
        server.listed()
    with traffic(address, seed, answered) as end:
        for _ in range(kills):
            with serving(data, "--lease-seconds", "2", address=address) as server:
                before = len(answered.videos)
                eventually(lambda before=before: len(answered.videos) > before, "the next job", 60)  # type: ignore[misc]
                never.wait(chance.uniform(0, LONGEST_RUN_SECONDS))
                server.process.popen.kill()
                assert server.process.exit_code() == KILLED
        with serving(data, "--lease-seconds", "2", address=address) as server:
            end()
    with serving(data, address=address) as server:
        must_hold_all(server, data, answered)
        unanswered = set(server.listed()) - set(answered.videos)
    assert len(answered.videos) > kills
    assert not unanswered, "every request was repeated until it was answered: each made one job"
    print(f"{kills} kills, {len(answered.videos)} jobs accepted, {len(answered.results)} completed, none lost")  # noqa: T201


@pytest.mark.timeout(300)
def test_nothing_answered_is_lost_however_often_the_server_is_killed(tmp_path: Path) -> None:
    kill_again_and_again(4, tmp_path)


@pytest.mark.corpus
@pytest.mark.long
@pytest.mark.timeout(3000)
def test_nothing_answered_is_lost_in_a_hundred_kills(tmp_path: Path) -> None:
    kill_again_and_again(100, tmp_path)
