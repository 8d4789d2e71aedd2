"""docs/phase_16/endpoints.md is what the contract, the errors and a real server make of it."""

import re

import grpc
import pytest

from job_api import errors
from job_api.interceptors.error_mapping import STATUS_CODES
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2
from shared.contract.reasons import Reason
from tests.support.endpoints_page import PAGE, page
from tests.support.grpcurl import lines_of

pytestmark = pytest.mark.integration

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_page_is_what_is_made_of_the_contract_and_a_server() -> None:
    assert page() == TEXT, "regenerate it: python -m tests.support.endpoints_page"


def test_every_field_has_a_type() -> None:
    fields = [line for line in TEXT.splitlines() if re.match(r"\| `[a-z_]+` \|", line)]
    assert len(fields) > 30
    assert [line for line in fields if not line.split("|")[2].strip()] == []


def test_every_rpc_has_a_call_on_the_page() -> None:
    services = jobs_pb2.DESCRIPTOR.services_by_name.values()
    rpcs = {f"{service.full_name}/{method.name}" for service in services for method in service.methods}
    assert rpcs == {line.method for line in lines_of(TEXT)}


def test_every_reason_that_an_rpc_names_is_answered_with_the_code_it_names() -> None:
    codes = {
        kind.reason: next(STATUS_CODES[base] for base in kind.__mro__ if base in STATUS_CODES)
        for kind in vars(errors).values()
        if isinstance(kind, type) and issubclass(kind, errors.ApiError) and "reason" in vars(kind)
    }
    said = re.findall(r"^Errors: (.+)$", TEXT, re.MULTILINE)
    named = [(code, reason) for text in said for code, inner in re.findall(r"([A-Z_]+) \(([^)]*)\)", text)
             for reason in re.findall(r"\b[A-Z][A-Z0-9_]+\b", inner)]  # fmt: skip
    assert len(said) > 10
    assert [error for error in named if codes[Reason(error[1])] is not grpc.StatusCode[error[0]]] == []
    of_every_rpc = {Reason.MALFORMED_REQUEST, Reason.SHUTTING_DOWN, Reason.STORAGE_UNAVAILABLE, Reason.INTERNAL}
    assert {reason for _, reason in named} | of_every_rpc == set(Reason)
