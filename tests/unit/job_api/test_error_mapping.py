"""The one place where errors become status codes and details."""

import errno
import inspect
import logging
import os
from types import SimpleNamespace
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2 as details
from google.rpc import status_pb2
from sqlalchemy.exc import OperationalError

from job_api import errors
from job_api.errors import ApiError, DataLoss, InvalidRequest, NotFound, Overloaded, WrongState
from job_api.interceptors.error_mapping import STATUS_CODES, ErrorMappingInterceptor, status_of
from shared.contract.reasons import ERROR_DOMAIN, Reason
from tests.support.failed_disks import FAILED_DISKS
from tests.support.samples import UNKNOWN_JOB

pytestmark = pytest.mark.unit

ERRORS: dict[str, type[ApiError]] = {
    name: value
    for name, value in vars(errors).items()
    if inspect.isclass(value) and issubclass(value, ApiError) and hasattr(value, "reason")
}
KINDS: tuple[type[Message], ...] = (details.ErrorInfo, details.BadRequest, details.ResourceInfo, details.RetryInfo)

EXPECTED_CODES = {
    "InvalidMp4": grpc.StatusCode.INVALID_ARGUMENT,
    "UnknownPipeline": grpc.StatusCode.INVALID_ARGUMENT,
    "InvalidRequestId": grpc.StatusCode.INVALID_ARGUMENT,
    "InvalidJobId": grpc.StatusCode.INVALID_ARGUMENT,
    "InvalidWorkerId": grpc.StatusCode.INVALID_ARGUMENT,
    "InvalidWait": grpc.StatusCode.INVALID_ARGUMENT,
    "InvalidRange": grpc.StatusCode.INVALID_ARGUMENT,
    "InvalidResults": grpc.StatusCode.INVALID_ARGUMENT,
    "InvalidErrorMessage": grpc.StatusCode.INVALID_ARGUMENT,
    "InvalidFormat": grpc.StatusCode.INVALID_ARGUMENT,
    "InvalidPageSize": grpc.StatusCode.INVALID_ARGUMENT,
    "InvalidPageToken": grpc.StatusCode.INVALID_ARGUMENT,
    "InvalidStatus": grpc.StatusCode.INVALID_ARGUMENT,
    "MalformedRequest": grpc.StatusCode.INVALID_ARGUMENT,
    "JobNotFound": grpc.StatusCode.NOT_FOUND,
    "JobNotCompleted": grpc.StatusCode.NOT_FOUND,
    "JobFailed": grpc.StatusCode.NOT_FOUND,
    "RequestIdReused": grpc.StatusCode.ALREADY_EXISTS,
    "LeaseLost": grpc.StatusCode.FAILED_PRECONDITION,
    "ResultsIncomplete": grpc.StatusCode.FAILED_PRECONDITION,
    "JobNotFinished": grpc.StatusCode.FAILED_PRECONDITION,
    "PayloadTooLarge": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "DiskLow": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "Overloaded": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "ShuttingDown": grpc.StatusCode.UNAVAILABLE,
    "StorageUnavailable": grpc.StatusCode.UNAVAILABLE,
    "InputUnreadable": grpc.StatusCode.DATA_LOSS,
    "ResultsUnreadable": grpc.StatusCode.DATA_LOSS,
}
RETRIED = {"DiskLow", "Overloaded", "ShuttingDown", "StorageUnavailable"}


def make(error: type[ApiError]) -> ApiError:
    """Make an error of this class with the arguments of its constructor."""
    known = {"job_id": UNKNOWN_JOB, "message": "what was wrong", "field": "the_field"}
    return error(**{name: known[name] for name in inspect.signature(error).parameters})


def details_of(status: status_pb2.Status) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for packed in status.details:
        kind = next(kind for kind in KINDS if packed.Is(kind.DESCRIPTOR))
        assert kind.__name__ not in found, "one detail of a kind"
        found[kind.__name__] = kind()
        packed.Unpack(found[kind.__name__])
    return found


def test_the_table_names_every_error_that_can_be_raised() -> None:
    assert set(ERRORS) == set(EXPECTED_CODES)
    assert {error.reason for error in ERRORS.values()} == set(Reason) - {Reason.INTERNAL}


