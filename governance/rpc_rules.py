"""What the contract may offer: unary RPCs, the four states, a job's id and nothing else for a worker that asks."""

import ast
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from google.protobuf.descriptor_pb2 import EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet

from governance.job_rules import STATUS_ENUM, is_wrong_set, wrong_set
from governance.rulebook import Rulebook
from governance.sources import PythonSource, Source, Violation

__all__ = ["ContractUnreadable", "contract_violations", "misplaced_violations", "read_contract", "served_violations"]

PROTOS = "protos"
PROTOC_SECONDS = 60
DEQUEUE_ANSWER = "DequeueResponse"

# Numbers of fields in descriptor.proto: they make the path by which a place in the file is found.
_MESSAGE, _ENUM, _SERVICE, _METHOD = 4, 5, 6, 2

_ADDS_SERVICE = re.compile(
    r"add_\w+_to_server|enable_server_reflection\w*|add_generic_rpc_handlers|add_registered_method_handlers"
)


class ContractUnreadable(Exception):
    """protoc cannot read the contract; the message is its own."""


def read_contract(root: Path) -> list[FileDescriptorProto]:
    """Compiles every proto and returns what each declares, with the places in its text.

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
    """Yields every RPC that is not unary, every set of states that is not the four, and any other payload."""
    for file in files:
        yield from _rpc_violations(file)
        yield from _status_violations(file, rules)
    yield from _payload_violations(files)


def served_violations(
    sources: Sequence[PythonSource], files: Sequence[FileDescriptorProto], rules: Rulebook
) -> Iterator[Violation]:
    """Yields every service that the server offers and that is neither the contract's nor a named exception."""
    ours = {f"add_{service.name}Servicer_to_server" for file in files for service in file.service}
    excused = {exception.added_by: exception for exception in rules.exceptions.grpc_services}
    used = [(source, node, name) for source in sources for node, name in _adding(source)]
    for source, node, name in used:
        if name not in ours and name not in excused:
            instead = "declare it in protos/, or name it in the rules if it is a standard service of gRPC"
            yield source.violation(node.lineno, "unary-rpc", f"{name} adds a service that is not checked", instead)
    for name in excused.keys() - {name for _, _, name in used}:
        yield Violation(excused[name].service, 1, "exception", "no code adds this service", "remove it from the rules")


def misplaced_violations(sources: Sequence[Source]) -> Iterator[Violation]:
    """Yields every proto outside the folder of the contract: what it declares is compiled and checked by nobody."""
    for source in sources:
        if source.path.endswith(".proto") and not source.path.startswith(f"{PROTOS}/"):
            yield source.violation(1, "unary-rpc", "a proto that is not part of the contract", f"move it to {PROTOS}/")


def _adding(source: PythonSource) -> Iterator[tuple[ast.expr, str]]:
    for node in source.nodes:
        if isinstance(node, ast.Name | ast.Attribute) and _ADDS_SERVICE.fullmatch(source.last_name(node)):
            yield node, source.last_name(node)


def _rpc_violations(file: FileDescriptorProto) -> Iterator[Violation]:
    for number, service in enumerate(file.service):
        for index, method in enumerate(service.method):
            if method.client_streaming or method.server_streaming:
                what = f"{service.name}.{method.name} is not unary"
                line = _line(file, [_SERVICE, number, _METHOD, index])
                yield _violation(file, line, "unary-rpc", what, "take and return one message")


def _status_violations(file: FileDescriptorProto, rules: Rulebook) -> Iterator[Violation]:
    for number, enum in enumerate(file.enum_type):
        names = _states_of(enum)
        if is_wrong_set(names, rules.job, is_whole=enum.name == STATUS_ENUM):
            line = _line(file, [_ENUM, number])
            instead = f"keep to {', '.join(rules.job.statuses)}"
            yield _violation(file, line, "four-statuses", wrong_set(names, rules.job), instead)


def _states_of(enum: EnumDescriptorProto) -> list[str]:
    """Returns the values of an enum without its prefix and without the value for none of them."""
    prefix = re.sub(r"(?<!^)(?=[A-Z])", "_", enum.name).upper() + "_"
    names = [value.name.removeprefix(prefix).lower() for value in enum.value]
    return [name for name in names if name != "unspecified"]


def _payload_violations(files: Sequence[FileDescriptorProto]) -> Iterator[Violation]:
    instead = "hand out the job's id and nothing else; a worker asks for the rest by GetJobInput"
    answers = [
        (file, number) for file in files for number, message in enumerate(file.message_type)
        if message.name == DEQUEUE_ANSWER
    ]  # fmt: skip
    if not answers:
        yield Violation(PROTOS, 1, "queue-payload", f"{DEQUEUE_ANSWER} is not there", "restore it")
    for file, number in answers:
        fields = [(field.name, field.type, field.label) for field in file.message_type[number].field]
        if fields != [("job_id", 9, 1)]:  # TYPE_STRING, LABEL_OPTIONAL
            what = f"{DEQUEUE_ANSWER} holds {', '.join(name for name, _, _ in fields) or 'nothing'}"
            yield _violation(file, _line(file, [_MESSAGE, number]), "queue-payload", what, instead)


def _line(file: FileDescriptorProto, path: list[int]) -> int:
    places = (place for place in file.source_code_info.location if list(place.path) == path)
    return next((place.span[0] + 1 for place in places), 1)


def _violation(file: FileDescriptorProto, line: int, rule: str, what: str, instead: str) -> Violation:
    return Violation(f"{PROTOS}/{file.name}", line, rule, what, instead)
