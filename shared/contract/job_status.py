"""The four states of a job."""

from enum import StrEnum


class JobStatus(StrEnum):
    """Where a job stands.

    Attributes:
        pending: The job waits for a worker.
        running: A worker holds the job.
        completed: The results can be read; final.
        failed: The job ended with an error message; final.
    """

    pending = "pending"
    running = "running"
    completed = "completed"
    failed = "failed"

    @property
    def is_final(self) -> bool:
        """Whether a job in this state never changes again."""
        return self in (JobStatus.completed, JobStatus.failed)

    @property
    def progress(self) -> float:
        """How far a job in this state is, from 0 to 1; derived, never stored."""
        return {JobStatus.pending: 0.0, JobStatus.running: 0.5}.get(self, 1.0)
