"""What the contract may offer: unary RPCs, the four states, a job's id and nothing else in the answer to Dequeue."""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from google.protobuf.descriptor_pb2 import FieldDescriptorProto as Field
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from governance.job_rules import wrong_statuses
from governance.rulebook import Rulebook
from governance.sources import Finding, Violation

PROTOS = "protos"
PROTOC_SECONDS = 60
STATUS_ENUM, DEQUEUE_ANSWER = "JobStatus", "DequeueResponse"

# Numbers of fields in descriptor.proto: they make the path by which a place in the file is found.
_MESSAGE, _ENUM, _SERVICE, _METHOD = 4, 5, 6, 2


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
    for file in files:
        for finding in (*_rpc_findings(file), *_status_findings(file, rules), *_payload_findings(file)):
            yield Violation(f"{PROTOS}/{file.name}", *finding)
    if not any(message.name == DEQUEUE_ANSWER for file in files for message in file.message_type):
        yield Violation(PROTOS, 1, "queue-payload", f"{DEQUEUE_ANSWER} is not there", "restore it")


def _rpc_findings(file: FileDescriptorProto) -> Iterator[Finding]:
    for number, service in enumerate(file.service):
        for index, method in enumerate(service.method):
            if method.client_streaming or method.server_streaming:
                line = _line(file, _SERVICE, number, _METHOD, index)
                yield line, "unary-rpc", f"{service.name}.{method.name} is not unary", "take and return one message"


def _status_findings(file: FileDescriptorProto, rules: Rulebook) -> Iterator[Finding]:
    for number, enum in enumerate(file.enum_type):
        prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper() + "_"
        states = {value.name.removeprefix(prefix).lower() for value in enum.value} - {"unspecified"}
        if wrong := wrong_statuses(states, rules, is_whole=enum.name == STATUS_ENUM):
            yield _line(file, _ENUM, number), "four-statuses", wrong, f"keep to {', '.join(rules.job.statuses)}"


def _payload_findings(file: FileDescriptorProto) -> Iterator[Finding]:
    for number, message in enumerate(file.message_type):
        fields = [(field.name, field.type, field.label) for field in message.field]
        if message.name == DEQUEUE_ANSWER and fields != [("job_id", Field.TYPE_STRING, Field.LABEL_OPTIONAL)]:
            what = f"{DEQUEUE_ANSWER} holds {', '.join(name for name, *_ in fields) or 'nothing'}"
            instead = "answer the job's id and nothing else; a worker gets the rest by GetJobInput"
            yield _line(file, _MESSAGE, number), "queue-payload", what, instead


def _line(file: FileDescriptorProto, *path: int) -> int:
    return next(place.span[0] + 1 for place in file.source_code_info.location if tuple(place.path) == path)
