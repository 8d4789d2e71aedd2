"""Every error of the contract, as a caller of a real server sees it."""

import dataclasses
import errno
import io
import logging
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from job_api.bootstrap import STAGING_FOLDER
from job_api.settings import ApiSettings
from job_api.storage.base import StorageFull
from job_api.testing.memory_storage import MemoryStorage
from shared.contract.errors import reason_of, retry_delay_seconds
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.reasons import ERROR_DOMAIN, Reason
from tests.support.adapters import HookedStorage, raises
from tests.support.errors import Refusal, refusal_of
from tests.support.running import Running, running_server
from tests.support.samples import DOCUMENT, UNKNOWN_JOB, VIDEO, results_document, submit_request
from tests.support.waiting import in_thread, opened_at_the_end

pytestmark = pytest.mark.integration

Code = grpc.StatusCode
MIB = 1 << 20
LITTLE_MEMORY = {"max_video_bytes": MIB, "max_results_bytes": MIB, "max_inflight_bytes": 2 * MIB}
WORKER = "w1"
SECRET = "secret at /var/lib/foregsyte"


@dataclass
class Case:
    """One way to be refused.

    `call` makes whatever must be there before and then the call of `rpc` that is refused.
    """

    rpc: str
    reason: Reason
    code: grpc.StatusCode
    call: Callable[[Running], object]
    says: str = ""
    field: str | None = None
    names_job: bool = False
    retry_seconds: float | None = None
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def needs_its_own_server(self) -> bool:
        return bool(self.settings) or self.call is call_while_stopping


def submitted(server: Running, **values: Any) -> str:
    return server.jobs.SubmitJob(submit_request(**values)).job_id


def taken(server: Running, **values: Any) -> str:
    job_id = submitted(server, **values)
    assert server.workers.Dequeue(pb.DequeueRequest(worker_id=WORKER)).job_id == job_id
    return job_id


def completed(server: Running, results_json: bytes = DOCUMENT) -> str:
    job_id = taken(server)
    server.workers.CompleteJob(pb.CompleteJobRequest(job_id=job_id, worker_id=WORKER, results_json=results_json))
    return job_id


def failed(server: Running, error_message: str = "no frame can be read") -> str:
    job_id = taken(server)
    server.workers.FailJob(pb.FailJobRequest(job_id=job_id, worker_id=WORKER, error_message=error_message))
    return job_id


REQUESTS: dict[str, Callable[..., Any]] = {
    "GetJobStatus": pb.GetJobStatusRequest,
    "GetJobResults": pb.GetJobResultsRequest,
    "DeleteJob": pb.DeleteJobRequest,
    "GetJobInput": pb.GetJobInputRequest,
    "RenewLease": pb.RenewLeaseRequest,
    "PutJobResults": lambda **fields: pb.PutJobResultsRequest(**({"data": DOCUMENT} | fields)),
    "CompleteJob": lambda **fields: pb.CompleteJobRequest(**({"results_json": DOCUMENT} | fields)),
    "FailJob": lambda **fields: pb.FailJobRequest(**({"error_message": "why"} | fields)),
    "ReleaseJob": pb.ReleaseJobRequest,
}
OF_THE_HOLDER = ("GetJobInput", "RenewLease", "PutJobResults", "CompleteJob", "FailJob", "ReleaseJob")
OF_CLIENTS = ("GetJobStatus", "GetJobResults", "DeleteJob")


def send(server: Running, rpc: str, job_id: str, **fields: Any) -> object:
    """Call an RPC about a job, as the worker that has it where it is one of the workers'."""
    if rpc in OF_THE_HOLDER:
        return getattr(server.workers, rpc)(REQUESTS[rpc](job_id=job_id, **({"worker_id": WORKER} | fields)))
    return getattr(server.jobs, rpc)(REQUESTS[rpc](job_id=job_id, **fields))


def sending(rpc: str, prepare: Callable[..., str], **fields: Any) -> Callable[[Running], object]:
    """Return a call about the job that `prepare` makes."""
    return lambda server: send(server, rpc, prepare(server), **fields)


def answered(server: Running, rpc: str, job_id: str) -> object:
    """Call an RPC whose answer may be long; one about all jobs or pipelines has no use for the id."""
    if rpc == "ListPipelines":
        return server.jobs.ListPipelines(pb.ListPipelinesRequest())
    return list_jobs(server) if rpc == "ListJobs" else send(server, rpc, job_id)


