"""Between the contract's messages and the services' types."""

import io
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

from job_api.errors import InvalidFormat, InvalidStatus, InvalidWait
from job_api.repositories.jobs import JobRecord
from job_api.servicers import conversions
from job_api.servicers.results_response import frame_message, memory_of_frames, results_as_frames
from shared.contract.durations import duration_of_seconds
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.job_status import JobStatus
from shared.results import decode_values, iter_document, most_values

pytestmark = pytest.mark.unit

CREATED = datetime(2025, 3, 4, 5, 6, 7, 123456, UTC)
UPDATED = datetime(2025, 3, 4, 5, 6, 8, 654321, UTC)


def record(status: JobStatus = JobStatus.pending, error_message: str | None = None) -> JobRecord:
    job_id = UUID("6b1ddc2e-3cbc-4b4c-9d4d-0a4e1d2c7f55")
    return JobRecord(job_id, status, "yolo", "in", None, error_message, CREATED, UPDATED)


@pytest.mark.parametrize(
    ("status", "number", "progress"),
    [
        (JobStatus.pending, pb.JOB_STATUS_PENDING, 0.0),
        (JobStatus.running, pb.JOB_STATUS_RUNNING, 0.5),
        (JobStatus.completed, pb.JOB_STATUS_COMPLETED, 1.0),
        (JobStatus.failed, pb.JOB_STATUS_FAILED, 1.0),
    ],
)
def test_a_status_has_its_number_and_its_progress(status: JobStatus, number: int, progress: float) -> None:
    for message in (conversions.status_message(record(status)), conversions.summary_message(record(status))):
        assert (message.status, message.progress) == (number, progress)
    assert conversions.status_of_filter(number) is status


def test_every_status_of_the_code_is_one_of_the_contract() -> None:
    numbers = {conversions.status_message(record(status)).status for status in JobStatus}
    assert numbers == set(pb.JobStatus.values()) - {pb.JOB_STATUS_UNSPECIFIED}


def test_status_and_summary_carry_the_same_fields() -> None:
    job = record(JobStatus.failed, "no frame can be read")
    status, summary = conversions.status_message(job), conversions.summary_message(job)
    assert MessageToDict(status) == MessageToDict(summary)
    assert status.job_id == str(job.job_id)
    assert status.pipeline_id == "yolo"
    assert status.error_message == "no frame can be read"
    assert status.created_at.ToDatetime(UTC) == CREATED
    assert status.updated_at.ToDatetime(UTC) == UPDATED


def test_a_job_that_has_not_failed_has_no_error_message() -> None:
    assert conversions.status_message(record()).error_message == ""


def test_a_frame_becomes_a_struct_with_all_its_values() -> None:
    result: dict[str, Any] = {
        "detections": [{"label": "person", "box": [1.5, 2.0, 3.0, 4.0], "class_id": 0.0}],
        "text": "Жук\nЩит",
        "empty": [],
        "object": {},
        "flag": True,
        "nothing": None,
    }
    message = frame_message(7, result)
    assert message.frame_index == 7
    assert MessageToDict(message.result) == result


@pytest.mark.parametrize(
    "value",
    [
        "[%s0]" % ("0," * 100_000),
        json.dumps({str(number): 0 for number in range(50_000)}),
        '[[[[[{"":{"":[]}}]]]]]',
        '"x"',
    ],
    ids=["numbers", "names", "nested", "text"],
)
def test_the_memory_of_frames_is_never_less_than_the_answer_and_its_copy(value: str) -> None:
    frame = f'{{"frame_index":0,"result":{{"a":{value}}}}}'
    document = f'{{"results":[{frame}]}}'.encode()
    answer = results_as_frames(uuid4(), iter_document(io.BytesIO(document), decode_values))
    memory = memory_of_frames(len(document), most_values(io.BytesIO(document)))
    assert memory > 2 * (len(answer) - len(str(uuid4())))


def test_an_unspecified_status_filters_nothing_and_an_unknown_one_is_refused() -> None:
    assert conversions.status_of_filter(pb.JOB_STATUS_UNSPECIFIED) is None
    for number in (5, -1, 2**31 - 1):
        with pytest.raises(InvalidStatus, match=str(number)):
            conversions.status_of_filter(number)


def test_json_is_returned_only_when_requested_and_an_unknown_format_is_refused() -> None:
    assert not conversions.wants_json(pb.GetJobResultsRequest())
    assert not conversions.wants_json(pb.GetJobResultsRequest(format=pb.RESULTS_FORMAT_FRAMES))
    assert conversions.wants_json(pb.GetJobResultsRequest(format=pb.RESULTS_FORMAT_JSON))
    for number in (3, -1):
        with pytest.raises(InvalidFormat, match=str(number)):
            conversions.wants_json(pb.GetJobResultsRequest(format=number))  # type: ignore[arg-type]


def test_only_json_is_compressed() -> None:
    assert conversions.wants_json(pb.GetJobResultsRequest(format=pb.RESULTS_FORMAT_JSON, gzip=True))
    with pytest.raises(InvalidFormat, match="RESULTS_FORMAT_JSON where gzip"):
        conversions.wants_json(pb.GetJobResultsRequest(gzip=True))


@given(st.integers(0, 315_576_000_000), st.integers(0, 10**9 - 1))
def test_a_wait_of_zero_or_more_is_a_number_of_seconds(seconds: int, nanos: int) -> None:
    assert conversions.seconds_of_wait(Duration(seconds=seconds, nanos=nanos)) == pytest.approx(seconds + nanos / 1e9)


@pytest.mark.parametrize(
    ("seconds", "nanos"), [(-1, 0), (0, -1), (-1, -1), (1, -1), (0, 10**9), (315_576_000_001, 0), (2**63 - 1, 0)]
)
def test_any_other_wait_is_refused(seconds: int, nanos: int) -> None:
    with pytest.raises(InvalidWait):
        conversions.seconds_of_wait(Duration(seconds=seconds, nanos=nanos))


@pytest.mark.parametrize("seconds", [0.0, 0.25, 60.0, 86_400.5])
def test_seconds_become_a_duration_and_back(seconds: float) -> None:
    assert conversions.seconds_of_wait(duration_of_seconds(seconds)) == seconds


def test_a_record_holds_exactly_the_columns() -> None:
    assert JobRecord.__slots__ == (
        "job_id",
        "status",
        "pipeline_id",
        "input_path",
        "output_path",
        "error_message",
        "created_at",
        "updated_at",
    )