def test_every_class_of_the_tree_has_a_code_along_its_bases() -> None:
    tree = [value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, ApiError)]
    without = [error.__name__ for error in tree if not set(error.__mro__) & set(STATUS_CODES)]
    assert set(without) == {"ApiError", "_AboutJob"}


@pytest.mark.parametrize("name", EXPECTED_CODES)
def test_an_error_has_its_code_reason_and_the_details_that_fit(name: str) -> None:
    error = make(ERRORS[name])
    status = status_of(error)
    found = details_of(status)
    assert status.code == EXPECTED_CODES[name].value[0]
    assert status.message == error.message
    assert (found["ErrorInfo"].reason, found["ErrorInfo"].domain) == (error.reason, ERROR_DOMAIN)

    is_about_job = EXPECTED_CODES[name].name in ("NOT_FOUND", "ALREADY_EXISTS", "FAILED_PRECONDITION", "DATA_LOSS")
    expected = {"ErrorInfo"}
    expected |= {"BadRequest"} if isinstance(error, InvalidRequest) else set()
    expected |= {"ResourceInfo"} if is_about_job else set()
    expected |= {"RetryInfo"} if name in RETRIED else set()
    assert set(found) == expected
    if isinstance(error, InvalidRequest):
        [violation] = found["BadRequest"].field_violations
        assert (violation.field, violation.description) == (error.field, error.message)
    if is_about_job:
        assert found["ResourceInfo"].resource_name == UNKNOWN_JOB
        assert found["ResourceInfo"].resource_type == "foregsyte.jobs.v1.Job"
    if name in RETRIED:
        assert found["RetryInfo"].retry_delay.ToMilliseconds() == int((error.retry_after_seconds or 0) * 1000) > 0


def test_the_code_comes_from_the_nearest_base() -> None:
    class Special(Overloaded):
        """A new error below one that has a code."""

    assert status_of(Special("x")).code == grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]


def test_the_field_of_a_wrong_request_is_one_of_the_contract() -> None:
    from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2

    requests = [m for name, m in jobs_pb2.DESCRIPTOR.message_types_by_name.items() if name.endswith("Request")]
    fields = {field.name for request in requests for field in request.fields}
    used = {error.field for error in ERRORS.values() if issubclass(error, InvalidRequest)}
    assert used - fields == {""}  # of a request that cannot be read no field can be named


def test_an_unforeseen_error_leaves_without_its_text_and_is_found_by_its_reference(
    caplog: pytest.LogCaptureFixture,
) -> None:
    error = RuntimeError("secret in /var/lib/foregsyte")
    with caplog.at_level(logging.ERROR):
        status = status_of(error)
    assert status.code == grpc.StatusCode.INTERNAL.value[0]
    assert details_of(status)["ErrorInfo"].reason == "INTERNAL"
    assert b"secret" not in status.SerializeToString()
    assert b"foregsyte/" not in status.SerializeToString()
    [record] = caplog.records
    assert record.getMessage() == "internal error"
    assert status.message == f"internal error (reference {record.__dict__['reference']})"
    assert record.exc_info
    assert record.exc_info[1] is error


def test_a_message_too_long_to_be_sent_is_cut_between_characters() -> None:
    error = errors.JobFailed(UNKNOWN_JOB, "x" + "ж" * 100_000)
    status = status_of(error)
    assert len(status.SerializeToString()) < 4000
    assert details_of(status)["ErrorInfo"].reason == "JOB_FAILED"
    assert status.message.startswith("xжж")
    assert status.message.endswith("ж ...")


def test_two_unforeseen_errors_have_two_references() -> None:
    assert status_of(ValueError()).message != status_of(ValueError()).message


