"""The servicers by themselves: what they take out of a request, and what they make of an answer."""

import gzip
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import grpc
import grpc_testing
import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict

from job_api.backpressure.message_budget import MessageBudget
from job_api.errors import (
    InvalidFormat,
    InvalidJobId,
    InvalidResults,
    InvalidStatus,
    InvalidWait,
    InvalidWorkerId,
    LeaseLost,
    Overloaded,
)
from job_api.repositories.jobs import JobRecord
from job_api.servicers.job_servicer import SHORT_RESPONSE_BYTES, JobServicer
from job_api.servicers.worker_servicer import WorkerServicer
from job_api.services.dispatch import VideoChunk
from job_api.services.job_queue import Waiter
from job_api.services.reports import ReportLimits, ResultsDigest
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.job_status import JobStatus
from shared.pipelines.catalogue import BUILT_IN_PIPELINES
from tests.support.calls import Call
from tests.support.samples import DOCUMENT, VIDEO

pytestmark = pytest.mark.unit

JOB = UUID("6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55")
TEXT = str(JOB)
SERVICES = pb.DESCRIPTOR.services_by_name
DIGEST = bytes(range(32))
BUDGET = MessageBudget(1 << 20)
AT = datetime(2025, 1, 2, 3, 4, 5, tzinfo=UTC)
RECORD = JobRecord(JOB, JobStatus.failed, "ocr", "in", None, "why", AT, AT)


@dataclass
class Fake:
    """A service that records how it was called and answers what it is given."""

    answers: dict[str, Any]
    calls: list[tuple[Any, ...]] = field(default_factory=list)

    def __getattr__(self, method: str) -> Any:
        if method == "limits":
            return self.answers[method]

        def call(*arguments: Any) -> Any:
            self.calls.append((method, *arguments))
            answer = self.answers.get(method)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call


class Bench:
    """Both servicers behind grpc's own test server, on faked services."""

    def __init__(self, **answers: Any) -> None:
        self.fake = Fake(answers)
        fake: Any = self.fake
        servicers = {
            SERVICES["JobService"]: JobServicer(fake, fake, {"yolo": "Objects.", "ocr": "Text."}, BUDGET),
            SERVICES["WorkerService"]: WorkerServicer(fake, fake, BUILT_IN_PIPELINES, BUDGET),
        }
        self._server = grpc_testing.server_from_dictionary(servicers, grpc_testing.strict_real_time())

    def start(self, service: str, rpc: str, request: Any) -> Any:
        method = SERVICES[service].methods_by_name[rpc]
        return self._server.invoke_unary_unary(method, (), request, None)

    def call(self, service: str, rpc: str, request: Any) -> Any:
        answer, _, code, details = self.start(service, rpc, request).termination()
        assert code is grpc.StatusCode.OK, details
        return answer

    def jobs(self, rpc: str, request: Any) -> Any:
        return self.call("JobService", rpc, request)

    def workers(self, rpc: str, request: Any) -> Any:
        return self.call("WorkerService", rpc, request)


class TestCharging:
    LONG = "m" * SHORT_RESPONSE_BYTES

    def answer(self, rpc: str, budget: MessageBudget, message: str, call: Call | None = None) -> Any:
        job = replace(RECORD, error_message=message)
        fake: Any = Fake({"job": job, "page": ([job], "")})
        request: Any = pb.GetJobStatusRequest(job_id=TEXT) if rpc == "GetJobStatus" else pb.ListJobsRequest()
        return getattr(JobServicer(fake, fake, {"p": message}, budget), rpc)(request, call or Call())

    @pytest.mark.parametrize("rpc", ["GetJobStatus", "ListJobs", "ListPipelines"])
    def test_a_long_answer_counts_until_its_call_has_ended(self, rpc: str) -> None:
        budget, call = MessageBudget(1 << 20), Call()
        answer = self.answer(rpc, budget, self.LONG, call)
        assert budget.used_bytes == answer.ByteSize() > SHORT_RESPONSE_BYTES
        call.end()
        assert budget.used_bytes == 0

    @pytest.mark.parametrize("rpc", ["GetJobStatus", "ListJobs", "ListPipelines"])
    def test_a_short_one_needs_no_room(self, rpc: str) -> None:
        budget = MessageBudget(1 << 20, room_seconds=0.02)
        budget.add(1 << 20)
        assert self.answer(rpc, budget, "why")
        with pytest.raises(Overloaded):
            self.answer(rpc, budget, self.LONG)


