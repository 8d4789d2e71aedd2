"""What grpcurl does, for where it is not installed: calls by name, with nothing but the server's reflection."""

import base64
import re
from dataclasses import dataclass

import grpc
from google.protobuf import descriptor_pool, json_format, message_factory
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_status import rpc_status

CALL = re.compile(
    r"(?:printf '(?P<piped>\{.*?\})'[^|]*\|\s*)?"
    r"grpcurl -plaintext (?:-max-msg-sz \d+ )?(?:-d (?:'(?P<body>\{.*?\})'|@) )?\S+ (?P<method>\S+/\w+)"
)
"""A line that calls; where a body is piped into it, it holds `%s` for the video in base64."""


@dataclass(frozen=True)
class Line:
    """One grpcurl line of a page: the method as `package.Service/Rpc`, and the request as JSON."""

    method: str
    body: str

    @property
    def rpc(self) -> str:
        return self.method.partition("/")[2]

    def with_video(self, video: bytes) -> str:
        """Return the request with the video in its place."""
        return self.body.replace("%s", base64.b64encode(video).decode())


def lines_of(text: str) -> list[Line]:
    """Return every grpcurl line of a text, in its order."""
    return [Line(match["method"], match["piped"] or match["body"] or "{}") for match in CALL.finditer(text)]


class Grpcurl:
    """Calls by name, JSON in and JSON out."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self.pool = descriptor_pool.DescriptorPool(ProtoReflectionDescriptorDatabase(channel))

    def rpcs(self, *services: str) -> set[str]:
        """Return the methods of these services, as `package.Service/Rpc`."""
        found = [self.pool.FindServiceByName(name) for name in services]
        return {f"{service.full_name}/{method.name}" for service in found for method in service.methods}

    def call(self, path: str, body: str, *, original_names: bool = True) -> dict[str, object]:
        """Call a method; the answer's fields have the names of the proto, or of its JSON form as grpcurl prints it."""
        service, _, name = path.partition("/")
        method = self.pool.FindServiceByName(service).FindMethodByName(name)
        request = json_format.Parse(body, message_factory.GetMessageClass(method.input_type)())
        answer_class = message_factory.GetMessageClass(method.output_type)
        unary = self._channel.unary_unary(
            f"/{path}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=answer_class.FromString,
        )
        return json_format.MessageToDict(unary(request, timeout=30), preserving_proto_field_name=original_names)


def refusal_as_json(error: grpc.RpcError) -> dict[str, object]:
    """Return the `google.rpc.Status` of a refused call."""
    return json_format.MessageToDict(rpc_status.from_call(error))
