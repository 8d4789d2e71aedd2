"""The grpcurl lines of the README, carried out as grpcurl does it: with nothing but the server's reflection."""

import json
import re
from collections.abc import Callable

import grpc
import pytest
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from tests.conftest import ROOT

pytestmark = pytest.mark.integration

README = (ROOT / "README.md").read_text(encoding="utf-8")
CALL = re.compile(r"grpcurl -plaintext (?:-max-msg-sz \d+ )?(?:-d (?:'(?P<body>\{.*?\})'|@) )?\S+ (?P<method>\S+/\w+)")
SUBMIT_BODY = re.compile(r"printf '(\{.*?\})'")


class Grpcurl:
    """Calls by name, JSON in and JSON out."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))

    def call(self, path: str, body: str) -> dict[str, object]:
        service, _, name = path.partition("/")
        method = self._pool.FindServiceByName(service).FindMethodByName(name)
        request = json_format.Parse(body, message_factory.GetMessageClass(method.input_type)())
        answer_class = message_factory.GetMessageClass(method.output_type)
        unary = self._channel.unary_unary(
            f"/{path}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer_class.FromString,
        )
        return json_format.MessageToDict(unary(request, timeout=30), preserving_proto_field_name=True)


@pytest.fixture
def grpcurl(start_server: Callable[..., str], connect: Callable[[str], grpc.Channel]) -> Grpcurl:
    return Grpcurl(connect(start_server()))


def lines_of_readme() -> list[tuple[str, str]]:
    """Returns method and body of every grpcurl line, in the README's order."""
    (submit_body,) = SUBMIT_BODY.findall(README)
    return [
        (match["method"], match["body"] or ("{}" if "-d @" not in match[0] else submit_body))
        for match in CALL.finditer(README)
    ]


def test_every_rpc_of_the_contract_has_a_line_in_the_readme(grpcurl: Grpcurl) -> None:
    services = [
        grpcurl._pool.FindServiceByName(f"foregsyte.jobs.v1.{name}") for name in ("JobService", "WorkerService")
    ]
    rpcs = {f"{service.full_name}/{method.name}" for service in services for method in service.methods}
    assert rpcs <= {method for method, _ in lines_of_readme()}


def test_the_lines_of_the_readme_do_what_they_say(grpcurl: Grpcurl, tiny_mp4: bytes) -> None:
    import base64

    answers: dict[str, dict[str, object]] = {}
    refused: dict[str, grpc.StatusCode] = {}
    job_id = ""
    for method, line in lines_of_readme():
        body = line.replace("%s", base64.b64encode(tiny_mp4).decode()).replace("JOB_ID", job_id)
        name = method.partition("/")[2]
        try:
            answers[name] = grpcurl.call(method, body)
        except grpc.RpcError as error:
            refused[name] = error.code()
        job_id = job_id or str(answers.get("SubmitJob", {}).get("job_id", ""))
    assert answers["Check"] == {"status": "SERVING"}
    assert answers["SubmitJob"] == {"job_id": job_id}
    assert answers["Dequeue"] == {"job_id": job_id}
    assert base64.b64decode(str(answers["GetJobInput"]["data"])) == tiny_mp4[:1000]
    assert answers["RenewLease"] == {"lease": "60s"}
    # The job waits while its results are asked for and it is deleted, and is handed back before it is failed.
    assert refused == {
        "GetJobResults": grpc.StatusCode.NOT_FOUND,
        "DeleteJob": grpc.StatusCode.FAILED_PRECONDITION,
        "FailJob": grpc.StatusCode.FAILED_PRECONDITION,
        "CompleteJob": grpc.StatusCode.FAILED_PRECONDITION,
    }


def test_the_results_of_the_readme_are_of_the_frozen_shape(grpcurl: Grpcurl) -> None:
    (example,) = re.findall(r"```json\n(\{.*?\})\n```", README, re.DOTALL)
    frame = json.loads(example)
    assert set(frame) == {"frame_index", "result"}
    assert set(frame["result"]) == {"detections", "text", "text_lines", "timestamp_ms"}
