"""The server around the services: listening, health, reflection, waiting workers, an ordered stop."""

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any
from uuid import UUID

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from sqlalchemy import event

from job_api.bootstrap import build_server
from job_api.listener import PARALLEL_CALLS, AddressUnavailable, server_options
from job_api.services.dispatch import DEFAULT_CHUNK_BYTES, DispatchService
from job_api.services.job_queue import Waiter
from job_api.settings import ApiSettings
from job_api.testing.memory_storage import MemoryStorage
from shared.contract.channel import CHANNEL_OPTIONS, open_channel
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub, WorkerServiceStub
from shared.contract.job_status import JobStatus
from tests.support.adapters import BlockingStorage
from tests.support.clock import FakeClock
from tests.support.errors import refusal_of
from tests.support.lives import running, status
from tests.support.running import Running
from tests.support.running import running_server as server_of
from tests.support.samples import DOCUMENT, LONG_WAIT, VIDEO, results_document, submit_request
from tests.support.slow_link import slow_link
from tests.support.waiting import eventually, in_thread, opened_at_the_end

pytestmark = pytest.mark.integration

MakeSettings = Callable[..., ApiSettings]
QUICK_SECONDS = 5.0
"""Far less than the long wait, far more than waking takes."""

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
JOB_SERVICE, WORKER_SERVICE = "foregsyte.jobs.v1.JobService", "foregsyte.jobs.v1.WorkerService"


running_server = partial(server_of, poll_seconds=60.0)
"""Waiting workers go on because they were woken, not because time passed."""


@pytest.fixture
def server(make_settings: MakeSettings) -> Iterator[Running]:
    with running_server(make_settings()) as running:
        yield running


def submit(server: Running) -> str:
    return server.jobs.SubmitJob(submit_request()).job_id


def did_end(call: grpc.Future, seconds: float) -> bool:
    """Wait for the end of a call; return whether it came in time."""
    try:
        call.result(seconds)
    except grpc.FutureTimeoutError:
        return False
    return True


def start_waiting(server: Running, worker_id: str) -> Any:
    """Start a long Dequeue and return it once it waits."""
    before = server.services.job_queue.waiting
    call = server.workers.Dequeue.future(pb.DequeueRequest(worker_id=worker_id, wait=LONG_WAIT))
    eventually(lambda: server.services.job_queue.waiting > before, f"{worker_id} to wait")
    return call


class TestHealth:
    @pytest.mark.parametrize("service", ["", JOB_SERVICE, WORKER_SERVICE])
    def test_a_server_that_runs_is_serving_as_a_whole_and_by_service(self, server: Running, service: str) -> None:
        stub = health_pb2_grpc.HealthStub(server.channel)
        assert stub.Check(health_pb2.HealthCheckRequest(service=service)).status == SERVING

    def test_a_service_that_is_not_there_is_not_found(self, server: Running) -> None:
        stub = health_pb2_grpc.HealthStub(server.channel)
        refusal = refusal_of(lambda: stub.Check(health_pb2.HealthCheckRequest(service="foregsyte.Other")))
        assert refusal.code is grpc.StatusCode.NOT_FOUND

    @pytest.mark.parametrize("service", ["", JOB_SERVICE, WORKER_SERVICE])
    def test_a_health_watcher_is_notified_when_the_server_stops(self, server: Running, service: str) -> None:
        stub = health_pb2_grpc.HealthStub(server.channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service=service))
        assert next(watch).status == SERVING
        stopping = in_thread(server.server.stop)
        assert next(watch).status == NOT_SERVING
        watch.cancel()
        stopping.result(30)

    def test_a_server_that_is_stopping_answers_that_it_is_not_serving(self, server: Running) -> None:
        stub = health_pb2_grpc.HealthStub(server.channel)
        stub.Check(health_pb2.HealthCheckRequest())
        answers: list[int] = []
        server.stop_hook.during_stop = lambda: answers.append(stub.Check(health_pb2.HealthCheckRequest()).status)
        server.server.stop()
        assert answers == [NOT_SERVING]


