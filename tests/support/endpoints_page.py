"""Makes `docs/phase_16/endpoints.md` from the contract, the errors and a real server.

`python -m tests.support.endpoints_page` regenerates it; a test fails when the page is not what this makes.
"""

import json
import re
import tempfile
from pathlib import Path
from uuid import uuid4

import grpc
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto

from governance.rpc_rules import read_contract
from job_api import errors
from job_api.interceptors.error_mapping import STATUS_CODES
from job_api.settings import ApiSettings
from shared.contract.reasons import Reason
from tests.support.endpoints_story import INTRODUCTION, REFUSED_CALL, STORY
from tests.support.grpcurl import Grpcurl, lines_of, refusal_as_json
from tests.support.running import running_server

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "phase_16" / "endpoints.md"
TIME = "2026-01-05T10:00:00.000001Z"
"""Stands for every time in an answer."""

_MESSAGE, _ENUM, _SERVICE, _PART = 4, 5, 6, 2
_TYPES = {
    FieldDescriptorProto.TYPE_DOUBLE: "double", FieldDescriptorProto.TYPE_INT64: "int64",
    FieldDescriptorProto.TYPE_INT32: "int32", FieldDescriptorProto.TYPE_STRING: "string",
    FieldDescriptorProto.TYPE_BYTES: "bytes", FieldDescriptorProto.TYPE_BOOL: "bool",
}  # fmt: skip


