"""What the contract may offer: unary RPCs, the four states, a job's id and nothing else in the answer to Dequeue."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from google.protobuf.descriptor_pb2 import DescriptorProto as Message
from google.protobuf.descriptor_pb2 import EnumDescriptorProto as Enum
from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pb2 import MethodDescriptorProto as Method

from governance.job_rules import wrong_statuses
from governance.rulebook import Rulebook
from governance.sources import FileViolation, Violation

PROTOS = "protos"
PROTOC_SECONDS = 60
STATUS_ENUM, DEQUEUE = "JobStatus", "Dequeue"
JOB_ID = ("job_id", Field.TYPE_STRING, Field.LABEL_OPTIONAL)

Place = tuple[int, ...]
"""Where something is declared in a file, as descriptor.proto counts it: numbers of fields and indices in turn."""

# Numbers of fields in descriptor.proto, of a file, a message and a service.
_MESSAGE, _ENUM, _SERVICE, _INNER_MESSAGE, _INNER_ENUM, _METHOD = 4, 5, 6, 3, 4, 2


class ContractUnreadable(Exception):
    """protoc cannot read the contract; the message is its own."""


def read_contract(root: Path) -> list[FileDescriptorProto]:
    """Compile every proto of a checkout and return what each declares, with the places in its text.

    Raises:
        ContractUnreadable: One of them is no proto.
    """
    names = [path.relative_to(root / PROTOS).as_posix() for path in sorted((root / PROTOS).rglob("*.proto"))]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "contract"
        done = subprocess.run(  # noqa: S603 (our own compiler, on our own files)
            [sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTOS}", "--include_source_info",
             f"--descriptor_set_out={target}", *names],
            cwd=root, capture_output=True, text=True, timeout=PROTOC_SECONDS, check=False,
        )  # fmt: skip
        if done.returncode:
            raise ContractUnreadable(done.stderr.strip() or "there is no proto")
        return list(FileDescriptorSet.FromString(target.read_bytes()).file)


def contract_violations(files: Sequence[FileDescriptorProto], rules: Rulebook) -> Iterator[Violation]:
    """Yield every RPC that is not unary, every set of states that is not the four, and any other payload."""
    messages = {name: message for file in files for name, _, message in _messages(file)}
    for file in files:
        found = (*_rpc_violations(file), *_status_violations(file, rules), *_payload_violations(file, messages))
        yield from (Violation(f"{PROTOS}/{file.name}", *violation) for violation in found)
    if not any(method.name == DEQUEUE for file in files for _, method in _methods(file)):
        yield Violation(PROTOS, 1, "queue-payload", f"the RPC {DEQUEUE} is not there", "restore it")


def _rpc_violations(file: FileDescriptorProto) -> Iterator[FileViolation]:
    for place, method in _methods(file):
        if method.client_streaming or method.server_streaming:
            what = f"{file.service[place[1]].name}.{method.name} is not unary"
            yield _line(file, place), "unary-rpc", what, "take and return one message"


def _status_violations(file: FileDescriptorProto, rules: Rulebook) -> Iterator[FileViolation]:
    for place, enum in _enums(file):
        prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper() + "_"
        states = {value.name.removeprefix(prefix).lower() for value in enum.value} - {"unspecified"}
        if wrong := wrong_statuses(states, rules, is_whole=enum.name == STATUS_ENUM):
            yield _line(file, place), "four-statuses", wrong, f"keep to {', '.join(rules.job.statuses)}"


def _payload_violations(file: FileDescriptorProto, messages: Mapping[str, Message]) -> Iterator[FileViolation]:
    for place, method in _methods(file):
        answer = messages.get(method.output_type, Message())
        if method.name == DEQUEUE and [(field.name, field.type, field.label) for field in answer.field] != [JOB_ID]:
            what = f"{DEQUEUE} answers {', '.join(field.name for field in answer.field) or method.output_type}"
            instead = "answer the job's id and nothing else; a worker gets the rest by GetJobInput"
            yield _line(file, place), "queue-payload", what, instead


def _methods(file: FileDescriptorProto) -> Iterator[tuple[Place, Method]]:
    for number, service in enumerate(file.service):
        yield from (((_SERVICE, number, _METHOD, index), method) for index, method in enumerate(service.method))


def _messages(file: FileDescriptorProto) -> Iterator[tuple[str, Place, Message]]:
    """Yield the full name of each message of a file, also of those within others, its place and itself."""
    package = f".{file.package}" if file.package else ""
    found: list[tuple[str, Place, Message]] = [
        (f"{package}.{message.name}", (_MESSAGE, number), message) for number, message in enumerate(file.message_type)
    ]
    for name, place, message in found:  # which grows meanwhile
        yield name, place, message
        inner = enumerate(message.nested_type)
        found += ((f"{name}.{one.name}", (*place, _INNER_MESSAGE, number), one) for number, one in inner)


def _enums(file: FileDescriptorProto) -> Iterator[tuple[Place, Enum]]:
    yield from (((_ENUM, number), enum) for number, enum in enumerate(file.enum_type))
    for _, place, message in _messages(file):
        yield from (((*place, _INNER_ENUM, number), enum) for number, enum in enumerate(message.enum_type))


def _line(file: FileDescriptorProto, place: Place) -> int:
    return next(one.span[0] + 1 for one in file.source_code_info.location if tuple(one.path) == place)