class Reflected:
    """A client that knows nothing but the address: all its types come from the server."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self.database = ProtoReflectionDescriptorDatabase(channel)
        self._pool = descriptor_pool.DescriptorPool(self.database)

    def call(self, service: str, rpc: str, **fields: Any) -> Message:
        method = self._pool.FindServiceByName(service).FindMethodByName(rpc)
        request = message_factory.GetMessageClass(method.input_type)
        response = message_factory.GetMessageClass(method.output_type)
        invoke = self._channel.unary_unary(f"/{service}/{rpc}", request.SerializeToString, response.FromString)
        return invoke(request(**fields), timeout=30)


class TestReflection:
    def test_every_service_is_listed(self, server: Running) -> None:
        assert set(Reflected(server.channel).database.get_services()) == {
            JOB_SERVICE,
            WORKER_SERVICE,
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
        }

    def test_a_client_without_stubs_takes_a_job_through_its_whole_life(self, server: Running) -> None:
        client: Any = Reflected(server.channel)
        job_id = client.call(JOB_SERVICE, "SubmitJob", pipeline_id="ocr", video=VIDEO).job_id
        assert type(client.call(JOB_SERVICE, "GetJobStatus", job_id=job_id)) is not pb.GetJobStatusResponse
        assert client.call(JOB_SERVICE, "GetJobStatus", job_id=job_id).status == 1
        assert client.call(WORKER_SERVICE, "Dequeue", worker_id="w", wait={"seconds": 5}).job_id == job_id
        assert client.call(JOB_SERVICE, "GetJobStatus", job_id=job_id).status == 2
        client.call(WORKER_SERVICE, "CompleteJob", job_id=job_id, worker_id="w", results_json=DOCUMENT)
        status = client.call(JOB_SERVICE, "GetJobStatus", job_id=job_id)
        assert (status.status, status.progress, status.pipeline_id) == (3, 1.0, "ocr")
        [frame] = client.call(JOB_SERVICE, "GetJobResults", job_id=job_id).results
        assert (frame.frame_index, frame.result["text"]) == (0, "one")
        text = client.call(JOB_SERVICE, "GetJobResults", job_id=job_id, format=2).results_json
        assert json.loads(text) == json.loads(DOCUMENT)["results"]

    def test_an_unknown_method_is_unimplemented(self, server: Running) -> None:
        call = server.channel.unary_unary(f"/{JOB_SERVICE}/CancelJob", lambda b: b, lambda b: b)
        assert refusal_of(lambda: call(b"")).code is grpc.StatusCode.UNIMPLEMENTED


class TestListening:
    def test_a_server_listens_on_this_host_alone_by_default(self) -> None:
        assert ApiSettings.of().address.rpartition(":")[0] == "127.0.0.1"

    def test_a_free_port_is_chosen_and_reported(self, server: Running) -> None:
        [address] = server.addresses
        host, _, port = address.rpartition(":")
        assert host == "127.0.0.1"
        assert int(port) > 0

    def test_two_servers_cannot_share_a_port(self, server: Running, make_settings: MakeSettings) -> None:
        [address] = server.addresses
        with pytest.raises(AddressUnavailable, match=address), running_server(make_settings(address=address)):
            pass
        submit(server)

    def test_an_address_of_another_host_cannot_be_listened_on(self, make_settings: MakeSettings) -> None:
        settings = make_settings(address="203.0.113.1:0")
        with pytest.raises(AddressUnavailable, match=r"203\.0\.113\.1"), running_server(settings):
            pass

    def test_the_two_services_can_have_an_address_each(self, make_settings: MakeSettings) -> None:
        with running_server(make_settings(worker_address="127.0.0.1:0")) as server:
            first, second = server.addresses
            assert first != second
            submit(server)
            wrong = refusal_of(lambda: server.workers.Dequeue(pb.DequeueRequest(worker_id="w")))
            assert wrong.code is grpc.StatusCode.UNIMPLEMENTED
            with grpc.insecure_channel(second) as channel:
                assert JOB_SERVICE not in Reflected(channel).database.get_services()
                assert Reflected(channel).call(WORKER_SERVICE, "Dequeue", worker_id="w")
                health = health_pb2_grpc.HealthStub(channel)
                assert health.Check(health_pb2.HealthCheckRequest()).status == SERVING


class TestPipelines:
    def test_the_pipelines_are_those_of_the_settings_in_their_order(self, make_settings: MakeSettings) -> None:
        with running_server(make_settings(pipelines=("ocr", "yolo_ocr"))) as server:
            listed = server.jobs.ListPipelines(pb.ListPipelinesRequest()).pipelines
        assert [pipeline.pipeline_id for pipeline in listed] == ["ocr", "yolo_ocr"]
        assert all("Profile balanced" in pipeline.description for pipeline in listed)


class TestMessageSize:
    def test_a_video_far_above_the_librarys_own_default_is_taken(self, server: Running) -> None:
        video = VIDEO + bytes(6 << 20)
        job_id = server.jobs.SubmitJob(submit_request(video)).job_id
        assert server.workers.Dequeue(pb.DequeueRequest(worker_id="w")).job_id == job_id
        first = server.workers.GetJobInput(pb.GetJobInputRequest(job_id=job_id, worker_id="w"))
        assert first.size_bytes == len(video)
        assert len(first.data) == DEFAULT_CHUNK_BYTES
        rest = server.workers.GetJobInput(
            pb.GetJobInputRequest(job_id=job_id, worker_id="w", offset=len(first.data), length=len(video))
        )
        assert first.data + rest.data == video

    def test_results_far_above_the_librarys_own_default_are_answered(self, server: Running) -> None:
        text = "x" * (1 << 19)
        document = results_document([{"frame_index": index, "result": {"text": text}} for index in range(12)])
        job_id = submit(server)
        server.workers.Dequeue(pb.DequeueRequest(worker_id="w"))
        server.workers.CompleteJob(pb.CompleteJobRequest(job_id=job_id, worker_id="w", results_json=document))
        frames = server.jobs.GetJobResults(pb.GetJobResultsRequest(job_id=job_id)).results
        assert [frame.result["text"] for frame in frames] == [text] * 12


class TestWaiting:
    def test_a_job_that_arrives_ends_the_wait_at_once(self, server: Running) -> None:
        waiting = start_waiting(server, "w1")
        job_id = submit(server)
        assert waiting.result(QUICK_SECONDS).job_id == job_id

    def test_no_wait_is_answered_at_once(self, server: Running) -> None:
        assert server.workers.Dequeue(pb.DequeueRequest(worker_id="w1"), timeout=QUICK_SECONDS).job_id == ""

    def test_a_wait_that_nothing_ends_is_answered_empty(self, server: Running) -> None:
        request = pb.DequeueRequest(worker_id="w1", wait=Duration(nanos=20_000_000))
        assert server.workers.Dequeue(request, timeout=QUICK_SECONDS).job_id == ""

    def test_many_waiting_workers_leave_the_other_calls_working(self, server: Running) -> None:
        waiting = [start_waiting(server, f"w{number}") for number in range(50)]
        job_id = submit(server)
        answer = server.jobs.GetJobStatus(pb.GetJobStatusRequest(job_id=job_id), timeout=QUICK_SECONDS)
        assert answer.job_id == job_id
        assert waiting[0].result(QUICK_SECONDS).job_id == job_id
        assert not any(call.done() for call in waiting[1:])
        jobs = {submit(server) for _ in waiting[1:]}
        assert {call.result(QUICK_SECONDS).job_id for call in waiting[1:]} == jobs

    def test_256_waiting_workers_leave_a_thread_for_every_other_call(self, make_settings: MakeSettings) -> None:
        assert ApiSettings.of().max_waiting_workers == 256
        with running_server(make_settings(max_waiting_workers=256, max_concurrent_calls=1)) as server:
            old = submit(server)
            assert server.workers.Dequeue(pb.DequeueRequest(worker_id="w")).job_id == old
            waiting = [start_waiting(server, f"w{number}") for number in range(256)]
            status = server.jobs.GetJobStatus(pb.GetJobStatusRequest(job_id=old), timeout=QUICK_SECONDS)
            assert status.status == pb.JOB_STATUS_RUNNING
            stub = health_pb2_grpc.HealthStub(server.channel)
            assert stub.Check(health_pb2.HealthCheckRequest(), timeout=QUICK_SECONDS).status == SERVING
            jobs = [submit(server) for _ in range(100)]
            assert {call.result(QUICK_SECONDS).job_id for call in waiting[:100]} == set(jobs)
            assert not any(call.done() for call in waiting[100:])
            server.services.job_queue.close()
            assert {call.result(QUICK_SECONDS).job_id for call in waiting[100:]} == {""}

    def test_leases_are_renewed_and_the_health_is_told_while_every_other_thread_waits_for_the_disk(
        self, make_settings: MakeSettings
    ) -> None:
        with running_server(make_settings(max_waiting_workers=2, max_concurrent_calls=2)) as server, ExitStack() as end:
            jobs = [submit(server) for _ in range(5)]
            taken = server.workers.Dequeue(pb.DequeueRequest(worker_id="w"), timeout=QUICK_SECONDS).job_id
            disk = threading.Event()
            event.listen(server.services.database.engine, "commit", lambda _: disk.wait())
            end.callback(disk.set)
            dequeues = [pb.DequeueRequest(worker_id=f"w{number}") for number in range(4)]
            taking = [server.workers.Dequeue.future(dequeue, timeout=QUICK_SECONDS) for dequeue in dequeues]
            others = []

            def is_without_thread() -> bool:
                others.append(server.jobs.ListPipelines.future(pb.ListPipelinesRequest(), timeout=QUICK_SECONDS))
                return not did_end(others[-1], 0.1)

            eventually(is_without_thread, "a call for which no thread is left")
            renewal = pb.RenewLeaseRequest(worker_id="w", job_id=taken)
            assert server.workers.RenewLease(renewal, timeout=QUICK_SECONDS).lease.seconds
            health = health_pb2_grpc.HealthStub(server.channel)
            assert health.Check(health_pb2.HealthCheckRequest(), timeout=QUICK_SECONDS).status == SERVING
            assert not others[-1].done()
            disk.set()
            assert {taken, *(call.result(QUICK_SECONDS).job_id for call in taking)} == set(jobs)
            assert others[-1].result(QUICK_SECONDS).pipelines

    def test_when_too_many_wait_the_next_is_answered_empty_and_calls_go_on(self, make_settings: MakeSettings) -> None:
        with running_server(make_settings(max_waiting_workers=2, max_concurrent_calls=2)) as server:
            waiting = [start_waiting(server, f"w{number}") for number in range(2)]
            request = pb.DequeueRequest(worker_id="w9", wait=LONG_WAIT)
            assert server.workers.Dequeue(request, timeout=QUICK_SECONDS).job_id == ""
            jobs = {submit(server), submit(server)}
            assert {call.result(QUICK_SECONDS).job_id for call in waiting} == jobs

    @pytest.mark.parametrize("others", [0, 2])
    def test_a_wait_that_the_caller_cancels_loses_nothing(self, server: Running, others: int) -> None:
        cancelled = start_waiting(server, "cancelled")
        waiting = [start_waiting(server, f"w{number}") for number in range(others)]
        cancelled.cancel()
        eventually(lambda: server.services.job_queue.waiting == others, "the cancelled call to wait no more")
        job_id = submit(server)
        if not waiting:
            waiting = [server.workers.Dequeue.future(pb.DequeueRequest(worker_id="w0", wait=LONG_WAIT))]
        assert waiting[0].result(QUICK_SECONDS).job_id == job_id

    def test_a_wait_whose_deadline_passes_loses_nothing(self, server: Running) -> None:
        request = pb.DequeueRequest(worker_id="cancelled", wait=LONG_WAIT)
        refusal = refusal_of(lambda: server.workers.Dequeue(request, timeout=0.1))
        assert refusal.code is grpc.StatusCode.DEADLINE_EXCEEDED
        eventually(lambda: not server.services.job_queue.waiting, "the call to wait no more")
        job_id = submit(server)
        answer = server.workers.Dequeue(pb.DequeueRequest(worker_id="w1", wait=LONG_WAIT), timeout=QUICK_SECONDS)
        assert answer.job_id == job_id

    def test_a_worker_that_calls_again_after_a_lost_answer_gets_its_job(self, server: Running) -> None:
        """Cancel calls in the very instants in which jobs arrive: before, while and after they are given."""
        for number in range(40):
            request = pb.DequeueRequest(worker_id=f"w{number}", wait=LONG_WAIT)
            call = start_waiting(server, request.worker_id)
            submitting = in_thread(lambda: submit(server))
            call.cancel()
            answer = server.workers.Dequeue(request, timeout=QUICK_SECONDS)
            assert answer.job_id == submitting.result(30)
            job = pb.FailJobRequest(job_id=answer.job_id, worker_id=request.worker_id, error_message="seen")
            server.workers.FailJob(job)


class HoldsBack:
    """A dispatch that holds the answer of the worker "cancelled" back until its call has ended.

    Attributes:
        is_held_back: Set when an answer is held back.
        waiters: The waiters of all calls.
    """

    def __init__(self, dispatch: DispatchService) -> None:
        self._dispatch = dispatch
        self.is_held_back = threading.Event()
        self.waiters: list[Waiter] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dispatch, name)

    def dequeue(self, worker_id: str, wait_seconds: float, waiter: Waiter) -> UUID | None:
        self.waiters.append(waiter)
        job_id = self._dispatch.dequeue(worker_id, wait_seconds, waiter)
        if worker_id == "cancelled":
            self.is_held_back.set()
            eventually(lambda: waiter.has_ended, "the call to end")
        return job_id


def held_back(server: Running) -> threading.Event:
    dispatch: Any = server.services.dispatch
    event: threading.Event = dispatch.is_held_back
    return event


class TestAnswersThatAreLost:
    """The caller goes after the server last looked whether it is there, and before the answer is sent."""

    @pytest.fixture
    def server(self, make_settings: MakeSettings) -> Iterator[Running]:
        """Neither the end of a lease nor the housekeeper's usual round would bring a job back within a test."""
        settings = make_settings(lease_seconds=600.0)
        with running_server(settings, wrap_dispatch=HoldsBack, housekeeping_seconds=60.0) as running:
            yield running

    @pytest.mark.parametrize("how", ["cancel", "deadline", "connection"])
    def test_another_worker_gets_the_job_within_a_second(self, server: Running, how: str) -> None:
        job_id = submit(server)
        channel = grpc.insecure_channel(server.addresses[0], options=CHANNEL_OPTIONS)
        with channel:
            timeout = 1.0 if how == "deadline" else None
            call = WorkerServiceStub(channel).Dequeue.future(pb.DequeueRequest(worker_id="cancelled"), timeout=timeout)
            assert held_back(server).wait(20)
            waiting = server.workers.Dequeue.future(pb.DequeueRequest(worker_id="w2", wait=LONG_WAIT))
            if how == "cancel":
                call.cancel()
            elif how == "connection":
                channel.close()
            with pytest.raises((grpc.RpcError, grpc.FutureCancelledError)):
                call.result(QUICK_SECONDS)
        began = time.monotonic()
        assert waiting.result(QUICK_SECONDS).job_id == job_id
        assert time.monotonic() - began < 1.0
        server.workers.FailJob(pb.FailJobRequest(job_id=job_id, worker_id="w2", error_message="seen"))

    def test_a_stop_that_cuts_the_call_off_leaves_the_job_waiting(self, make_settings: MakeSettings) -> None:
        with running_server(make_settings(shutdown_seconds=0.1), wrap_dispatch=HoldsBack) as server:
            job_id = submit(server)
            call = server.workers.Dequeue.future(pb.DequeueRequest(worker_id="cancelled"))
            assert held_back(server).wait(20)
            server.server.stop()
            with pytest.raises((grpc.RpcError, grpc.FutureCancelledError)):
                call.result(QUICK_SECONDS)
            assert status(server.services, UUID(job_id)) is JobStatus.pending

    def test_a_job_whose_answer_was_sent_is_never_requeued(self, server: Running) -> None:
        dispatch: Any = server.services.dispatch
        jobs = [submit(server) for _ in range(50)]
        for number, job_id in enumerate(jobs):
            assert server.workers.Dequeue(pb.DequeueRequest(worker_id=f"w{number}")).job_id == job_id
        eventually(lambda: [waiter.has_ended for waiter in dispatch.waiters] == [True] * len(jobs), "all calls to end")
        assert not server.services.expiry.due.is_set()
        assert server.services.expiry.expire_leases() == 0
        for number, job_id in enumerate(jobs):
            server.workers.RenewLease(pb.RenewLeaseRequest(job_id=job_id, worker_id=f"w{number}"))


