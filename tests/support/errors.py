"""Reading what a call was refused with."""

from collections.abc import Callable
from dataclasses import dataclass

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from grpc_status import rpc_status

_KINDS: tuple[type[Message], ...] = (
    details.ErrorInfo,
    details.BadRequest,
    details.ResourceInfo,
    details.RetryInfo,
)


@dataclass
class Refusal:
    """What the caller sees of an error."""

    code: grpc.StatusCode
    message: str
    details: dict[str, Message]

    @property
    def reason(self) -> str:
        return self.details["ErrorInfo"].reason


def refusal_of(call: Callable[[], object]) -> Refusal:
    """Make a call that must be refused and return the refusal, whose details must all be of a known kind."""
    with pytest.raises(grpc.RpcError) as raised:
        call()
    status = rpc_status.from_call(raised.value)
    found: dict[str, Message] = {}
    for packed in status.details if status else ():
        kind = next(kind for kind in _KINDS if packed.Is(kind.DESCRIPTOR))
        found[kind.__name__] = kind()
        packed.Unpack(found[kind.__name__])
    return Refusal(raised.value.code(), raised.value.details(), found)