def submit_refused(server: Running, **values: Any) -> object:
    return server.jobs.SubmitJob(submit_request(**values))


def reuse_request_id(server: Running, **values: Any) -> object:
    submitted(server, request_id="r1")
    return submitted(server, **({"request_id": "r1"} | values))


@contextmanager
def without_memory(server: Running) -> Iterator[None]:
    """Have two uploads under way take all but 8 KiB of `LITTLE_MEMORY`."""
    storage: Any = server.services.storage
    entered, let_through = threading.Semaphore(0), threading.Event()

    def hold() -> None:
        entered.release()
        assert let_through.wait(60)

    storage.before_save = hold
    with opened_at_the_end(let_through):
        under_way = []
        for size_bytes in (MIB, MIB - 8 * 1024):
            under_way.append(server.jobs.SubmitJob.future(submit_request(VIDEO + bytes(size_bytes - len(VIDEO)))))
            assert entered.acquire(timeout=30)
        try:
            yield
        finally:
            let_through.set()
            for call in under_way:
                call.result(30)


def submit_one_too_many(server: Running) -> object:
    with without_memory(server):
        return server.jobs.SubmitJob(submit_request(VIDEO + bytes(MIB - len(VIDEO))))


def call_without_memory(rpc: str, prepare: Callable[[Running], str]) -> Callable[[Running], object]:
    """Return a call whose answer of more than 16 KiB meets no memory; `prepare` makes its job before."""

    def call(server: Running) -> object:
        job_id = prepare(server)
        with without_memory(server):
            return answered(server, rpc, job_id)

    return call


def call_while_stopping(server: Running) -> object:
    """Call in the instant between the refusal of new calls and the end of the connection."""
    outcome = Future[object]()

    def call() -> None:
        try:
            outcome.set_result(server.jobs.ListPipelines(pb.ListPipelinesRequest()))
        except grpc.RpcError as error:
            outcome.set_exception(error)

    server.stop_hook.during_stop = call
    server.server.stop()
    return outcome.result(30)


def send_no_message(server: Running) -> object:
    """Send bytes that are no protobuf message."""
    submit = server.channel.unary_unary("/foregsyte.jobs.v1.JobService/SubmitJob", lambda b: b, lambda b: b)
    return submit(b"\xff\xff\xff")


def submit_on_a_failing_disk(server: Running) -> str:
    server.services.storage.before_save = raises(OSError(errno.EIO, SECRET))  # type: ignore[attr-defined]
    return submitted(server)


def break_storage(server: Running) -> object:
    server.services.storage.before_save = raises(RuntimeError(SECRET))
    return submitted(server)


def lose_results(server: Running) -> object:
    job_id = completed(server)
    server.services.storage.delete_file(f"video_jobs/{job_id}_results.json")
    return send(server, "GetJobResults", job_id)


def damage_results(server: Running) -> object:
    job_id = completed(server)
    server.services.storage.save_file(io.BytesIO(DOCUMENT[:-3]), f"video_jobs/{job_id}_results.json")
    return send(server, "GetJobResults", job_id, format=pb.RESULTS_FORMAT_JSON)


def lose_video(server: Running) -> object:
    job_id = taken(server)
    server.services.storage.delete_file(f"video_jobs/{job_id}.mp4")
    return send(server, "GetJobInput", job_id)


def complete_on_a_full_disk(server: Running) -> object:
    job_id = taken(server)
    server.services.storage.before_save = raises(StorageFull())
    return send(server, "CompleteJob", job_id)


def put_on_a_full_disk(server: Running) -> object:
    job_id = taken(server)
    (server.settings.data_dir / STAGING_FOLDER / f"{job_id}.json").symlink_to("/dev/full")
    return send(server, "PutJobResults", job_id)


def dequeue(server: Running, **fields: Any) -> object:
    return server.workers.Dequeue(pb.DequeueRequest(**fields))


def list_jobs(server: Running, **fields: Any) -> object:
    return server.jobs.ListJobs(pb.ListJobsRequest(**fields))