class TestLeases:
    def test_the_housekeeper_requeues_the_jobs_of_lost_workers(self, make_settings: MakeSettings) -> None:
        with running_server(make_settings(lease_seconds=0.2)) as server:
            job_id = submit(server)
            assert server.workers.Dequeue(pb.DequeueRequest(worker_id="lost")).job_id == job_id
            answer = server.workers.Dequeue(pb.DequeueRequest(worker_id="w2", wait=LONG_WAIT), timeout=20)
            assert answer.job_id == job_id
            renewed = server.workers.RenewLease(pb.RenewLeaseRequest(job_id=job_id, worker_id="w2"))
            assert renewed.lease.ToMilliseconds() == 200


class TestStopping:
    def test_waiting_workers_quickly_get_an_empty_answer(self, server: Running) -> None:
        waiting = [start_waiting(server, f"w{number}") for number in range(5)]
        began = time.monotonic()
        server.server.stop()
        assert [call.result(QUICK_SECONDS).job_id for call in waiting] == [""] * 5
        assert time.monotonic() - began < QUICK_SECONDS

    def test_calls_under_way_are_finished(self, make_settings: MakeSettings) -> None:
        storage = BlockingStorage()
        with running_server(make_settings(), storage=storage) as server, opened_at_the_end(storage.let_through):
            call = server.jobs.SubmitJob.future(submit_request())
            assert storage.saves_entered.acquire(timeout=20)
            begun = threading.Event()
            server.stop_hook.during_stop = begun.set
            stopping = in_thread(server.server.stop)
            assert begun.wait(20)
            assert not call.done()
            storage.let_through.set()
            job_id = call.result(20).job_id
            stopping.result(20)
            [pending], _ = server.services.queries.page(None, 0, "")
            assert str(pending.job_id) == job_id

    def test_an_upload_under_way_is_accepted_and_one_that_comes_later_is_refused_at_once(
        self, make_settings: MakeSettings
    ) -> None:
        with (
            running_server(make_settings()) as server,
            slow_link(server.addresses[0], 1_000_000) as link,
            open_channel(link.address) as slow,
        ):
            upload = JobServiceStub(slow).SubmitJob.future(submit_request(VIDEO + bytes(1_500_000)))
            eventually(lambda: sum(link.passed.values()) > 100_000, "the upload to begin")
            begun = threading.Event()
            server.stop_hook.during_stop = begun.set
            stopping = in_thread(server.server.stop)
            assert begun.wait(20)
            assert refusal_of(lambda: submit(server)).code is grpc.StatusCode.UNAVAILABLE
            assert not upload.done()
            assert upload.result(20).job_id
            assert stopping.result(20)

    def test_no_job_is_taken_from_a_worker_that_can_no_longer_renew(
        self, make_settings: MakeSettings, clock: FakeClock
    ) -> None:
        with running_server(make_settings(), clock=clock) as server:
            job_id = running(server.services)
            server.stop_hook.during_stop = lambda: clock.advance(2 * server.settings.lease_seconds)
            server.server.stop()
            assert status(server.services, job_id) is JobStatus.running

    def test_a_call_that_never_ends_is_waited_for_no_longer_than_was_set(self, make_settings: MakeSettings) -> None:
        storage = BlockingStorage()
        settings = make_settings(shutdown_seconds=0.2)
        with running_server(settings, storage=storage) as server, opened_at_the_end(storage.let_through):
            call = server.jobs.SubmitJob.future(submit_request())
            assert storage.saves_entered.acquire(timeout=20)
            in_thread(server.server.stop).result(QUICK_SECONDS)
            with pytest.raises((grpc.RpcError, grpc.FutureCancelledError)):
                call.result(QUICK_SECONDS)
            storage.let_through.set()
            eventually(server.server.stop, "the handler to end")

    def test_stopping_twice_and_stopping_what_never_listened_are_no_errors(self, make_settings: MakeSettings) -> None:
        with running_server(make_settings()) as server:
            server.server.stop()
            server.server.stop()
            build_server(make_settings(), server.services).stop()

    def test_what_was_accepted_before_the_stop_is_there_after_it(
        self, make_settings: MakeSettings, tmp_path: Any
    ) -> None:
        settings = make_settings(database_url=f"duckdb:///{tmp_path / 'jobs.duckdb'}")
        with running_server(settings) as server:
            jobs = [submit(server) for _ in range(3)]
        with running_server(settings) as server:
            request = pb.DequeueRequest
            taken = [server.workers.Dequeue(request(worker_id=f"w{number}")).job_id for number in range(3)]
        assert taken == jobs


