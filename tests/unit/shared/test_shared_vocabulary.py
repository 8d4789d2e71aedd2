"""The small words that both sides share: states, exit codes, reasons, catalogue, channel options."""

import time

import grpc
import pytest

from shared.contract import channel, errors
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2
from shared.contract.job_status import JobStatus
from shared.contract.reasons import ERROR_DOMAIN, Reason
from shared.contract.status_numbers import number_of_status, status_of_number
from shared.pipelines.catalogue import BUILT_IN_PIPELINES
from shared.process import clock
from shared.process.exit_codes import ExitCode

pytestmark = pytest.mark.unit


def test_the_exit_codes_never_change() -> None:
    assert {code.name: int(code) for code in ExitCode} == {
        "OK": 0,
        "FAILURE": 1,
        "USAGE": 2,
        "JOB_FAILED": 3,
        "NOT_FOUND": 4,
        "UNREACHABLE": 5,
        "TRY_LATER": 6,
        "TIMEOUT": 7,
        "DATABASE": 8,
        "ADDRESS": 9,
        "MODELS": 10,
        "STORAGE": 11,
        "DISK_FAILED": 12,
        "INTERRUPTED": 130,
    }


def test_there_are_four_states_and_two_of_them_are_final() -> None:
    assert [status.value for status in JobStatus] == ["pending", "running", "completed", "failed"]
    assert [status for status in JobStatus if status.is_final] == [JobStatus.completed, JobStatus.failed]


def test_progress_is_derived_from_the_state() -> None:
    assert [status.progress for status in JobStatus] == [0.0, 0.5, 1.0, 1.0]


def test_the_states_are_those_of_the_contract() -> None:
    names = {f"JOB_STATUS_{status.name.upper()}" for status in JobStatus}
    assert names == set(jobs_pb2.JobStatus.keys()) - {"JOB_STATUS_UNSPECIFIED"}


def test_a_state_has_the_number_of_its_name_and_is_read_back_from_it() -> None:
    for status in JobStatus:
        number = number_of_status(status)
        assert jobs_pb2.JobStatus.Name(number) == f"JOB_STATUS_{status.name.upper()}"
        assert status_of_number(number) is status


@pytest.mark.parametrize("number", [jobs_pb2.JOB_STATUS_UNSPECIFIED, len(JobStatus) + 1, -1])
def test_a_number_that_no_job_has_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match=f"{number} is not the number"):
        status_of_number(number)


def test_a_reason_is_its_own_name() -> None:
    assert ERROR_DOMAIN == "foregsyte"
    assert [reason for reason in Reason if reason.value != reason.name] == []


def test_the_catalogue_offers_four_pipelines() -> None:
    kinds = {name: (of.finds_objects, of.reads_text, of.reads_codes) for name, of in BUILT_IN_PIPELINES.items()}
    assert kinds == {
        "yolo_ocr": (True, True, False),
        "yolo": (True, False, False),
        "ocr": (False, True, False),
        "codes": (False, False, True),
    }
    assert all(built_in.description for built_in in BUILT_IN_PIPELINES.values())


def test_the_channel_options_are_options() -> None:
    with grpc.insecure_channel("localhost:1", options=channel.CHANNEL_OPTIONS):
        pass
    options = dict(channel.CHANNEL_OPTIONS)
    assert options["grpc.max_receive_message_length"] == options["grpc.max_send_message_length"] == -1
    assert options["grpc.keepalive_time_ms"] == 1000 * channel.KEEPALIVE_SECONDS


def test_the_clock_is_one_that_never_goes_back() -> None:
    assert clock.monotonic_clock is time.monotonic


def test_an_error_that_no_server_made_has_no_reason_and_no_delay() -> None:
    with grpc.insecure_channel("127.0.0.1:1") as channel, pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary("/none/None", lambda b: b, lambda b: b)(b"", timeout=10)
    assert errors.reason_of(raised.value) is None
    assert errors.retry_delay_seconds(raised.value) is None
