"""Which exit code of the `foregsyte` command stands for which error."""

import grpc
import pytest

from job_client.errors import UnsuitableFile, WaitTimedOut, service_error
from job_client.exit_codes import COMMAND_CODES, exit_code_of
from shared.contract.reasons import Reason
from shared.process.exit_codes import ExitCode
from shared.process.extras import LibraryMissing
from tests.support.failed_calls import failed_call

pytestmark = pytest.mark.unit

Code = grpc.StatusCode

OF_THE_SERVER = [
    (Code.INVALID_ARGUMENT, Reason.INVALID_MP4, ExitCode.USAGE),
    (Code.INVALID_ARGUMENT, Reason.UNKNOWN_PIPELINE, ExitCode.USAGE),
    (Code.ALREADY_EXISTS, Reason.REQUEST_ID_REUSED, ExitCode.USAGE),
    (Code.RESOURCE_EXHAUSTED, Reason.PAYLOAD_TOO_LARGE, ExitCode.USAGE),
    (Code.NOT_FOUND, Reason.JOB_FAILED, ExitCode.JOB_FAILED),
    (Code.NOT_FOUND, Reason.JOB_NOT_FOUND, ExitCode.NOT_FOUND),
    (Code.UNAVAILABLE, None, ExitCode.UNREACHABLE),
    (Code.UNAVAILABLE, Reason.SHUTTING_DOWN, ExitCode.UNREACHABLE),
    (Code.DEADLINE_EXCEEDED, None, ExitCode.UNREACHABLE),
    (Code.NOT_FOUND, Reason.JOB_NOT_COMPLETED, ExitCode.TRY_LATER),
    (Code.FAILED_PRECONDITION, Reason.JOB_NOT_FINISHED, ExitCode.TRY_LATER),
    (Code.RESOURCE_EXHAUSTED, Reason.DISK_LOW, ExitCode.TRY_LATER),
    (Code.RESOURCE_EXHAUSTED, Reason.OVERLOADED, ExitCode.TRY_LATER),
    (Code.UNAVAILABLE, Reason.STORAGE_UNAVAILABLE, ExitCode.TRY_LATER),
    (Code.INTERNAL, Reason.INTERNAL, ExitCode.FAILURE),
    (Code.DATA_LOSS, Reason.RESULTS_UNREADABLE, ExitCode.FAILURE),
    (Code.UNIMPLEMENTED, None, ExitCode.FAILURE),
    (Code.UNAUTHENTICATED, None, ExitCode.FAILURE),
    (Code.PERMISSION_DENIED, None, ExitCode.FAILURE),
    (Code.UNKNOWN, None, ExitCode.FAILURE),
]


@pytest.mark.parametrize(("status", "reason", "code"), OF_THE_SERVER)
def test_an_error_of_the_server_has_the_code_that_says_what_to_do(
    status: grpc.StatusCode, reason: Reason | None, code: ExitCode
) -> None:
    assert exit_code_of(service_error(failed_call(status, reason))) == code


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (WaitTimedOut("not in time"), ExitCode.TIMEOUT),
        (TimeoutError("the disk on the network does not answer"), ExitCode.USAGE),
        (FileNotFoundError("no file"), ExitCode.USAGE),
        (UnsuitableFile("no video"), ExitCode.USAGE),
        (LibraryMissing("typer is not installed"), ExitCode.USAGE),
        (RuntimeError("nobody foresaw it"), ExitCode.FAILURE),
    ],
)
def test_an_error_of_this_host_has_its_code(error: Exception, code: ExitCode) -> None:
    assert exit_code_of(error) == code


def test_the_codes_of_the_command_are_those_that_it_can_end_with() -> None:
    ends = {code for _, _, code in OF_THE_SERVER} | {ExitCode.OK, ExitCode.TIMEOUT, ExitCode.INTERRUPTED}
    assert sorted(ends) == COMMAND_CODES