class TestJobService:
    def test_submit(self) -> None:
        bench = Bench(submit=JOB)
        answer = bench.jobs("SubmitJob", pb.SubmitJobRequest(pipeline_id="ocr", video=VIDEO, request_id="r"))
        assert answer == pb.SubmitJobResponse(job_id=TEXT)
        assert bench.fake.calls == [("submit", "ocr", VIDEO, "r")]

    def test_status(self) -> None:
        bench = Bench(job=RECORD)
        answer = bench.jobs("GetJobStatus", pb.GetJobStatusRequest(job_id=TEXT.upper()))
        assert MessageToDict(answer, preserving_proto_field_name=True) == {
            "job_id": TEXT,
            "status": "JOB_STATUS_FAILED",
            "progress": 1.0,
            "created_at": "2025-01-02T03:04:05Z",
            "updated_at": "2025-01-02T03:04:05Z",
            "pipeline_id": "ocr",
            "error_message": "why",
        }
        assert bench.fake.calls == [("job", JOB)]

    @pytest.mark.parametrize("results_format", [pb.RESULTS_FORMAT_UNSPECIFIED, pb.RESULTS_FORMAT_FRAMES])
    def test_results_as_frames(self, results_format: Any) -> None:
        bench = Bench(frames=nullcontext((9, 2, [{"text": "a"}, {}])))
        serialized = bench.jobs("GetJobResults", pb.GetJobResultsRequest(job_id=TEXT, format=results_format))
        answer = pb.GetJobResultsResponse.FromString(serialized)
        assert (answer.job_id, answer.results_json) == (TEXT, "")
        assert [(frame.frame_index, MessageToDict(frame.result)) for frame in answer.results] == [
            (0, {"text": "a"}),
            (1, {}),
        ]
        assert bench.fake.calls == [("frames", JOB)]

    @pytest.mark.parametrize("size", [0, 1, 42, 43, 44, 10_000, 1_000_000])
    def test_results_as_json_are_the_very_bytes_that_the_message_has(self, size: int) -> None:
        text = "[" + ", ".join(["1"] * size) + "]"
        bench = Bench(results_json=nullcontext((len(text), [text[:1].encode(), text[1:].encode()])))
        request = pb.GetJobResultsRequest(job_id=TEXT, format=pb.RESULTS_FORMAT_JSON)
        assert (
            bench.jobs("GetJobResults", request)
            == pb.GetJobResultsResponse(job_id=TEXT, results_json=text).SerializeToString()
        )
        assert bench.fake.calls == [("results_json", JOB)]

    @pytest.mark.parametrize("results_format", [pb.RESULTS_FORMAT_FRAMES, pb.RESULTS_FORMAT_JSON])
    def test_results_count_as_what_is_sent_of_them_once_they_are_made(self, results_format: Any) -> None:
        budget, call, used = MessageBudget(1 << 20), Call(), list[int]()
        queries = Fake(
            {
                "frames": nullcontext((999, 99, (used.append(budget.used_bytes) or {"text": "a"} for _ in range(9)))),
                "results_json": nullcontext((999, (used.append(budget.used_bytes) or b"x" * 111 for _ in range(9)))),
            }
        )
        servicer: Any = JobServicer(queries, queries, {}, budget)  # type: ignore[arg-type]
        answer = servicer.GetJobResults(pb.GetJobResultsRequest(job_id=TEXT, format=results_format), call)
        assert min(used) > 2 * 999
        assert budget.used_bytes == len(answer)
        call.end()
        assert budget.used_bytes == 0

    def test_compressed_results_are_the_same_text_and_little_of_it(self) -> None:
        text = "[" + ", ".join(["1"] * 1_000_000) + "]"
        bench = Bench(results_json=nullcontext((len(text), [text[:1000].encode(), text[1000:].encode()])))
        request = pb.GetJobResultsRequest(job_id=TEXT, format=pb.RESULTS_FORMAT_JSON, gzip=True)
        serialized = bench.jobs("GetJobResults", request)
        answer = pb.GetJobResultsResponse.FromString(serialized)
        assert (answer.job_id, answer.results_json) == (TEXT, "")
        assert gzip.decompress(answer.results_json_gzip).decode() == text
        assert len(serialized) < len(text) // 5

    def test_list(self) -> None:
        bench = Bench(page=([RECORD, RECORD], "next"))
        request = pb.ListJobsRequest(page_size=7, page_token="token", status=pb.JOB_STATUS_FAILED)
        answer = bench.jobs("ListJobs", request)
        assert [job.job_id for job in answer.jobs] == [TEXT, TEXT]
        assert answer.next_page_token == "next"
        assert bench.fake.calls == [("page", JobStatus.failed, 7, "token")]

    def test_delete(self) -> None:
        bench = Bench()
        assert bench.jobs("DeleteJob", pb.DeleteJobRequest(job_id=TEXT)) == pb.DeleteJobResponse()
        assert bench.fake.calls == [("delete", JOB)]

    def test_pipelines(self) -> None:
        bench = Bench()
        answer = bench.jobs("ListPipelines", pb.ListPipelinesRequest())
        assert [(pipeline.pipeline_id, pipeline.description) for pipeline in answer.pipelines] == [
            ("yolo", "Objects."), ("ocr", "Text.")
        ]  # fmt: skip
        assert bench.fake.calls == []