class Contract:
    """The contract with its comments."""

    def __init__(self) -> None:
        (self.file,) = read_contract(ROOT)
        self._comments = {tuple(place.path): place.leading_comments for place in self.file.source_code_info.location}
        self.messages = {message.name: number for number, message in enumerate(self.file.message_type)}

    def comment(self, *path: int) -> list[str]:
        """Return the paragraphs of a comment."""
        text = self._comments.get(path, "")
        return [" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip()]

    def fields(self, name: str) -> list[str]:
        """Return the table of a message's fields; one line of text where it has none."""
        number = self.messages[name]
        rows = [
            f"| `{field.name}` | {_type_of(field)} | {' '.join(self.comment(_MESSAGE, number, _PART, index))} |"
            for index, field in enumerate(self.file.message_type[number].field)
        ]
        return ["| field | type | what it is |", "|---|---|---|", *rows] if rows else ["No fields."]

    def used_by(self, name: str) -> list[str]:
        """Return the messages of this contract that a message's fields hold."""
        types = (field.type_name.rpartition(".")[2] for field in self.file.message_type[self.messages[name]].field)
        return [type_name for type_name in types if type_name in self.messages]


def _type_of(field: FieldDescriptorProto) -> str:
    name = _TYPES.get(field.type) or field.type_name.lstrip(".").removeprefix("foregsyte.jobs.v1.")
    return f"repeated {name}" if field.label == FieldDescriptorProto.LABEL_REPEATED else name


def page() -> str:
    """Return the whole page."""
    contract, answers = Contract(), answers_of_story()
    parts = [INTRODUCTION]
    for number, service in enumerate(contract.file.service):
        parts += [f"## {service.name}", *contract.comment(_SERVICE, number)]
        for index, method in enumerate(service.method):
            comment = contract.comment(_SERVICE, number, _PART, index)
            parts += [f"### {method.name}", *comment]
            parts += _messages(contract, method.input_type, method.output_type)
            parts += _examples(f"{service.name}/{method.name}", answers)
    parts += ["## Enums", *_enums(contract), "## Errors", *_errors(answers)]
    return "\n\n".join(parts) + "\n"


def _messages(contract: Contract, request: str, answer: str) -> list[str]:
    parts = []
    for title, full_name in (("Request", request), ("Answer", answer)):
        name = full_name.rpartition(".")[2]
        parts += [f"{title}, `{name}`:", "\n".join(contract.fields(name))]
        for inner in contract.used_by(name):
            parts += [f"`{inner}`:", "\n".join(contract.fields(inner))]
    return parts


def _examples(method: str, answers: list[object]) -> list[str]:
    parts = []
    for step, (command, answer) in enumerate(zip(STORY, answers, strict=False), 1):
        if command.endswith(method):
            parts += [f"Step {step}:", f"```sh\n{command}\n```", _as_block(answer)]
    return parts


def _enums(contract: Contract) -> list[str]:
    file: FileDescriptorProto = contract.file
    parts = []
    for number, enum in enumerate(file.enum_type):
        rows = [
            f"| `{value.name}` | {value.number} | {' '.join(contract.comment(_ENUM, number, _PART, index))} |"
            for index, value in enumerate(enum.value)
        ]
        parts += [
            " ".join(contract.comment(_ENUM, number)),
            "\n".join(["| value | number | |", "|---|---|---|", *rows]),
        ]
    return parts


def _errors(answers: list[object]) -> list[str]:
    classes = {kind.reason: kind for kind in _kinds(errors.ApiError) if "reason" in vars(kind)}
    rows = [_error_row(reason, classes.get(reason)) for reason in Reason]
    table = ["| reason | code | what happened | more details |", "|---|---|---|---|", *rows]
    said = "Every error that the service makes carries a `google.rpc.ErrorInfo` with the domain `foregsyte` and one of"
    said += " these reasons. The top of the contract names those that can answer any RPC, and the errors of gRPC"
    said += " itself, which carry no details: a compressed request is one, UNIMPLEMENTED."
    example = "A refused call, with its `google.rpc.Status` as JSON:"
    return [said, "\n".join(table), example, f"```sh\n{REFUSED_CALL}\n```", _as_block(answers[-1])]


def _kinds(base: type[errors.ApiError]) -> list[type[errors.ApiError]]:
    return [kind for child in base.__subclasses__() for kind in (child, *_kinds(child))]


def _error_row(reason: Reason, kind: type[errors.ApiError] | None) -> str:
    if kind is None:
        what = "An unexpected error; the message holds a reference that is also in the server's log."
        return f"| `{reason}` | {grpc.StatusCode.INTERNAL.name} | {what} | |"
    code = next(STATUS_CODES[base] for base in kind.__mro__ if base in STATUS_CODES)
    details = []
    if issubclass(kind, errors.InvalidRequest):
        details.append(f"`BadRequest`, field `{kind.field}`" if kind.field else "`BadRequest`")
    if issubclass(kind, errors.NotFound | errors.AlreadyExists | errors.WrongState | errors.DataLoss):
        details.append("`ResourceInfo`, the job")
    if kind.retry_after_seconds is not None:
        details.append(f"`RetryInfo`, {kind.retry_after_seconds:g} s")
    return f"| `{reason}` | {code.name} | {kind.__doc__} | {', '.join(details)} |"


def answers_of_story() -> list[object]:
    """Run every command of the story against a new server; return the answers, and the refusal at the end."""
    with tempfile.TemporaryDirectory() as folder:
        settings = ApiSettings.of(
            address="127.0.0.1:0", data_dir=folder, database_url=f"duckdb:///:memory:{uuid4().hex}", min_free_bytes=0
        )
        with running_server(settings) as server:
            grpcurl = Grpcurl(server.channel)
            answers: list[object] = [_answer(grpcurl, command) for command in STORY]
            try:
                _answer(grpcurl, REFUSED_CALL)
            except grpc.RpcError as refusal:
                return [*answers, refusal_as_json(refusal)]
    raise AssertionError(f"{REFUSED_CALL} was not refused")


def _answer(grpcurl: Grpcurl, command: str) -> object:
    (line,) = lines_of(command)
    video = (ROOT / "tests" / "fixtures" / "tiny.mp4").read_bytes()
    return grpcurl.call(line.method, line.with_video(video), original_names=False)


def _as_block(answer: object) -> str:
    text = json.dumps(answer, indent=2, ensure_ascii=False)
    text = re.sub(r"(\d)\.0\b", r"\1", text)  # a whole double, as grpcurl prints it
    return "```json\n" + re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", TIME, text) + "\n```"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