def test_a_request_that_is_no_message_is_refused_and_the_server_goes_on(server: Running) -> None:
    call = server.channel.unary_unary(f"/{JOB_SERVICE}/GetJobStatus", lambda b: b, lambda b: b)
    assert refusal_of(lambda: call(b"\xff\xff\xff")).code is grpc.StatusCode.INVALID_ARGUMENT
    submit(server)


def test_a_connection_takes_all_waiting_workers_and_a_bounded_number_of_calls_beside_them(server: Running) -> None:
    host, port = server.addresses[0].split(":")
    no_settings_of_the_caller = struct.pack(">xHBxI", 0, 4, 0)
    with socket.create_connection((host, int(port))) as caller, caller.makefile("rb") as answer:
        caller.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + no_settings_of_the_caller)
        length, frame_type = struct.unpack(">xHBxxxxx", answer.read(9))
        settings = dict(struct.iter_unpack(">HI", answer.read(length)))
    assert frame_type == 4
    max_concurrent_streams = settings[3]
    assert max_concurrent_streams == server.settings.max_waiting_workers + PARALLEL_CALLS


def test_a_caller_that_vanished_is_noticed_in_minutes_and_one_behind_full_buffers_has_time(
    make_settings: MakeSettings,
) -> None:
    options = dict(server_options(make_settings()))
    assert options["grpc.keepalive_time_ms"] <= 60_000
    assert options["grpc.keepalive_timeout_ms"] == 20_000
    assert options["grpc.http2.ping_timeout_ms"] == 300_000


def test_hundreds_of_calls_at_once_are_all_answered(make_settings: MakeSettings) -> None:
    with running_server(make_settings(max_uploads=1000), storage=MemoryStorage()) as server:
        calls = [server.jobs.SubmitJob.future(submit_request()) for _ in range(300)]
        jobs = {call.result(60).job_id for call in calls}
        assert len(jobs) == 300
        statuses = [server.jobs.GetJobStatus.future(pb.GetJobStatusRequest(job_id=job_id)) for job_id in jobs]
        assert {call.result(60).job_id for call in statuses} == jobs
