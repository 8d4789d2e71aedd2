"""Uploads and the server's memory: what there is no room for is not read, however many come at once."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest

from job_api import listener
from job_api.settings import ApiSettings
from shared.contract.channel import CHANNEL_OPTIONS
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub
from shared.contract.reasons import Reason
from tests.conftest import OPTIONAL
from tests.support.adapters import BlockingStorage
from tests.support.errors import refusal_of
from tests.support.failpoint_server import STUCK
from tests.support.running import Running, running_server
from tests.support.samples import VIDEO, submit_request
from tests.support.serving import Served, serving
from tests.support.waiting import eventually, opened_at_the_end

pytestmark = pytest.mark.integration

MIB = 1 << 20
LIMIT_BYTES = 48 * MIB
"""The largest video, and the most bytes of uploads at one time: one upload of this size at a time."""
COPIES = 10
"""More copies of one request than there ever are: gRPC's buffers, what is being stored, and what the allocator keeps.
All of the uploads together would take three times as much."""
LARGE = VIDEO + bytes(MIB - len(VIDEO))
"""One of these leaves no room for another."""
MANY = 8
MAX_UPLOADS = 3
CALL_SECONDS = 60.0
BOMB_BYTES = 32 * MIB
"""Small enough to be a video; compressed, 32 KiB."""
STUCK_SECONDS = 5.0
"""Far longer than it takes to send all of the uploads to a server that reads them."""
LIMITS = ("--max-video-bytes", str(LIMIT_BYTES), "--max-results-bytes", str(LIMIT_BYTES))
LIMITS += ("--max-inflight-bytes", str(LIMIT_BYTES + MIB))


@contextmanager
def callers(server: Served) -> Iterator[list[JobServiceStub]]:
    """Yield callers with a connection each."""
    own = [("grpc.use_local_subchannel_pool", 1), *CHANNEL_OPTIONS]
    with ExitStack() as stack:
        channels = [grpc.insecure_channel(server.address, options=own) for _ in range(MANY)]
        yield [JobServiceStub(stack.enter_context(channel)) for channel in channels]


@pytest.mark.corpus
@pytest.mark.skipif(sys.platform != "linux", reason=f"{OPTIONAL} only Linux limits the memory of a running process")
def test_many_large_uploads_at_once_take_no_more_memory_than_was_set(tmp_path: Path) -> None:
    """The disk does not answer, so no upload ends. Without the limit all are in memory and the server dies."""
    stuck = ("tests.support.failpoint_server", f"{STUCK}video half written")
    with (
        serving(tmp_path / "data", *LIMITS, "--shutdown-seconds", "0.1", module=stuck) as server,
        callers(server) as stubs,
    ):
        process = psutil.Process(server.process.popen.pid)
        most = process.memory_info().data + COPIES * LIMIT_BYTES
        process.rlimit(psutil.RLIMIT_DATA, (most, most))
        request = submit_request(VIDEO + bytes(LIMIT_BYTES - len(VIDEO)))
        calls = [stub.SubmitJob.future(request, timeout=STUCK_SECONDS) for stub in stubs]
        codes = {refusal_of(call.result).code for call in calls}
        assert codes <= {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}
        assert server.jobs.ListPipelines(pb.ListPipelinesRequest(), timeout=CALL_SECONDS).pipelines


@pytest.mark.skipif(sys.platform != "linux", reason=f"{OPTIONAL} only Linux limits the memory of a running process")
def test_a_compressed_request_takes_no_memory_however_large_it_would_become(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        process = psutil.Process(server.process.popen.pid)
        most = process.memory_info().data + BOMB_BYTES * 3 // 4
        process.rlimit(psutil.RLIMIT_DATA, (most, most))
        request = submit_request(VIDEO + bytes(BOMB_BYTES))
        call = server.jobs.SubmitJob
        refusal = refusal_of(lambda: call(request, compression=grpc.Compression.Gzip, timeout=CALL_SECONDS))
        assert refusal.code is grpc.StatusCode.UNIMPLEMENTED
        assert server.jobs.ListPipelines(pb.ListPipelinesRequest(), timeout=CALL_SECONDS).pipelines


class Held:
    """A server whose one upload under way leaves no room for the next."""

    def __init__(self, server: Running, storage: BlockingStorage) -> None:
        self.server = server
        self.storage = storage
        self.first = server.jobs.SubmitJob.future(submit_request(LARGE))
        assert storage.saves_entered.acquire(timeout=20)

    def next(self, **how: Any) -> Any:
        """Start the next upload and return it once it waits for room."""
        call = self.server.jobs.SubmitJob.future(submit_request(LARGE), **how)
        self.server.jobs.ListPipelines(pb.ListPipelinesRequest(), timeout=10)  # the server answers what came after it
        return call

    def let_through(self) -> None:
        """Let everything go on; in the end nothing may be counted any more."""
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
    return make_settings(
        max_video_bytes=MIB, max_results_bytes=MIB, max_inflight_bytes=2 * MIB, max_uploads=MAX_UPLOADS
    )


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
            refusal = refusal_of(lambda: held.server.jobs.SubmitJob(submit_request(LARGE)))
            assert (refusal.code, refusal.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.OVERLOADED)
            assert "RetryInfo" in refusal.details
            held.let_through()

    def test_one_whose_caller_goes_makes_room_again(self, held: Held) -> None:
        held.next().cancel()
        held.let_through()

    def test_one_whose_deadline_passes_makes_room_again(self, held: Held) -> None:
        refusal = refusal_of(held.next(timeout=1).result)
        # On a starved machine it counts as slow, so it is read, and is then the largest that still arrives.
        assert refusal.code in {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}
        held.let_through()


def test_a_message_that_grpc_itself_refuses_makes_room_again(
    settings: ApiSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "refuses_arriving_requests", lambda: False)  # as on another system than Linux
    with running_server(settings) as server:
        for _ in range(3):
            refusal = refusal_of(lambda: server.jobs.SubmitJob(submit_request(VIDEO + bytes(20 * MIB))))
            assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert server.jobs.SubmitJob(submit_request(), timeout=20).job_id


def test_many_uploads_on_one_connection_leave_its_other_calls_working(tmp_path: Path) -> None:
    request = submit_request(VIDEO + bytes(LIMIT_BYTES // 4))
    with serving(tmp_path / "data", *LIMITS) as server:
        calls = [server.jobs.SubmitJob.future(request, timeout=CALL_SECONDS) for _ in range(MANY)]
        while not all(call.done() for call in calls):
            server.jobs.ListJobs(pb.ListJobsRequest(), timeout=CALL_SECONDS)
        assert len({call.result().job_id for call in calls}) == MANY
