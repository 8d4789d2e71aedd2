"""A job's status as the number that the contract's messages carry."""

from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.job_status import JobStatus

_NUMBERS = {
    JobStatus.pending: pb.JOB_STATUS_PENDING,
    JobStatus.running: pb.JOB_STATUS_RUNNING,
    JobStatus.completed: pb.JOB_STATUS_COMPLETED,
    JobStatus.failed: pb.JOB_STATUS_FAILED,
}
_STATUSES: dict[int, JobStatus] = {number: status for status, number in _NUMBERS.items()}


def number_of_status(status: JobStatus) -> pb.JobStatus.ValueType:
    """Return the contract's number of the status."""
    return _NUMBERS[status]


def status_of_number(number: int) -> JobStatus:
    """Return the status that a message carries.

    Raises:
        ValueError: No job has this number: it is unspecified, or not one of the enum's.
    """
    if number not in _STATUSES:
        raise ValueError(f"{number} is not the number of a job's status")
    return _STATUSES[number]
