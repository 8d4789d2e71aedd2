"""Every RPC with everything that a client can send: no call ends in UNKNOWN or INTERNAL, no final job ever changes.

`make test` makes five hundred calls, `make test-long` twenty thousand. For more, with a seed of your own:

    FOREGSYTE_TEST_SEED=1 FOREGSYTE_TEST_CALLS=100000 pytest tests/integration/test_rpc_fuzz.py -s
"""

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import grpc
import pytest
from google.protobuf.descriptor import FieldDescriptor, MethodDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from job_api.settings import ApiSettings
from shared.contract.errors import reason_of
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.reasons import Reason
from shared.results import MAX_NESTING
from tests.support.errors import Refusal, refusal_of
from tests.support.running import Running, running_server
from tests.support.samples import DOCUMENT, OTHER_DOCUMENT, OTHER_VIDEO, UNKNOWN_JOB, VIDEO, submit_request

Code = grpc.StatusCode

CALLS = int(os.environ.get("FOREGSYTE_TEST_CALLS", "500"))
MANY_CALLS = 20_000
pytestmark = [pytest.mark.integration, pytest.mark.timeout(300 + CALLS // 20)]

CHECK_EVERY = 500
CHECKED_JOBS = 100
"""How many jobs are checked each time; at the end all of them are."""
MAX_BYTES = 100_000
"""The server's limit for videos and results; on other systems than Linux the library's own lies 16 MiB above it."""
OVERSIZED_BYTES = 17 << 20
QUICK_SECONDS = 0.001
CALL_SECONDS = 60.0
LONGEST_DURATION_SECONDS = 315_576_000_000
"""See google/protobuf/duration.proto."""

METHODS: list[MethodDescriptor] = [
    method for service in pb.DESCRIPTOR.services_by_name.values() for method in service.methods
]
WEIGHTS = [{"SubmitJob": 4, "Dequeue": 4, "CompleteJob": 2, "DeleteJob": 0.2}.get(method.name, 1) for method in METHODS]
"""Jobs must come, be taken and end faster than they are deleted."""

CODES_OF_THE_CONTRACT = {
    Code.INVALID_ARGUMENT,
    Code.NOT_FOUND,
    Code.ALREADY_EXISTS,
    Code.FAILED_PRECONDITION,
    Code.RESOURCE_EXHAUSTED,
}
CODES_OF_THE_CALLER = {Code.DEADLINE_EXCEEDED, Code.CANCELLED}
PRIVATE = ("Traceback", 'File "', ".py", "duckdb", "sqlalchemy", "job_api", "video_jobs/", "site-packages")
"""Nothing that a fuzzed value can hold by chance: so it shows internals of the server."""

WORKER_IDS = ["w1", "w2", "w3", "w" * 256, "w" * 257, "\0", "ж\u200b\U0001f600"]
STRINGS = [
    "",
    " ",
    "\0",
    "a\0b",
    "\n\r\t\x1b[31m\x7f",
    "'; DROP TABLE jobs; --",
    '"%s%n{0}${x}',
    "\u202e\ufeff\u2028\U0001f600\U000e0001",
    "é" * 300,
    "x" * 257,
    "x" * 70_000,
    "\U0001f600" * 20_000,
]
TOKENS = ["AAAA", "=", "-_-_", "/" * 32, "A" * 32, "_" * 32, "A" * 31, "ж" * 8]
INTEGERS = [0, 1, -1, 2, 3, 4, 5, 7, 100, 264, 265, 2**31 - 1, -(2**31), 2**53, 2**63 - 1, -(2**63)]
VALUES = [
    '{"a":' * 60 + "1" + "}" * 60,
    '{"a":' + "[" * 50_000 + "]" * 50_000 + "}",
    '{"a":' * 10 + "1" + "}" * 10,
    '{"a":' * 9 + "[]" + "}" * 9,
    '{"a": 1e999}',
    '{"a": -1e999}',
    '{"a": 1e308, "b": 1e-999, "c": -0.0}',
    '{"a": 1%s}' % ("0" * 400),
    '{"a": 18446744073709551616}',
    '{"a": NaN}',
    '{"\\u0000": "\\u0000", "\\ud83d\\ude00": "\\n"}',
    '{"a": "\\ud800"}',
    '{"": null, "a": true, "b": [], "c": {}}',
    "[]",
    "null",
    '{"%s": 1}' % ("k" * 60_000),
]
DOCUMENTS = [
    DOCUMENT,
    OTHER_DOCUMENT,
    b"",
    b"[]",
    b"\xff",
    b'{"results": []}',
    b"[" * 90_000,
    b'{"%s": 1}' % (b"k" * 60_000),
    b'{"results": [{"frame_index": 9223372036854775808, "result": {}}]}',
    *(b'{"results": [{"frame_index": 0, "result": %s}]}' % value.encode() for value in VALUES),
]
VIDEOS = [VIDEO, VIDEO, OTHER_VIDEO, b"", b"ftyp", b"\0" * 61 + b"ftyp", b"\0" * 60 + b"ftyp", VIDEO + bytes(MAX_BYTES)]


@dataclass
class Fuzzer:
    """Makes calls to one server, knows what it was answered, and checks every answer.

    Attributes:
        codes: How many calls ended how.
        jobs: Every job id that was answered.
        final: Jobs seen in a final state, with all that was then seen of them.
        holders: Who was given which job.
        ended: Jobs that have ended, with who held them.
        care: How likely a value is one that may be right, and a field is set.
        unsure: Jobs that a deletion nobody waits for may still take.
        tokens: Page tokens that were answered.
    """

    server: Running
    chance: random.Random
    private: tuple[str, ...]
    codes: Counter[str] = field(default_factory=Counter)
    jobs: list[str] = field(default_factory=list)
    final: dict[str, tuple[bytes, object]] = field(default_factory=dict)
    holders: dict[str, str] = field(default_factory=dict)
    ended: list[tuple[str, str]] = field(default_factory=list)
    care: float = 0.0
    unsure: set[str] = field(default_factory=set)
    tokens: list[str] = field(default_factory=list)

    # -- what is sent -----------------------------------------------------------------------------------------------

    def text(self) -> str:
        if self.chance.random() < 0.7:
            return self.chance.choice(STRINGS)
        return "".join(chr(self.chance.choice([*range(0xD800), *range(0xE000, 0xE010), 0x10FFFF])) for _ in range(9))

    def job_id(self) -> str:
        if self.jobs and self.chance.random() < self.care:
            job_id = self.chance.choice(self.jobs[-20:])
            return job_id if self.chance.random() < self.care else self.chance.choice(spellings_of(job_id))
        return self.chance.choice([UNKNOWN_JOB, str(uuid4()), *spellings_of(UNKNOWN_JOB), self.text()])

    def value_of(self, part: FieldDescriptor) -> Any:
        """Return a value of the field's type: one that may be right, one from the edge, or any."""
        choose, often = self.chance.choice, self.chance.random() < self.care
        likely: dict[str, Callable[[], Any]] = {
            "job_id": self.job_id,
            "worker_id": lambda: choose(WORKER_IDS[:3] * 6 + WORKER_IDS),
            "pipeline_id": lambda: choose(["ocr", "yolo", "yolo_ocr"]),
            "request_id": lambda: choose([*[str(self.chance.random())] * 20, "", "r1", "r2", *STRINGS]),
            "video": lambda: choose(VIDEOS),
            "results_json": lambda: choose(DOCUMENTS[:2] * 4 + DOCUMENTS),
            "error_message": lambda: choose(["no frame", *STRINGS]),
            "page_token": lambda: choose(["", *TOKENS, *self.tokens[-5:]]),
            "page_size": lambda: choose([0, 1, 3, 1000]),
            "status": lambda: choose(range(5)),
            "format": lambda: choose(range(3)),
            "offset": lambda: choose([0, 1, len(VIDEO)]),
            "length": lambda: choose([0, 1, len(VIDEO)]),
        }
        if often and part.name in likely:
            return likely[part.name]()
        if part.type == FieldDescriptor.TYPE_STRING:
            return self.text()
        if part.type == FieldDescriptor.TYPE_BYTES:
            return self.chance.randbytes(choose([0, 1, 64, 1000]))
        if part.type == FieldDescriptor.TYPE_MESSAGE:
            return self.message(GetMessageClass(part.message_type))
        number = choose([*INTEGERS, self.chance.randrange(-(2**63), 2**63)])
        return number if part.type == FieldDescriptor.TYPE_INT64 else max(-(2**31), min(number, 2**31 - 1))

    def message(self, kind: type[Message]) -> Message:
        """Return a message with most of its fields set; whoever is said to hold a job mostly does."""
        message = kind()
        for part in kind.DESCRIPTOR.fields:
            if self.chance.random() > self.care:
                continue
            value = self.value_of(part)
            if isinstance(value, Message):
                getattr(message, part.name).CopyFrom(value)
            else:
                setattr(message, part.name, value)
        about_a_held_job = {"job_id", "worker_id"} <= set(kind.DESCRIPTOR.fields_by_name)
        holders = list(self.holders.items())[-5:] + self.ended[-3:] + self.ended[:3]
        if about_a_held_job and holders and self.chance.random() < self.care:
            held: Any = message
            held.job_id, held.worker_id = self.chance.choice(holders)
        return message

    def malformed(self, request: bytes) -> bytes:
        """Return bytes that are probably no message, or another one."""
        malformed = bytearray(request)
        way = self.chance.randrange(8)
        if way == 0 or not malformed:
            return self.chance.randbytes(self.chance.choice([1, 2, 10, 100]))
        if way == 1:
            return bytes(malformed[: self.chance.randrange(len(malformed))])
        if way == 2:
            return bytes(malformed) + self.chance.choice([b"\xff", b"\x0a\xff\xff\xff\xff\x0f", b"\x0a\x02\xff\xfe"])
        if way == 3:
            return b"\x0a\x03\xed\xa0\x80" + bytes(malformed)  # field 1: half a surrogate pair, which is no UTF-8
        if way == 4:
            return b"\x0b" * 200 + bytes(malformed)  # groups in groups
        for _ in range(self.chance.randint(1, 5)):
            malformed[self.chance.randrange(len(malformed))] = self.chance.randrange(256)
        return bytes(malformed)

    # -- calls ------------------------------------------------------------------------------------------------------

    def call_any(self) -> None:
        [method] = self.chance.choices(METHODS, WEIGHTS)
        self.care = self.chance.choice([0.6, 0.95, 0.995])
        request = self.message(GetMessageClass(method.input_type))
        if isinstance(request, pb.DequeueRequest) and 0 <= request.wait.seconds <= LONGEST_DURATION_SECONDS:
            request.wait.seconds %= 2 if self.chance.random() < 0.01 else 1  # a long wait shows nothing here
        content = request.SerializeToString()
        how = self.chance.random()
        if how < 0.15:
            self.call(method, self.malformed(content))
        elif how < 0.18:
            self.call(method, content, timeout=QUICK_SECONDS)
        elif how < 0.21:
            self.call(method, content, cancelled=True)
        elif how < 0.22:
            self.call_unknown(content)
        elif how < 0.221:
            self.call(method, content + b"\xfa\x01" + varint(OVERSIZED_BYTES) + bytes(OVERSIZED_BYTES))
        else:
            self.call(method, content)

    def call(
        self, method: MethodDescriptor, content: bytes, timeout: float = CALL_SECONDS, *, cancelled: bool = False
    ) -> None:
        service = method.containing_service.full_name
        call = self.server.channel.unary_unary(f"/{service}/{method.name}").future(content, timeout=timeout)
        if cancelled:
            call.cancel()
        if method.name == "DeleteJob":
            self.may_be_deleted(content, is_unsure=cancelled or timeout < 1)
        try:
            answer = call.result()
        except grpc.FutureCancelledError:
            self.codes["CANCELLED"] += 1
        except grpc.RpcError as error:
            self.check_refusal(error, method, content, is_hurried=timeout < 1)
        else:
            self.codes["OK"] += 1
            self.note_answer(method, content, GetMessageClass(method.output_type).FromString(answer))

    def call_unknown(self, content: bytes) -> None:
        service = self.chance.choice([method.containing_service.full_name for method in METHODS] + ["foregsyte.None"])
        call = self.server.channel.unary_unary(f"/{service}/{self.chance.choice(['Drop', '', 'submitJob'])}")
        assert refusal_of(lambda: call(content)).code is Code.UNIMPLEMENTED
        self.codes["UNIMPLEMENTED"] += 1

    # -- what is answered -------------------------------------------------------------------------------------------

    def check_refusal(self, error: Any, method: MethodDescriptor, content: bytes, *, is_hurried: bool) -> None:
        code, message, reason = error.code(), error.details(), reason_of(error)
        self.codes[f"{code.name} {reason or ''}".strip()] += 1
        what = f"{method.name} {content[:200]!r} ({len(content)} bytes): {code} {reason} {message}"
        assert code in CODES_OF_THE_CONTRACT or (is_hurried and code in CODES_OF_THE_CALLER), what
        if len(content) > OVERSIZED_BYTES:
            assert code is Code.RESOURCE_EXHAUSTED, what  # the library's own has no reason
        elif code in CODES_OF_THE_CONTRACT:
            assert reason in set(Reason), what
            assert message, what
        seen = message + str(error.trailing_metadata())
        assert not [word for word in (*PRIVATE, *self.private) if word in seen], what

    def note_answer(self, method: MethodDescriptor, content: bytes, answer: Any) -> None:
        if method.name == "Dequeue" and answer.job_id:
            self.holders[answer.job_id] = pb.DequeueRequest.FromString(content).worker_id
        if method.name in ("CompleteJob", "FailJob", "ReleaseJob"):
            request = GetMessageClass(method.input_type).FromString(content)
            job_id = request.job_id.lower()
            if self.holders.pop(job_id, None) and method.name != "ReleaseJob":
                self.ended.append((job_id, request.worker_id))
                self.check_final_job(job_id)
        if method.name in ("SubmitJob", "Dequeue") and answer.job_id not in {"", *self.jobs, *self.unsure}:
            self.jobs.append(answer.job_id)
        if method.name == "ListJobs":
            self.tokens.append(answer.next_page_token)

    def may_be_deleted(self, content: bytes, *, is_unsure: bool) -> None:
        """Drop the job that a call may delete: it may be deleted, or be made again by its request_id, or, where nobody
        waits for the answer, go at any time."""
        text = content.lower()
        for job_id in [job_id for job_id in self.jobs if job_id.encode() in text]:
            self.final.pop(job_id, None)
            if is_unsure:
                self.jobs.remove(job_id)
                self.unsure.add(job_id)

    def check_final_jobs(self, at_most: int) -> None:
        """What has ended stays as it was; what has ended since is kept."""
        chosen = {*self.jobs[-at_most:], *self.chance.sample(sorted(self.final), min(at_most, len(self.final)))}
        for job_id in sorted(chosen):
            self.check_final_job(job_id)

    def check_final_job(self, job_id: str) -> None:
        try:
            status = self.server.jobs.GetJobStatus(pb.GetJobStatusRequest(job_id=job_id))
        except grpc.RpcError as error:
            assert reason_of(error) == Reason.JOB_NOT_FOUND  # noqa: PT017 (deleted, unless it must be there)
            assert job_id not in self.final, f"{job_id} is missing"
            return
        if status.status not in (pb.JOB_STATUS_COMPLETED, pb.JOB_STATUS_FAILED):
            assert job_id not in self.final, f"{job_id} had ended"
            return
        seen = status.SerializeToString(), self.results_of(job_id, status.status)
        if job_id not in self.unsure:
            assert self.final.setdefault(job_id, seen) == seen, f"{job_id} has changed"

    def results_of(self, job_id: str, status: int) -> object:
        """Return the results in both formats, which must be there for a completed job and for no other."""
        if status != pb.JOB_STATUS_COMPLETED:
            refusal = refusal_of(lambda: self.server.jobs.GetJobResults(pb.GetJobResultsRequest(job_id=job_id)))
            assert refusal.reason == Reason.JOB_FAILED
            return None
        text = self.server.jobs.GetJobResults(
            pb.GetJobResultsRequest(job_id=job_id, format=pb.RESULTS_FORMAT_JSON)
        ).results_json
        frames = self.server.jobs.GetJobResults(pb.GetJobResultsRequest(job_id=job_id)).results
        assert [frame.frame_index for frame in frames] == [entry["frame_index"] for entry in json.loads(text)]
        return text


def spellings_of(job_id: str) -> list[str]:
    """Return what some parsers take for the same UUID: only the first is one that the contract takes."""
    bare = job_id.replace("-", "")
    return [job_id.upper(), bare, f"{{{job_id}}}", f"urn:uuid:{job_id}", f" {job_id}", f"{job_id}\n", job_id[:-1]]


def varint(number: int) -> bytes:
    """Return the number as protobuf writes it; see protobuf.dev/programming-guides/encoding."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*encoded, number])


def a_job_can_be_taken_through_its_life(server: Running) -> None:
    job_id = server.jobs.SubmitJob(submit_request()).job_id
    for number in range(100_000):
        taken = server.workers.Dequeue(pb.DequeueRequest(worker_id=f"good {number}")).job_id
        if taken == job_id:
            break
    completion = pb.CompleteJobRequest(job_id=job_id, worker_id=f"good {number}", results_json=DOCUMENT)
    server.workers.CompleteJob(completion)
    assert server.jobs.GetJobStatus(pb.GetJobStatusRequest(job_id=job_id)).status == pb.JOB_STATUS_COMPLETED


@pytest.mark.parametrize(
    "calls", [CALLS, pytest.param(MANY_CALLS, marks=[pytest.mark.corpus, pytest.mark.long, pytest.mark.timeout(1800)])]
)
def test_whatever_is_sent_the_answer_is_one_of_the_contract_and_the_server_keeps_running(
    calls: int, make_settings: Callable[..., ApiSettings], tmp_path: Any
) -> None:
    seed = os.environ.get("FOREGSYTE_TEST_SEED") or uuid4().hex[:8]
    print(f"FOREGSYTE_TEST_SEED={seed} FOREGSYTE_TEST_CALLS={calls}")  # noqa: T201 (pytest shows it on failure)
    settings = make_settings(max_video_bytes=MAX_BYTES, max_results_bytes=MAX_BYTES, lease_seconds=2)
    with running_server(settings) as server:
        fuzzer = Fuzzer(server, random.Random(seed), (str(tmp_path), str(settings.data_dir)))
        for number in range(1, calls + 1):
            fuzzer.call_any()
            if number % CHECK_EVERY == 0:
                fuzzer.check_final_jobs(CHECKED_JOBS)
        fuzzer.check_final_jobs(calls)
        a_job_can_be_taken_through_its_life(server)
    for outcome, count in fuzzer.codes.most_common():
        print(f"{count:7} {outcome}")  # noqa: T201
    print(f"{len(fuzzer.jobs)} jobs, {len(fuzzer.final)} of them final and unchanged")  # noqa: T201
    assert fuzzer.codes["OK"] > calls / 10
    assert len(fuzzer.final) > calls / 500


@pytest.fixture
def server(make_settings: Callable[..., ApiSettings]) -> Iterator[Running]:
    with running_server(make_settings()) as running:
        yield running


def refusal_of_bytes(server: Running, service: str, rpc: str, content: bytes) -> Refusal:
    call = server.channel.unary_unary(f"/{service}/{rpc}")
    return refusal_of(lambda: call(content, timeout=CALL_SECONDS))


class TestMalformedRequests:
    @pytest.mark.parametrize("content", [b"\xff\xff\xff", b"\x0a\x7f", b"\x0b" * 200], ids=repr)
    def test_malformed_bytes_are_refused_by_every_rpc_with_a_message(self, server: Running, content: bytes) -> None:
        for method in METHODS:
            refusal = refusal_of_bytes(server, method.containing_service.full_name, method.name, content)
            assert (refusal.code, refusal.reason) == (Code.INVALID_ARGUMENT, Reason.MALFORMED_REQUEST)
            assert refusal.message == "the request's bytes are not the message that this call takes"

    def test_text_that_is_no_utf8_is_refused_with_a_message(self, server: Running) -> None:
        for method in METHODS:
            for part in method.input_type.fields:
                if part.type == FieldDescriptor.TYPE_STRING:
                    half_a_pair = bytes([part.number << 3 | 2]) + b"\x03\xed\xa0\x80"
                    refusal = refusal_of_bytes(server, method.containing_service.full_name, method.name, half_a_pair)
                    assert refusal.reason == Reason.MALFORMED_REQUEST

    def test_a_malformed_request_to_a_stopping_server_is_answered_unavailable(self, server: Running) -> None:
        refusals: list[Refusal] = []
        server.stop_hook.during_stop = lambda: refusals.append(
            refusal_of_bytes(server, "foregsyte.jobs.v1.JobService", "ListJobs", b"\xff")
        )
        server.server.stop()
        [refusal] = refusals
        assert (refusal.code, refusal.reason) == (Code.UNAVAILABLE, Reason.SHUTTING_DOWN)


def run_with_results(server: Running, result: str) -> str:
    """Complete a job with this result of its one frame; return the job's id."""
    job_id = server.jobs.SubmitJob(submit_request()).job_id
    server.workers.Dequeue(pb.DequeueRequest(worker_id="w"))
    document = b'{"results": [{"frame_index": 0, "result": %s}]}' % result.encode()
    server.workers.CompleteJob(pb.CompleteJobRequest(job_id=job_id, worker_id="w", results_json=document))
    return job_id


TOO_DEEP = f"nested at most {MAX_NESTING} deep"


class TestResultsThatAreHardToAnswer:
    @pytest.mark.parametrize(
        "result",
        [
            '{"a":' * MAX_NESTING + "1" + "}" * MAX_NESTING,
            '{"a":' + "[" * (MAX_NESTING - 1) + "null" + "]" * (MAX_NESTING - 1) + "}",
            '{"a": 1.7e308, "b": 18446744073709551616, "c": 1e-999}',
            '{"\\u0000": "\\u0000"}',
        ],
        ids=["deepest objects", "deepest lists", "largest numbers", "zero characters"],
    )
    def test_whatever_was_accepted_is_answered_in_both_formats(self, server: Running, result: str) -> None:
        job_id = run_with_results(server, result)
        text = server.jobs.GetJobResults(pb.GetJobResultsRequest(job_id=job_id, format=pb.RESULTS_FORMAT_JSON))
        [frame] = server.jobs.GetJobResults(pb.GetJobResultsRequest(job_id=job_id)).results
        assert MessageToDict(frame.result) == json.loads(text.results_json)[0]["result"] == json.loads(result)

    @pytest.mark.parametrize(
        ("result", "why"),
        [
            ('{"a":' * (MAX_NESTING + 1) + "1" + "}" * (MAX_NESTING + 1), TOO_DEEP),
            ('{"a":' + "[" * MAX_NESTING + "]" * MAX_NESTING + "}", TOO_DEEP),
            ('{"a":' + "[" * 90_000 + "]" * 90_000 + "}", TOO_DEEP),
            ('{"a": 1e999}', "Number out of range"),
            ('{"a": 1' + "0" * 400 + "}", "Number out of range"),
        ],
        ids=["objects too deep", "lists too deep", "lists far too deep", "endless", "an integer beyond a double"],
    )
    def test_what_could_not_be_answered_is_refused_and_the_job_stays_the_workers(
        self, server: Running, result: str, why: str
    ) -> None:
        refusal = refusal_of(lambda: run_with_results(server, result))
        assert refusal.reason == Reason.INVALID_RESULTS
        assert why in refusal.message
        [job] = server.jobs.ListJobs(pb.ListJobsRequest()).jobs
        server.workers.RenewLease(pb.RenewLeaseRequest(job_id=job.job_id, worker_id="w"))

    def test_a_very_long_message_is_cut_so_that_its_reason_still_arrives(self, server: Running) -> None:
        job_id = server.jobs.SubmitJob(submit_request()).job_id
        server.workers.Dequeue(pb.DequeueRequest(worker_id="w"))
        why = "\U0001f600" * 16_000
        server.workers.FailJob(pb.FailJobRequest(job_id=job_id, worker_id="w", error_message=why))
        refusal = refusal_of(lambda: server.jobs.GetJobResults(pb.GetJobResultsRequest(job_id=job_id)))
        assert refusal.reason == Reason.JOB_FAILED
        assert refusal.message.startswith(f"job {job_id} failed and has no results: \U0001f600")
        assert refusal.message.endswith(" ...")
        assert server.jobs.GetJobStatus(pb.GetJobStatusRequest(job_id=job_id)).error_message == why


@pytest.mark.parametrize(
    "text", ["\0", "a\0b", "\n\r\t\x1b[31m\x7f", "\ufeff\u2028\U0001f600\U000e0001", "'; DROP TABLE jobs"], ids=repr
)
def test_text_of_any_characters_is_kept_as_it_was_sent(server: Running, text: str) -> None:
    job_id = server.jobs.SubmitJob(submit_request(request_id=text)).job_id
    assert server.jobs.SubmitJob(submit_request(request_id=text)).job_id == job_id
    assert server.jobs.SubmitJob(submit_request(request_id=text + "x")).job_id != job_id
    assert server.workers.Dequeue(pb.DequeueRequest(worker_id=text)).job_id == job_id
    server.workers.FailJob(pb.FailJobRequest(job_id=job_id, worker_id=text, error_message=text))
    server.workers.FailJob(pb.FailJobRequest(job_id=job_id, worker_id=text, error_message=text))
    assert server.jobs.GetJobStatus(pb.GetJobStatusRequest(job_id=job_id)).error_message == text
    [failed] = server.jobs.ListJobs(pb.ListJobsRequest(status=pb.JOB_STATUS_FAILED)).jobs
    assert failed.error_message == text
