"""How an answer ends that is cut off while it is sent."""

import threading
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from job_api.backpressure.client_call import ClientCall
from job_api.server import JOB_SERVICE
from shared.contract.channel import CHANNEL_OPTIONS
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub
from shared.contract.reasons import Reason
from tests.support.errors import refusal_of
from tests.support.slow_link import slow_link
from tests.support.waiting import eventually

pytestmark = pytest.mark.integration

MB = 1_000_000


def test_its_caller_gets_the_reason() -> None:
    calls, has_ended = list[ClientCall](), threading.Event()

    def answer(request: bytes, context: grpc.ServicerContext) -> bytes:
        calls.append(ClientCall(context))
        assert calls[0].add_callback(has_ended.set)
        return bytes(60 * MB)  # more than can be under way to a slow caller

    server = grpc.server(ThreadPoolExecutor(1), options=CHANNEL_OPTIONS)
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "GetJobResults": grpc.unary_unary_rpc_method_handler(answer)
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(JOB_SERVICE, handlers),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with (
        slow_link(f"127.0.0.1:{port}", MB, answer_bytes_a_second=5 * MB) as link,
        grpc.insecure_channel(link.address, options=CHANNEL_OPTIONS) as channel,
    ):
        call = JobServiceStub(channel).GetJobResults.future(pb.GetJobResultsRequest(), timeout=60)
        eventually(lambda: link.passed_back > MB, "its first bytes")
        assert calls[0].peer().startswith("ipv4:127.0.0.1:")
        calls[0].cancel()
        assert has_ended.wait(20)
        refusal = refusal_of(call.result)
        assert refusal.code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert refusal.message.startswith(Reason.OVERLOADED)
    server.stop(0).wait()