def _submit_cases() -> list[Case]:
    rpc, invalid, reused = "SubmitJob", Code.INVALID_ARGUMENT, Code.ALREADY_EXISTS
    limit = {"max_video_bytes": len(VIDEO)}
    known = "yolo_ocr, yolo, ocr, codes"
    return [
        Case(rpc, Reason.INVALID_MP4, invalid, lambda s: submit_refused(s, video=b""), "empty", "video"),
        Case(rpc, Reason.INVALID_MP4, invalid, lambda s: submit_refused(s, video=b"\0" * 64 + VIDEO), "ftyp", "video"),
        Case(rpc, Reason.UNKNOWN_PIPELINE, invalid, lambda s: submit_refused(s, pipeline_id=""), known, "pipeline_id"),
        Case(rpc, Reason.UNKNOWN_PIPELINE, invalid, lambda s: submit_refused(s, pipeline_id="x"), known, "pipeline_id"),
        Case(
            rpc,
            Reason.INVALID_REQUEST_ID,
            invalid,
            lambda s: submit_refused(s, request_id="r" * 257),
            "at most 256",
            "request_id",
        ),
        Case(rpc, Reason.REQUEST_ID_REUSED, reused, lambda s: reuse_request_id(s, video=VIDEO + b"x"), names_job=True),
        Case(rpc, Reason.REQUEST_ID_REUSED, reused, lambda s: reuse_request_id(s, pipeline_id="yolo"), names_job=True),
        Case(
            rpc,
            Reason.PAYLOAD_TOO_LARGE,
            Code.RESOURCE_EXHAUSTED,
            lambda s: submit_refused(s, video=VIDEO + b"x"),
            str(len(VIDEO)),
            settings=limit,
        ),
        Case(
            rpc,
            Reason.PAYLOAD_TOO_LARGE,
            Code.RESOURCE_EXHAUSTED,
            lambda s: submit_refused(s, video=VIDEO + bytes(12 << 20)),
            str(len(VIDEO)),
            settings=limit,
        ),
        Case(
            rpc,
            Reason.DISK_LOW,
            Code.RESOURCE_EXHAUSTED,
            submitted,
            "disk",
            retry_seconds=30,
            settings={"min_free_bytes": 1 << 62},
        ),
        Case(
            rpc,
            Reason.OVERLOADED,
            Code.RESOURCE_EXHAUSTED,
            submit_one_too_many,
            "memory",
            retry_seconds=1,
            settings=LITTLE_MEMORY,
        ),
        Case(rpc, Reason.INTERNAL, Code.INTERNAL, break_storage, "reference"),
        Case(rpc, Reason.MALFORMED_REQUEST, invalid, send_no_message, "bytes", ""),
    ]


def _job_cases() -> list[Case]:
    missing, invalid, not_found = Code.NOT_FOUND, Code.INVALID_ARGUMENT, Reason.JOB_NOT_FOUND
    cases = []
    for rpc in (*OF_CLIENTS, *OF_THE_HOLDER):
        cases.append(Case(rpc, not_found, missing, sending(rpc, lambda _: UNKNOWN_JOB), UNKNOWN_JOB, names_job=True))
        for text in ("", "job", UNKNOWN_JOB.replace("-", "")):
            call = sending(rpc, lambda _, text=text: text)
            cases.append(Case(rpc, Reason.INVALID_JOB_ID, invalid, call, "UUID", "job_id"))
    for rpc in OF_THE_HOLDER:
        for worker_id in ("", "w" * 257):
            call = sending(rpc, taken, worker_id=worker_id)
            cases.append(Case(rpc, Reason.INVALID_WORKER_ID, invalid, call, "1 to 256", "worker_id"))
        for prepare, worker_id in ((taken, "w2"), (submitted, WORKER), (failed, "w2")):
            call, says = sending(rpc, prepare, worker_id=worker_id), "does not hold job"
            cases.append(Case(rpc, Reason.LEASE_LOST, Code.FAILED_PRECONDITION, call, says, names_job=True))
    return cases


