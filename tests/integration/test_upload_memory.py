"""Uploads and the server's memory: what there is no room for is not read, however many come at once."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from job_api.settings import ApiSettings
from shared.contract.channel import CHANNEL_OPTIONS
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub
from shared.contract.reasons import Reason
from tests.support.adapters import BlockingStorage
from tests.support.errors import refusal_of
from tests.support.running import Running, running_server
from tests.support.samples import VIDEO, submit_request
from tests.support.serving import Served, serving
from tests.support.waiting import eventually, opened_at_the_end

pytestmark = pytest.mark.integration

MIB = 1 << 20
LIMIT_BYTES = 48 * MIB
"""The largest video, and the most bytes of uploads at one time: one upload of this size at a time."""
COPIES = 7
"""Most copies of one request: gRPC's buffers, two on their way out, and what the allocator keeps of the last."""
MANY = 8
MAX_UPLOADS = 3
CALL_SECONDS = 60.0
LIMITS = ("--max-video-bytes", str(LIMIT_BYTES), "--max-results-bytes", str(LIMIT_BYTES))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path / "data", *LIMITS, "--max-upload-bytes", str(LIMIT_BYTES)) as served:
        yield served


@pytest.fixture
def stubs(server: Served) -> Iterator[list[JobServiceStub]]:
    """Callers with a connection each."""
    own = [("grpc.use_local_subchannel_pool", 1), *CHANNEL_OPTIONS]
    channels = [grpc.insecure_channel(server.address, options=own) for _ in range(MANY)]
    yield [JobServiceStub(channel) for channel in channels]
    for channel in channels:
        channel.close()


def peak_bytes(server: Served) -> int:
    """Returns the most memory that the server has had."""
    status = Path(f"/proc/{server.process.popen.pid}/status").read_text()
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * 1024


def test_many_large_uploads_at_once_take_no_more_memory_than_was_set(
    server: Served, stubs: list[JobServiceStub]
) -> None:
    before = peak_bytes(server)
    request = submit_request(VIDEO + bytes(LIMIT_BYTES - len(VIDEO)))
    calls = [stub.SubmitJob.future(request, timeout=CALL_SECONDS) for stub in stubs]
    jobs = {call.result().job_id for call in calls}
    assert len(jobs) == MANY
    assert peak_bytes(server) - before < COPIES * LIMIT_BYTES


class Held:
    """A server whose one upload under way leaves no room for the next."""

    def __init__(self, server: Running, storage: BlockingStorage) -> None:
        self.server = server
        self.storage = storage
        self.first = server.jobs.SubmitJob.future(submit_request())
        assert storage.saves_entered.acquire(timeout=20)

    def next(self, **how: Any) -> Any:
        """Starts the next upload and returns it once it waits for room."""
        call = self.server.jobs.SubmitJob.future(submit_request(), **how)
        self.server.jobs.ListPipelines(pb.ListPipelinesRequest(), timeout=10)  # the server answers what came after it
        return call

    def let_through(self) -> None:
        """Lets everything go on; in the end nothing may be counted any more."""
        self.storage.let_through.set()
        assert self.first.result(20).job_id
        eventually(self._takes_as_many_as_were_set, "every upload to be counted no longer")

    def _takes_as_many_as_were_set(self) -> bool:
        calls = [self.server.jobs.SubmitJob.future(submit_request(), timeout=20) for _ in range(MAX_UPLOADS)]
        return [call.exception() for call in calls] == [None] * MAX_UPLOADS


@contextmanager
def holding(settings: ApiSettings, **how: Any) -> Iterator[Held]:
    storage = BlockingStorage()
    with running_server(settings, storage=storage, **how) as server, opened_at_the_end(storage.let_through):
        yield Held(server, storage)


@pytest.fixture
def settings(make_settings: Callable[..., ApiSettings]) -> ApiSettings:
    return make_settings(max_video_bytes=MIB, max_results_bytes=MIB, max_upload_bytes=MIB, max_uploads=MAX_UPLOADS)


@pytest.fixture
def held(settings: ApiSettings) -> Iterator[Held]:
    with holding(settings) as held:
        yield held


class TestWaitingForRoom:
    def test_one_that_waits_is_taken_when_there_is_room_and_other_calls_go_on_meanwhile(self, held: Held) -> None:
        waiting = held.next()
        assert held.server.jobs.ListJobs(pb.ListJobsRequest(), timeout=10).jobs == []
        held.let_through()
        assert waiting.result(20).job_id

    def test_one_that_waits_too_long_is_refused_with_a_time_to_try_again(self, settings: ApiSettings) -> None:
        with holding(settings, room_seconds=0.05) as held:
            refusal = refusal_of(lambda: held.server.jobs.SubmitJob(submit_request()))
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.OVERLOADED)
            assert "RetryInfo" in refusal.details
            held.let_through()

    def test_one_whose_caller_goes_makes_room_again(self, held: Held) -> None:
        held.next().cancel()
        held.let_through()

    def test_one_whose_deadline_passes_makes_room_again(self, held: Held) -> None:
        refusal = refusal_of(held.next(timeout=1).result)
        assert refusal.code is grpc.StatusCode.DEADLINE_EXCEEDED
        held.let_through()


def test_a_message_that_grpc_itself_refuses_makes_room_again(settings: ApiSettings) -> None:
    with running_server(settings) as server:
        for _ in range(3):
            refusal = refusal_of(lambda: server.jobs.SubmitJob(submit_request(VIDEO + bytes(20 * MIB))))
            assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert server.jobs.SubmitJob(submit_request(), timeout=20).job_id


def test_many_uploads_on_one_connection_leave_its_other_calls_working(server: Served) -> None:
    request = submit_request(VIDEO + bytes(LIMIT_BYTES // 4))
    calls = [server.jobs.SubmitJob.future(request, timeout=CALL_SECONDS) for _ in range(MANY)]
    while not all(call.done() for call in calls):
        server.jobs.ListJobs(pb.ListJobsRequest(), timeout=CALL_SECONDS)
    assert len({call.result().job_id for call in calls}) == MANY