class EndedCall:
    """The context of a call, with what gRPC's own has of how the call ended."""

    def __init__(self, state: object) -> None:
        self._state = state
        self.callbacks: list[Callable[[], None]] = []

    def add_callback(self, callback: Callable[[], None]) -> bool:
        self.callbacks.append(callback)
        return True


def state(client: str) -> object:
    return SimpleNamespace(client=client)


class TestWorkerService:
    def test_dequeue(self) -> None:
        bench = Bench(dequeue=JOB)
        answer = bench.workers("Dequeue", pb.DequeueRequest(worker_id="w", wait=Duration(seconds=2, nanos=500_000_000)))
        assert answer == pb.DequeueResponse(job_id=TEXT)
        [(*call, waiter)] = bench.fake.calls
        assert call == ["dequeue", "w", 2.5]
        assert isinstance(waiter, Waiter)

    def test_dequeue_of_nothing(self) -> None:
        bench = Bench()
        assert bench.workers("Dequeue", pb.DequeueRequest(worker_id="w")) == pb.DequeueResponse()
        assert bench.fake.calls[0][:3] == ("dequeue", "w", 0.0)

    def test_a_caller_that_cancels_leaves_its_wait(self) -> None:
        entered, left = threading.Event(), threading.Event()

        def wait(_worker_id: str, _seconds: float, waiter: Waiter) -> None:
            entered.set()
            waiter.sleep(20)
            if waiter.has_ended:
                left.set()

        bench = Bench()
        bench.fake.dequeue = wait  # type: ignore[attr-defined]
        call = bench.start("WorkerService", "Dequeue", pb.DequeueRequest(worker_id="w"))
        assert entered.wait(10)
        call.cancel()
        assert left.wait(10)

    @pytest.mark.parametrize(
        ("context", "is_taken_back"),
        [
            (EndedCall(state("cancelled")), True),
            (EndedCall(state("closed")), False),
            (EndedCall(state("open")), False),
            (EndedCall(None), False),
        ],
        ids=["cut off", "answered", "answered early", "not said"],
    )
    def test_an_answer_is_taken_back_only_from_a_call_that_was_cut_off(
        self, context: EndedCall, is_taken_back: bool
    ) -> None:
        taken_back = threading.Event()

        def give(_worker_id: str, _seconds: float, waiter: Waiter) -> UUID:
            assert waiter.accept(taken_back.set)
            return JOB

        fake: Any = Fake({})
        fake.dequeue = give
        answer = WorkerServicer(fake, fake, [], BUDGET).Dequeue(pb.DequeueRequest(worker_id="w"), context)  # type: ignore[arg-type]
        assert answer.job_id == TEXT
        [ended] = context.callbacks
        ended()
        assert taken_back.is_set() is is_taken_back

    def test_input(self) -> None:
        bench = Bench(read_input=VideoChunk("ocr", 1000, b"data"), chunk_bytes=10)
        request = pb.GetJobInputRequest(job_id=TEXT, worker_id="w", offset=5, length=10)
        answer = bench.workers("GetJobInput", request)
        assert answer == pb.GetJobInputResponse(pipeline_id="ocr", size_bytes=1000, data=b"data")
        assert bench.fake.calls == [("chunk_bytes", 10), ("read_input", JOB, "w", 5, 10)]

    def test_input_counts_in_the_budget_before_it_is_read(self) -> None:
        used: list[int] = []
        fake: Any = Fake({"chunk_bytes": 10})
        fake.read_input = lambda *_: used.append(budget.used_bytes) or VideoChunk("ocr", 1000, b"data")
        budget, context = MessageBudget(100), EndedCall(None)
        request = pb.GetJobInputRequest(job_id=TEXT, worker_id="w", length=10)
        WorkerServicer(fake, fake, [], budget).GetJobInput(request, context)  # type: ignore[arg-type]
        assert used == [20]
        [ended] = context.callbacks
        ended()
        assert budget.used_bytes == 0

    def test_renew(self) -> None:
        bench = Bench(renew=7.25)
        answer = bench.workers("RenewLease", pb.RenewLeaseRequest(job_id=TEXT, worker_id="w"))
        assert answer.lease == Duration(seconds=7, nanos=250_000_000)
        assert bench.fake.calls == [("renew", JOB, "w")]

    def test_complete(self) -> None:
        bench = Bench()
        request = pb.CompleteJobRequest(job_id=TEXT, worker_id="w", results_json=DOCUMENT)
        assert bench.workers("CompleteJob", request) == pb.CompleteJobResponse()
        assert bench.fake.calls == [("complete", JOB, "w", DOCUMENT)]

    def test_complete_what_was_sent_in_chunks(self) -> None:
        bench = Bench()
        request = pb.CompleteJobRequest(job_id=TEXT, worker_id="w", results_size_bytes=9, results_sha256=DIGEST)
        assert bench.workers("CompleteJob", request) == pb.CompleteJobResponse()
        assert bench.fake.calls == [("complete_staged", JOB, "w", ResultsDigest(9, DIGEST))]

    @pytest.mark.parametrize(
        "fields",
        [
            {"results_size_bytes": 9},
            {"results_sha256": DIGEST},
            {"results_size_bytes": -1, "results_sha256": DIGEST},
            {"results_size_bytes": 9, "results_sha256": DIGEST[1:]},
            {"results_size_bytes": 9, "results_sha256": DIGEST, "results_json": DOCUMENT},
        ],
    )
    def test_results_in_both_forms_or_without_a_whole_digest_reach_no_service(self, fields: dict[str, Any]) -> None:
        request = pb.CompleteJobRequest(job_id=TEXT, worker_id="w", **fields)
        assert raised_by("WorkerService", "CompleteJob", request) == (InvalidResults, [])

    def test_put_results(self) -> None:
        bench = Bench(put_results=12)
        request = pb.PutJobResultsRequest(job_id=TEXT, worker_id="w", offset=7, data=b"chunk")
        assert bench.workers("PutJobResults", request) == pb.PutJobResultsResponse(size_bytes=12)
        assert bench.fake.calls == [("put_results", JOB, "w", 7, b"chunk")]

    def test_fail(self) -> None:
        bench = Bench()
        request = pb.FailJobRequest(job_id=TEXT, worker_id="w", error_message="why")
        assert bench.workers("FailJob", request) == pb.FailJobResponse()
        assert bench.fake.calls == [("fail", JOB, "w", "why")]

    def test_release(self) -> None:
        bench = Bench()
        request = pb.ReleaseJobRequest(job_id=TEXT, worker_id="w")
        assert bench.workers("ReleaseJob", request) == pb.ReleaseJobResponse()
        assert bench.fake.calls == [("release", JOB, "w")]

    def test_offered_pipelines(self) -> None:
        bench = Bench(limits=ReportLimits(1, 2, 3, 4))
        answer = bench.workers("ListOfferedPipelines", pb.ListOfferedPipelinesRequest())
        assert list(answer.pipeline_ids) == list(BUILT_IN_PIPELINES)
        assert (answer.max_chunk_bytes, answer.max_results_bytes) == (1, 2)