def _client_cases() -> list[Case]:
    rpc, missing, invalid, state = "GetJobResults", Code.NOT_FOUND, Code.INVALID_ARGUMENT, Code.FAILED_PRECONDITION
    not_finished, not_completed = Reason.JOB_NOT_FINISHED, Reason.JOB_NOT_COMPLETED
    return [
        Case(rpc, not_completed, missing, lambda s: send(s, rpc, submitted(s)), "is pending", names_job=True),
        Case(rpc, not_completed, missing, lambda s: send(s, rpc, taken(s)), "is running", names_job=True),
        Case(
            rpc,
            Reason.JOB_FAILED,
            missing,
            lambda s: send(s, rpc, failed(s)),
            "no frame can be read",
            names_job=True,
        ),
        Case(rpc, Reason.INVALID_FORMAT, invalid, lambda s: send(s, rpc, completed(s), format=3), "not 3", "format"),
        Case(rpc, Reason.INVALID_FORMAT, invalid, lambda s: send(s, rpc, completed(s), gzip=True), "gzip", "format"),
        Case(
            rpc,
            Reason.PAYLOAD_TOO_LARGE,
            Code.RESOURCE_EXHAUSTED,
            lambda s: send(s, rpc, completed(s)),
            "RESULTS_FORMAT_JSON",
            settings={"max_frames_bytes": len(DOCUMENT) - 1},
        ),
        Case(rpc, Reason.RESULTS_UNREADABLE, Code.DATA_LOSS, lose_results, "missing", names_job=True),
        Case(rpc, Reason.RESULTS_UNREADABLE, Code.DATA_LOSS, damage_results, "damaged", names_job=True),
        Case(
            "DeleteJob",
            not_finished,
            state,
            lambda s: send(s, "DeleteJob", submitted(s)),
            "pending",
            names_job=True,
        ),
        Case("DeleteJob", not_finished, state, lambda s: send(s, "DeleteJob", taken(s)), "is running", names_job=True),
        Case("ListJobs", Reason.INVALID_PAGE_SIZE, invalid, lambda s: list_jobs(s, page_size=-1), "-1", "page_size"),
        Case("ListJobs", Reason.INVALID_PAGE_TOKEN, invalid, lambda s: list_jobs(s, page_token="x"), "", "page_token"),
        Case("ListJobs", Reason.INVALID_STATUS, invalid, lambda s: list_jobs(s, status=5), "not 5", "status"),
        Case("ListPipelines", Reason.SHUTTING_DOWN, Code.UNAVAILABLE, call_while_stopping, "stopping", retry_seconds=1),
        Case(
            "SubmitJob",
            Reason.STORAGE_UNAVAILABLE,
            Code.UNAVAILABLE,
            submit_on_a_failing_disk,
            "cannot use its disk",
            retry_seconds=1,
        ),
    ]


def _cases_without_memory() -> list[Case]:
    long, definition = "x" * 20_000, {"kind": "ocr", "description": "x" * 500}
    job_failed, job_of_long_video = partial(failed, error_message=long), partial(taken, video=VIDEO + long.encode())
    job_completed = partial(completed, results_json=results_document([{"frame_index": 0, "result": {"text": long}}]))
    settings = LITTLE_MEMORY | {"pipeline_tables": {f"of-team-{number}": definition for number in range(40)}}
    return [
        Case(
            rpc,
            Reason.OVERLOADED,
            Code.RESOURCE_EXHAUSTED,
            call_without_memory(rpc, prepare),
            "no memory left for this answer",
            retry_seconds=1,
            settings=settings,
        )
        for rpc, prepare in (
            ("GetJobStatus", job_failed),
            ("GetJobResults", job_completed),
            ("ListJobs", job_failed),
            ("ListPipelines", job_failed),
            ("GetJobInput", job_of_long_video),
        )
    ]