def test_a_foreseen_error_is_not_logged_as_an_error(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        status_of(make(ERRORS["LeaseLost"]))
    assert not caplog.records


class _Aborted(Exception):
    """What grpc raises to leave a handler."""


class _Context:
    """Just enough of a context to be aborted."""

    def __init__(self) -> None:
        self.status: Any = None

    def abort_with_status(self, status: Any) -> None:
        self.status = status
        raise _Aborted


def intercepted(method: str, behaviour: Any, interceptor: ErrorMappingInterceptor) -> Any:
    handler = grpc.unary_unary_rpc_method_handler(behaviour)
    return interceptor.intercept_service(lambda _: handler, SimpleNamespace(method=method))  # type: ignore[arg-type]


OURS = "/foregsyte.jobs.v1.JobService/GetJobStatus"


def test_an_answer_passes_as_it_is() -> None:
    handler = intercepted(OURS, lambda request, _context: request * 2, ErrorMappingInterceptor())
    assert handler.unary_unary(21, _Context()) == 42


def test_a_raised_error_aborts_with_its_status() -> None:
    def refuse(_request: object, _context: object) -> None:
        raise errors.JobNotFound(UNKNOWN_JOB)

    context = _Context()
    with pytest.raises(_Aborted):
        intercepted(OURS, refuse, ErrorMappingInterceptor()).unary_unary(None, context)
    assert context.status.code is grpc.StatusCode.NOT_FOUND


def test_a_plugin_that_would_end_the_process_is_answered_too() -> None:
    def leave(_request: object, _context: object) -> None:
        raise SystemExit

    context = _Context()
    with pytest.raises(_Aborted):
        intercepted(OURS, leave, ErrorMappingInterceptor()).unary_unary(None, context)
    assert context.status.code is grpc.StatusCode.INTERNAL


def test_a_stopped_interceptor_refuses_new_calls_and_never_runs_them() -> None:
    interceptor, context, ran = ErrorMappingInterceptor(), _Context(), []
    interceptor.stop()
    handler = intercepted(OURS, lambda *_: ran.append(1), interceptor)
    with pytest.raises(_Aborted):
        handler.unary_unary(None, context)
    assert context.status.code is grpc.StatusCode.UNAVAILABLE
    assert not ran


def test_a_call_that_came_before_the_stop_is_run_after_it() -> None:
    interceptor = ErrorMappingInterceptor()
    handler = intercepted(OURS, lambda *_: "answer", interceptor)
    interceptor.stop()
    assert handler.unary_unary(None, _Context()) == "answer"


def test_health_and_unknown_methods_are_left_as_they_are() -> None:
    interceptor = ErrorMappingInterceptor()
    interceptor.stop()
    handler = intercepted("/grpc.health.v1.Health/Check", lambda *_: "healthy", interceptor)
    assert handler.unary_unary(None, _Context()) == "healthy"
    assert interceptor.intercept_service(lambda _: None, SimpleNamespace(method="/none/None")) is None  # type: ignore[arg-type]


def test_the_groups_are_what_callers_catch() -> None:
    assert issubclass(errors.JobFailed, NotFound)
    assert issubclass(errors.LeaseLost, WrongState)
    assert issubclass(errors.ResultsUnreadable, DataLoss)


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [
        (errno.ENOSPC, grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.DISK_LOW),
        (errno.EDQUOT, grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.DISK_LOW),
        (errno.EMFILE, grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.OVERLOADED),
        (errno.ENFILE, grpc.StatusCode.RESOURCE_EXHAUSTED, Reason.OVERLOADED),
        *((number, grpc.StatusCode.UNAVAILABLE, Reason.STORAGE_UNAVAILABLE) for number in FAILED_DISKS),
    ],
)
@pytest.mark.parametrize("is_driver", [False, True])
def test_what_the_disk_or_a_limit_refuses_is_said_to_be_that(
    number: int, code: grpc.StatusCode, reason: Reason, is_driver: bool
) -> None:
    text = os.strerror(number)
    error = OperationalError("COMMIT", {}, Exception(f"IO Error: {text}")) if is_driver else OSError(number, text)
    status = status_of(error)
    assert (status.code, reason in str(status.details[0])) == (code.value[0], True)


def test_a_missing_file_that_nobody_foresaw_stays_an_internal_error() -> None:
    assert status_of(FileNotFoundError(errno.ENOENT, "no such file")).code == grpc.StatusCode.INTERNAL.value[0]