CLIENTS_REQUESTS = {
    "GetJobStatus": pb.GetJobStatusRequest,
    "GetJobResults": pb.GetJobResultsRequest,
    "DeleteJob": pb.DeleteJobRequest,
}
HOLDERS_REQUESTS = {
    "GetJobInput": pb.GetJobInputRequest,
    "RenewLease": pb.RenewLeaseRequest,
    "PutJobResults": pb.PutJobResultsRequest,
    "CompleteJob": pb.CompleteJobRequest,
    "FailJob": pb.FailJobRequest,
    "ReleaseJob": pb.ReleaseJobRequest,
}


def raised_by(service: str, rpc: str, request: Any, **answers: Any) -> tuple[type[Exception], list[Any]]:
    """Call the servicer's method itself, since grpc's test server shows no exception; return what it raised."""
    bench = Bench(**answers)
    fake: Any = bench.fake
    servicer: Any = (
        JobServicer(fake, fake, [], BUDGET) if service == "JobService" else WorkerServicer(fake, fake, [], BUDGET)
    )

    class Context:
        def add_callback(self, _callback: object) -> bool:
            return True

    with pytest.raises(Exception, match=r".") as raised:
        getattr(servicer, rpc)(request, Context())
    return raised.type, bench.fake.calls


@pytest.mark.parametrize("rpc", [*CLIENTS_REQUESTS, *HOLDERS_REQUESTS])
def test_a_job_id_that_is_none_reaches_no_service(rpc: str) -> None:
    service = "JobService" if rpc in CLIENTS_REQUESTS else "WorkerService"
    request = (CLIENTS_REQUESTS | HOLDERS_REQUESTS)[rpc](job_id="none")  # type: ignore[operator]
    assert raised_by(service, rpc, request) == (InvalidJobId, [])