def _worker_cases() -> list[Case]:
    invalid, exhausted = Code.INVALID_ARGUMENT, Code.RESOURCE_EXHAUSTED
    worker, too_large = Reason.INVALID_WORKER_ID, Reason.PAYLOAD_TOO_LARGE

    def waiting(**wait: int) -> Callable[[Running], object]:
        return lambda s: dequeue(s, worker_id=WORKER, wait=Duration(**wait))

    def reading(**chunk: int) -> Callable[[Running], object]:
        return lambda s: send(s, "GetJobInput", taken(s), **chunk)

    def completing(results_json: bytes, **digest: Any) -> Callable[[Running], object]:
        return lambda s: send(s, "CompleteJob", taken(s), results_json=results_json, **digest)

    def putting(**chunk: Any) -> Callable[[Running], object]:
        return lambda s: send(s, "PutJobResults", taken(s), **chunk)

    def failing(error_message: str) -> Callable[[Running], object]:
        return lambda s: send(s, "FailJob", taken(s), error_message=error_message)

    return [
        Case("Dequeue", worker, invalid, lambda s: dequeue(s, worker_id=""), "1 to 256", "worker_id"),
        Case("Dequeue", worker, invalid, lambda s: dequeue(s, worker_id="w" * 257), "1 to 256", "worker_id"),
        Case("Dequeue", Reason.INVALID_WAIT, invalid, waiting(seconds=-1), "wait", "wait"),
        Case("Dequeue", Reason.INVALID_WAIT, invalid, waiting(seconds=0, nanos=10**9), "wait", "wait"),
        Case("GetJobInput", Reason.INVALID_RANGE, invalid, reading(offset=-1), "-1", "offset"),
        Case("GetJobInput", Reason.INVALID_RANGE, invalid, reading(length=-1), "-1", "length"),
        Case("GetJobInput", Reason.INVALID_RANGE, invalid, reading(offset=len(VIDEO) + 1), "end", "offset"),
        Case("GetJobInput", Reason.INPUT_UNREADABLE, Code.DATA_LOSS, lose_video, "missing", names_job=True),
        Case("PutJobResults", Reason.INVALID_RANGE, invalid, putting(offset=-1), "between 0 and 0", "offset"),
        Case("PutJobResults", Reason.INVALID_RANGE, invalid, putting(offset=1), "between 0 and 0", "offset"),
        Case(
            "PutJobResults",
            too_large,
            exhausted,
            putting(),
            "the limit is 10",
            settings={"max_chunk_bytes": 10},
        ),
        Case(
            "PutJobResults",
            too_large,
            exhausted,
            putting(),
            "larger than 10 bytes",
            settings={"max_results_bytes": 10},
        ),
        Case("PutJobResults", Reason.DISK_LOW, exhausted, put_on_a_full_disk, "disk", retry_seconds=30),
        Case(
            "CompleteJob",
            Reason.RESULTS_INCOMPLETE,
            Code.FAILED_PRECONDITION,
            lambda s: send(
                s, "CompleteJob", taken(s), results_json=b"", results_size_bytes=1, results_sha256=bytes(32)
            ),
            "from offset 0",
            names_job=True,
        ),
        Case("CompleteJob", Reason.INVALID_RESULTS, invalid, completing(b""), "results_json", "results_json"),
        Case("CompleteJob", Reason.INVALID_RESULTS, invalid, completing(b"[]"), "results_json", "results_json"),
        *(
            Case("CompleteJob", Reason.INVALID_RESULTS, invalid, completing(b"", **digest), field, field)
            for digest, field in (
                ({"results_sha256": bytes(32)}, "results_size_bytes"),
                ({"results_size_bytes": 5, "results_sha256": b"x"}, "results_sha256"),
            )
        ),
        Case(
            "CompleteJob",
            too_large,
            exhausted,
            completing(DOCUMENT + bytes(12 << 20)),
            f"larger than {len(DOCUMENT)} bytes",
            settings={"max_results_bytes": len(DOCUMENT), "max_video_bytes": len(VIDEO)},
        ),
        Case(
            "CompleteJob",
            too_large,
            exhausted,
            completing(DOCUMENT),
            "PutJobResults",
            settings={"max_inline_results_bytes": len(DOCUMENT) - 1},
        ),
        Case("CompleteJob", Reason.DISK_LOW, exhausted, complete_on_a_full_disk, "disk", retry_seconds=30),
        Case("FailJob", Reason.INVALID_ERROR_MESSAGE, invalid, failing(" "), "what went wrong", "error_message"),
        Case("FailJob", too_large, exhausted, failing("x" * 11), "10", settings={"max_error_message_bytes": 10}),
    ]


