"""Slow callers, and requests larger than there is room for: nobody else notices, and memory has its bound."""

import json
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from benchmarks.measuring import peak_bytes
from job_api import listener
from job_api.settings import ApiSettings
from job_client import JobClient, PayloadTooLarge
from job_client.exit_codes import exit_code_of
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub, WorkerServiceStub
from shared.contract.reasons import Reason
from shared.process.exit_codes import ExitCode
from tests.conftest import OPTIONAL
from tests.support.errors import refusal_of
from tests.support.grpcurl import Grpcurl, Line
from tests.support.running import Running, running_server
from tests.support.samples import VIDEO, submit_request
from tests.support.serving import serving
from tests.support.slow_link import SlowLink, slow_link
from tests.support.waiting import eventually, opened_at_the_end

pytestmark = pytest.mark.integration

MIB = 1 << 20
KB = 1000
PLAIN = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
]
"""As a generated client connects, but each channel with a connection of its own, and messages of any size."""
SUBMITS = 10
REFLECTION_CALLS = 64
LARGE_BYTES = 12 * MIB
CALL_SECONDS = 5.0
END_SECONDS = 120.0


class Callers:
    """Callers that have a connection each."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack

    def channel(self, address: str) -> grpc.Channel:
        return self._stack.enter_context(grpc.insecure_channel(address, options=PLAIN))

    def submit(self, link: SlowLink, size_bytes: int) -> Any:
        """Start an upload and return it once its first bytes have come to the server."""
        others = len(link.passed)
        call = JobServiceStub(self.channel(link.address)).SubmitJob.future(
            submit_request(VIDEO + bytes(size_bytes)), timeout=END_SECONDS
        )
        eventually(lambda: len(link.passed) > others or call.done(), "its bytes")
        return call


@contextmanager
def callers() -> Iterator[Callers]:
    with ExitStack() as stack:
        yield Callers(stack)


@pytest.mark.corpus
@pytest.mark.alone  # it measures what is promised in seconds
@pytest.mark.parametrize("slow_callers", [2, 16])
def test_slow_uploads_hold_nobody_else_up(tmp_path: Path, slow_callers: int) -> None:
    """Only one upload is stored at a time: those that arrive hold no thread."""
    with (
        serving(tmp_path / "data", "--max-uploads", "1", "--shutdown-seconds", "0.1") as server,
        slow_link(server.address, 100 * KB) as link,
        callers() as from_,
    ):
        slow = [from_.submit(link, 8 * MIB) for _ in range(slow_callers)]
        for size_bytes in [0, 2 * MIB] * (SUBMITS // 2):
            stub = JobServiceStub(from_.channel(server.address))
            assert stub.SubmitJob(submit_request(VIDEO + bytes(size_bytes)), timeout=CALL_SECONDS).job_id
        by_name = Grpcurl(from_.channel(server.address))
        submit = Line("foregsyte.jobs.v1.JobService/SubmitJob", '{"pipeline_id": "ocr", "video": "%s"}')
        assert by_name.call(submit.method, submit.with_video(VIDEO))["job_id"]
        assert not any(call.done() for call in slow)
        assert len(server.listed()) == SUBMITS + 1


@pytest.mark.corpus
def test_where_memory_would_end_the_largest_upload_is_refused_and_the_smaller_ones_go_on(tmp_path: Path) -> None:
    limits = ("--max-video-bytes", str(7 * MIB), "--max-results-bytes", str(MIB), "--max-inflight-bytes", str(8 * MIB))
    with (
        serving(tmp_path / "data", *limits) as server,
        slow_link(server.address, 1000 * KB) as faster,
        slow_link(server.address, 150 * KB) as slower,
        callers() as from_,
    ):
        largest = from_.submit(faster, 6 * MIB)
        smaller = [from_.submit(slower, 560 * KB) for _ in range(14)]
        refusal = refusal_of(largest.result)
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.OVERLOADED)
        assert "RetryInfo" in refusal.details
        assert all(call.result(END_SECONDS).job_id for call in smaller)


@pytest.mark.corpus
def test_an_answer_that_is_read_slowly_does_not_keep_others_from_theirs(
    make_settings: Callable[..., ApiSettings],
) -> None:
    """There is memory for one answer that is made, and not beside one that is sent."""
    settings = make_settings(max_video_bytes=MIB, max_results_bytes=40 * MIB, max_inflight_bytes=64 * MIB)
    with (
        running_server(settings) as server,
        slow_link(server.addresses[0], 1000 * KB, answer_bytes_a_second=10 * KB) as link,
        callers() as from_,
    ):
        request = pb.GetJobResultsRequest(job_id=large_job(server), format=pb.RESULTS_FORMAT_JSON)
        unread = JobServiceStub(from_.channel(link.address)).GetJobResults.future(request, timeout=END_SECONDS)
        eventually(lambda: link.passed_back > MIB // 16, "its first bytes")
        waiting = [
            JobServiceStub(from_.channel(server.addresses[0])).GetJobResults.future(request, timeout=END_SECONDS)
            for _ in range(4)
        ]
        assert all(len(call.result().results_json) > LARGE_BYTES for call in waiting)
        assert not unread.done()  # it hears of it once it has read so far


def large_job(server: Running) -> str:
    """Have a job done whose results have a little more than `LARGE_BYTES`."""
    job_id = server.jobs.SubmitJob(submit_request()).job_id
    server.workers.Dequeue(pb.DequeueRequest(worker_id="w"))
    results = [{"frame_index": index, "result": {"text": "x" * (MIB // 2)}} for index in range(2 * LARGE_BYTES // MIB)]
    document = json.dumps({"results": results}).encode()
    server.workers.CompleteJob(pb.CompleteJobRequest(job_id=job_id, worker_id="w", results_json=document))
    return job_id


class TestRequestsLargerThanTheirCallTakes:
    def test_one_is_refused_long_before_it_has_arrived(self, tmp_path: Path) -> None:
        with (
            serving(tmp_path / "data") as server,
            slow_link(server.address, 8000 * KB) as link,
            callers() as from_,
        ):
            stub = JobServiceStub(from_.channel(link.address))
            request = pb.GetJobStatusRequest(job_id="j" * 200 * MIB)
            refusal = refusal_of(lambda: stub.GetJobStatus(request, timeout=END_SECONDS))
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.PAYLOAD_TOO_LARGE)
            assert max(link.passed.values()) < 20 * MIB

    def test_one_that_arrives_at_once_is_refused_too(self, jobs: JobServiceStub) -> None:
        refusal = refusal_of(lambda: jobs.GetJobStatus(pb.GetJobStatusRequest(job_id="j" * 2 * MIB)))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.PAYLOAD_TOO_LARGE)
        assert jobs.ListPipelines(pb.ListPipelinesRequest()).pipelines

    @pytest.mark.skipif(sys.platform != "linux", reason=f"{OPTIONAL} only Linux says how much has arrived")
    def test_a_video_far_above_the_limit_is_refused_with_the_limit_and_its_memory_has_a_bound(
        self, tmp_path: Path
    ) -> None:
        limits = ("--max-video-bytes", str(MIB), "--max-results-bytes", str(MIB), "--max-inflight-bytes", str(2 * MIB))
        with (
            serving(tmp_path / "data", *limits) as server,
            slow_link(server.address, 100_000 * KB) as link,  # the samples follow it on a busy machine too
            JobClient(link.address) as client,
        ):
            process = server.process.popen.pid
            before = peak_bytes(process)
            with pytest.raises(PayloadTooLarge, match=f"the limit is {MIB} bytes") as refused:
                client.submit(VIDEO + bytes(200 * MIB))
            assert refused.value.reason == Reason.PAYLOAD_TOO_LARGE
            assert peak_bytes(process) - before < 100 * MIB
            assert client.pipelines()

    def test_one_that_grpc_itself_refuses_is_too_large_for_the_client_as_well(
        self, make_settings: Callable[..., ApiSettings], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(listener, "refuses_arriving_requests", lambda: False)  # as on another system than Linux
        with (
            running_server(make_settings(max_video_bytes=MIB, max_results_bytes=MIB)) as server,
            JobClient(server.addresses[0]) as client,
        ):
            with pytest.raises(PayloadTooLarge, match="larger than max") as refused:
                client.submit(VIDEO + bytes(20 * MIB))
            assert exit_code_of(refused.value) == ExitCode.USAGE

    def test_health_and_reflection_take_no_more(self, address: str) -> None:
        with slow_link(address, 8000 * KB) as link, callers() as from_:
            service = health_pb2.HealthCheckRequest(service="s" * 50 * MIB)
            check = health_pb2_grpc.HealthStub(from_.channel(link.address)).Check
            assert refusal_of(lambda: check(service, timeout=END_SECONDS)).reason == Reason.PAYLOAD_TOO_LARGE
            question = reflection_pb2.ServerReflectionRequest(file_by_filename="f" * 50 * MIB)
            answers = reflection_pb2_grpc.ServerReflectionStub(from_.channel(link.address)).ServerReflectionInfo(
                iter([question]), timeout=END_SECONDS
            )
            assert refusal_of(lambda: next(answers)).reason == Reason.PAYLOAD_TOO_LARGE
            assert max(link.passed.values()) < 40 * MIB

    def test_results_far_larger_than_one_message_takes_are_refused_with_the_advice_to_send_chunks(
        self, channel: grpc.Channel
    ) -> None:
        request = pb.CompleteJobRequest(job_id=str(uuid4()), worker_id="w", results_json=b"r" * 40 * MIB)
        refusal = refusal_of(lambda: WorkerServiceStub(channel).CompleteJob(request, timeout=END_SECONDS))
        assert (refusal.reason, "PutJobResults" in refusal.message) == (Reason.PAYLOAD_TOO_LARGE, True)

    @pytest.mark.corpus
    def test_beside_an_upload_on_the_same_connection_a_small_call_is_answered(self, address: str) -> None:
        with slow_link(address, 4000 * KB) as link, callers() as from_:
            channel = from_.channel(link.address)
            upload = JobServiceStub(channel).SubmitJob.future(
                submit_request(VIDEO + bytes(12 * MIB)), timeout=END_SECONDS
            )
            while not upload.done():
                assert JobServiceStub(channel).ListPipelines(pb.ListPipelinesRequest(), timeout=END_SECONDS).pipelines
            assert upload.result().job_id


def test_reflection_that_is_held_open_holds_nobody_else_up(make_settings: Callable[..., ApiSettings]) -> None:
    settings = make_settings(max_concurrent_calls=2, max_waiting_workers=2)
    with running_server(settings) as server, callers() as from_:
        may_end = threading.Event()
        with opened_at_the_end(may_end):
            answers = (
                reflection_pb2_grpc.ServerReflectionStub(server.channel).ServerReflectionInfo(
                    questions_until(may_end), timeout=END_SECONDS
                )
                for _ in range(REFLECTION_CALLS)
            )
            assert next(next(answers))  # before the others take all threads that there are for such calls
            held_open = list(answers)
            other = from_.channel(server.addresses[0])
            service = health_pb2.HealthCheckRequest()
            assert health_pb2_grpc.HealthStub(other).Check(service, timeout=CALL_SECONDS).status
            assert JobServiceStub(other).ListPipelines(pb.ListPipelinesRequest(), timeout=CALL_SECONDS).pipelines
            assert not any(call.done() for call in held_open)


def questions_until(may_end: threading.Event) -> Iterator[reflection_pb2.ServerReflectionRequest]:
    """Yield one question, and end only when it may, as if there were another."""
    yield reflection_pb2.ServerReflectionRequest(list_services="")
    may_end.wait(END_SECONDS)


def test_a_compressed_request_is_refused_because_its_size_is_not_known(channel: grpc.Channel) -> None:
    chunk = pb.PutJobResultsRequest(job_id=str(uuid4()), worker_id="w", data=bytes(MIB))
    calls = [(JobServiceStub(channel).SubmitJob, submit_request()), (WorkerServiceStub(channel).PutJobResults, chunk)]
    for call, request in calls:
        gzip = partial(call, request, timeout=CALL_SECONDS, compression=grpc.Compression.Gzip)
        refusal = refusal_of(gzip)
        assert refusal.code is grpc.StatusCode.UNIMPLEMENTED
        assert "gzip" in refusal.message