@pytest.mark.parametrize("rpc", HOLDERS_REQUESTS)
def test_a_worker_id_that_is_none_reaches_no_service(rpc: str) -> None:
    request = HOLDERS_REQUESTS[rpc](job_id=TEXT)  # type: ignore[operator]
    assert raised_by("WorkerService", rpc, request) == (InvalidWorkerId, [])


def test_numbers_outside_the_enums_and_waits_that_are_none_reach_no_service() -> None:
    status, results_format = pb.ListJobsRequest(status=9), pb.GetJobResultsRequest(job_id=TEXT, format=9)  # type: ignore[arg-type]
    assert raised_by("JobService", "ListJobs", status) == (InvalidStatus, [])
    assert raised_by("JobService", "GetJobResults", results_format) == (InvalidFormat, [])
    wait = pb.DequeueRequest(worker_id="w", wait=Duration(seconds=-1))
    assert raised_by("WorkerService", "Dequeue", wait) == (InvalidWait, [])
    assert raised_by("WorkerService", "Dequeue", pb.DequeueRequest()) == (InvalidWorkerId, [])


def test_what_a_service_raises_passes_through() -> None:
    request = pb.RenewLeaseRequest(job_id=TEXT, worker_id="w")
    assert raised_by("WorkerService", "RenewLease", request, renew=LeaseLost(TEXT))[0] is LeaseLost


def test_a_call_that_ended_before_it_was_handled_takes_no_job() -> None:
    class Ended:
        def add_callback(self, _callback: object) -> bool:
            return False

    bench = Bench(dequeue=JOB)
    fake, ended = bench.fake, Ended()
    servicer: Any = WorkerServicer(fake, fake, [], BUDGET)  # type: ignore[arg-type]
    assert servicer.Dequeue(pb.DequeueRequest(worker_id="w"), ended) == pb.DequeueResponse()
    assert fake.calls == []


def test_every_rpc_of_the_contract_is_served() -> None:
    served = {"JobService": JobServicer, "WorkerService": WorkerServicer}
    assert set(SERVICES) == set(served)
    for name, servicer in served.items():
        assert {method.name for method in SERVICES[name].methods} <= set(vars(servicer))