CASES = [*_submit_cases(), *_job_cases(), *_client_cases(), *_cases_without_memory(), *_worker_cases()]
PROTO = Path(__file__).parents[2] / "protos/foregsyte/jobs/v1/jobs.proto"


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The server of all cases that need no other."""
    settings = ApiSettings.of(
        address="127.0.0.1:0",
        data_dir=tmp_path_factory.mktemp("data"),
        database_url=f"duckdb:///:memory:{uuid4().hex}",
        min_free_bytes=0,
    )
    with running_server(settings, storage=HookedStorage(), room_seconds=0.05) as server:
        yield server


def tidy_up(server: Running) -> None:
    """End what the case before left in the server."""
    storage: Any = server.services.storage
    storage.before_save = None
    while job_id := server.workers.Dequeue(pb.DequeueRequest(worker_id=WORKER)).job_id:
        server.workers.FailJob(pb.FailJobRequest(job_id=job_id, worker_id=WORKER, error_message="left over"))


@pytest.fixture
def refused(shared_server: Running, make_settings: Callable[..., ApiSettings]) -> Callable[[Case], Refusal]:
    def call(case: Case) -> Refusal:
        if case.needs_its_own_server:
            with running_server(make_settings(**case.settings), storage=HookedStorage(), room_seconds=0.05) as server:
                return refusal_of(lambda: case.call(server))
        tidy_up(shared_server)
        return refusal_of(lambda: case.call(shared_server))

    return call


@pytest.mark.parametrize("case", CASES, ids=[f"{number} {case.rpc} {case.reason}" for number, case in enumerate(CASES)])
def test_a_refused_call_has_a_code_a_reason_details_and_a_message(
    case: Case, refused: Callable[[Case], Refusal], tmp_path: Path
) -> None:
    refusal = refused(case)
    assert (refusal.code, refusal.reason) == (case.code, case.reason)
    details: dict[str, Any] = refusal.details
    assert details["ErrorInfo"].domain == ERROR_DOMAIN == "foregsyte"

    expected = {"ErrorInfo"}
    expected |= {"BadRequest"} if case.field is not None else set()
    expected |= {"ResourceInfo"} if case.names_job else set()
    expected |= {"RetryInfo"} if case.retry_seconds else set()
    assert set(details) == expected
    if case.field is not None:
        [violation] = details["BadRequest"].field_violations
        assert (violation.field, violation.description) == (case.field, refusal.message)
    if case.names_job:
        assert details["ResourceInfo"].resource_type == "foregsyte.jobs.v1.Job"
        assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", details["ResourceInfo"].resource_name)
    if case.retry_seconds:
        assert details["RetryInfo"].retry_delay.ToMilliseconds() == case.retry_seconds * 1000

    assert case.says in refusal.message
    whole = refusal.message + str(details)
    for private in ("/", "\\\\", "video_jobs", str(tmp_path), "Traceback", "secret"):
        assert private not in whole.replace("type.googleapis.com/", "")
    assert len(refusal.message) < 400


def test_every_reason_there_is_has_been_given() -> None:
    assert {case.reason for case in CASES} == set(Reason)


def test_every_rpc_gives_just_the_errors_that_its_comment_names() -> None:
    named: set[tuple[str, str]] = set()
    for comment, rpc in re.findall(r"((?:^ *//.*\n)+) *rpc (\w+)\(", PROTO.read_text(encoding="utf-8"), re.MULTILINE):
        errors = " ".join(comment.replace("//", " ").split()).partition("Errors:")[2]
        named |= {(rpc, reason) for reason in re.findall(r"[A-Z][A-Z0-9_]+", errors) if reason in set(Reason)}
    assert len(named) > 40
    of_any_rpc = {Reason.SHUTTING_DOWN, Reason.STORAGE_UNAVAILABLE, Reason.INTERNAL, Reason.MALFORMED_REQUEST}
    assert {(case.rpc, str(case.reason)) for case in CASES if case.reason not in of_any_rpc} == named


@pytest.mark.parametrize("rpc", ["SubmitJob", "ListJobs"])
def test_a_compressed_request_is_refused_by_grpc_itself_without_details(shared_server: Running, rpc: str) -> None:
    call = getattr(shared_server.jobs, rpc)
    request = submit_request() if rpc == "SubmitJob" else pb.ListJobsRequest(page_token="p" * 1000)
    refusal = refusal_of(lambda: call(request, compression=grpc.Compression.Gzip))
    assert (refusal.code, refusal.details) == (Code.UNIMPLEMENTED, {})


def test_an_unforeseen_error_is_found_in_the_log_by_its_reference(
    refused: Callable[[Case], Refusal], caplog: pytest.LogCaptureFixture
) -> None:
    case = next(case for case in CASES if case.reason is Reason.INTERNAL)
    with caplog.at_level(logging.ERROR):
        refusal = refused(case)
    [record] = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert refusal.message == f"internal error (reference {record.__dict__['reference']})"
    assert record.exc_info
    assert str(record.exc_info[1]) == SECRET


def test_a_job_whose_results_are_damaged_does_not_hurt_the_others(make_settings: Callable[..., ApiSettings]) -> None:
    with running_server(make_settings(), storage=MemoryStorage()) as server:
        whole = completed(server)
        refusal_of(lambda: damage_results(server))
        assert len(server.jobs.GetJobResults(pb.GetJobResultsRequest(job_id=whole)).results) == 1


def test_a_stopping_server_is_unavailable_whenever_it_is_called(make_settings: Callable[..., ApiSettings]) -> None:
    with running_server(make_settings(), storage=MemoryStorage()) as server:
        server.jobs.ListPipelines(pb.ListPipelinesRequest())
        stopping = in_thread(server.server.stop)
        codes = set()
        while not stopping.done():
            try:
                server.jobs.ListPipelines(pb.ListPipelinesRequest(), timeout=10)
            except grpc.RpcError as error:
                codes.add(error.code())
        codes.add(refusal_of(lambda: server.jobs.ListPipelines(pb.ListPipelinesRequest(), timeout=10)).code)
    # The library itself cancels a call that reaches it in the very instant in which it ends.
    assert Code.UNAVAILABLE in codes <= {Code.UNAVAILABLE, Code.CANCELLED}


def test_the_helpers_of_callers_read_reason_and_delay(make_settings: Callable[..., ApiSettings]) -> None:
    with running_server(make_settings(min_free_bytes=1 << 62)) as server:
        with pytest.raises(grpc.RpcError) as low:
            submitted(server)
        with pytest.raises(grpc.RpcError) as unknown:
            send(server, "GetJobStatus", UNKNOWN_JOB)
    assert (reason_of(low.value), retry_delay_seconds(low.value)) == ("DISK_LOW", 30.0)
    assert (reason_of(unknown.value), retry_delay_seconds(unknown.value)) == ("JOB_NOT_FOUND", None)


@pytest.mark.parametrize("length", [8_000, 60_000])
def test_the_longest_error_message_of_a_job_is_answered_with_its_reason(
    make_settings: Callable[..., ApiSettings], length: int
) -> None:
    with running_server(make_settings(), storage=MemoryStorage()) as server:
        job_id = failed(server, "x" * length)
        assert refusal_of(lambda: send(server, "GetJobResults", job_id)).reason == Reason.JOB_FAILED


def test_results_with_a_very_long_key_are_refused_with_their_reason(make_settings: Callable[..., ApiSettings]) -> None:
    document = b'{"results": [{"frame_index": 0, "result": {}, "%s": 1}]}' % (b"x" * 10_000)
    with running_server(make_settings(), storage=MemoryStorage()) as server:
        job_id = taken(server)
        refusal = refusal_of(lambda: send(server, "CompleteJob", job_id, results_json=document))
        assert refusal.reason == Reason.INVALID_RESULTS


DEEP = b'{"a":' * 60 + b"1" + b"}" * 60
HUGE = b'{"a": 1' + b"0" * 400 + b"}"


@pytest.mark.parametrize("result", [DEEP, HUGE], ids=["deep", "huge number"])
def test_whatever_results_are_accepted_can_be_read_in_both_formats(
    make_settings: Callable[..., ApiSettings], result: bytes
) -> None:
    document = b'{"results": [{"frame_index": 0, "result": %s}]}' % result
    with running_server(make_settings(), storage=MemoryStorage()) as server:
        job_id = taken(server)
        try:
            send(server, "CompleteJob", job_id, results_json=document)
        except grpc.RpcError as error:
            assert reason_of(error) == Reason.INVALID_RESULTS  # noqa: PT017 (either answer will do)
            return
        send(server, "GetJobResults", job_id, format=pb.RESULTS_FORMAT_JSON)
        send(server, "GetJobResults", job_id)
