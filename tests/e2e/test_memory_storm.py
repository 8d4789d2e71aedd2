"""The server's memory, bounded by the kernel, while messages of every kind come and go."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from shared.contract.channel import CHANNEL_OPTIONS
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub, WorkerServiceStub
from tests.support.cgroups import memory_group
from tests.support.samples import VIDEO, results_document, submit_request
from tests.support.serving import Served, serving

pytestmark = [pytest.mark.corpus, pytest.mark.alone]

MIB = 1 << 20
BUDGET = 256 * MIB
BOUND = 3 * BUDGET + 512 * MIB
"""What the documents promise."""
LARGEST = 128 * MIB
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1), *CHANNEL_OPTIONS]
CALLERS = 6
STORM_SECONDS = 45.0
CALL_SECONDS = 120.0
ALLOWED = {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.NOT_FOUND}


@contextmanager
def callers(server: Served) -> Iterator[list[grpc.Channel]]:
    with ExitStack() as stack:
        yield [
            stack.enter_context(grpc.insecure_channel(server.address, options=OWN_CONNECTION)) for _ in range(CALLERS)
        ]


def upload(channel: grpc.Channel) -> None:
    JobServiceStub(channel).SubmitJob(submit_request(VIDEO + bytes(120 * MIB)), timeout=CALL_SECONDS)


def ask_with_a_large_request(channel: grpc.Channel) -> None:
    JobServiceStub(channel).GetJobStatus(pb.GetJobStatusRequest(job_id="j" * 100 * MIB), timeout=CALL_SECONDS)


def work(channel: grpc.Channel) -> None:
    """Take a job, downloads its video and completes it with 1 MiB of results, which it then reads."""
    workers, name = WorkerServiceStub(channel), f"w{id(channel)}"
    job_id = workers.Dequeue(pb.DequeueRequest(worker_id=name, wait=Duration(seconds=5)), timeout=CALL_SECONDS).job_id
    if not job_id:
        return
    offset, size_bytes = 0, 1
    while offset < size_bytes:
        request = pb.GetJobInputRequest(job_id=job_id, worker_id=name, offset=offset)
        chunk = workers.GetJobInput(request, timeout=CALL_SECONDS)
        offset, size_bytes = offset + len(chunk.data), chunk.size_bytes
    results = results_document([{"frame_index": index, "result": {"text": "t" * 1000}} for index in range(1000)])
    workers.CompleteJob(
        pb.CompleteJobRequest(job_id=job_id, worker_id=name, results_json=results), timeout=CALL_SECONDS
    )
    request = pb.GetJobResultsRequest(job_id=job_id, format=pb.RESULTS_FORMAT_JSON)
    assert JobServiceStub(channel).GetJobResults(request, timeout=CALL_SECONDS).results_json
    JobServiceStub(channel).DeleteJob(pb.DeleteJobRequest(job_id=job_id), timeout=CALL_SECONDS)


def again_and_again(call: Callable[[grpc.Channel], None], channel: grpc.Channel) -> int:
    """Make a call until the storm is over; return how often it was answered."""
    until, answered = time.monotonic() + STORM_SECONDS, 0
    while time.monotonic() < until:
        try:
            call(channel)
            answered += 1
        except grpc.RpcError as error:
            assert error.code() in ALLOWED, error  # noqa: PT017 (what else there is, is a failure)
    return answered


def test_the_server_stays_within_its_memory_while_all_kinds_of_messages_come_and_go(tmp_path: Path) -> None:
    limits = ("--max-video-bytes", str(LARGEST), "--max-results-bytes", str(64 * MIB))
    limits += ("--max-inflight-bytes", str(BUDGET))
    with (
        memory_group(BOUND) as move,
        serving(tmp_path / "data", *limits) as server,
        callers(server) as uploading,
        callers(server) as working,
        callers(server) as asking,
        ThreadPoolExecutor(3 * CALLERS) as pool,
    ):
        move(server.process.popen.pid)
        kinds = [(upload, uploading), (work, working), (ask_with_a_large_request, asking[:1])]
        running = [[pool.submit(again_and_again, call, channel) for channel in those] for call, those in kinds]
        uploads, jobs, answered_though_too_large = (sum(future.result() for future in kind) for kind in running)
        assert server.process.popen.poll() is None
        assert (min(uploads, jobs) > 0, answered_though_too_large) == (True, 0)
