"""Clients that go on submitting whatever happens, and know how each job must end."""

import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

import grpc

from benchmarks.chaos_processes import Violation
from job_client import FrameResult, JobClient, JobInfo, JobNotFound, ServiceError
from job_worker.errors import JobCannotBeDone
from job_worker.runtime.pipeline_runner import PipelineRunner, Run
from shared.contract.errors import STOPPED_SERVER_CODES
from shared.contract.job_status import JobStatus
from shared.results import encode_document

T = TypeVar("T")

WINDOW = 4
"""Unfinished jobs of one client, so that the job queue is never empty and never long."""
CALL_PATIENCE_SECONDS = 180.0
"""How long one call is tried again: far longer than any fault lasts."""
PAUSE_SECONDS = 0.2
REPEATS = 0.1
"""Share of submits that are repeated although they were answered, as after a lost answer."""
LARGE_BYTES = 10_000_000
"""Results above this are large: long ones must not fill the disk."""
LARGE_KEPT = 3
"""Ended jobs with large results of one client; it deletes the earlier ones."""

TRY_AGAIN = STOPPED_SERVER_CODES | {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.RESOURCE_EXHAUSTED}


class ExpectedOutcome(NamedTuple):
    """How the job of a video ends when nothing disturbs the work.

    Attributes:
        name: The file's name.
        video: Its bytes.
        pipeline: What it is submitted to.
        status: How its job ends.
        outcome: The results document, or the error message.
    """

    name: str
    video: bytes
    pipeline: str
    status: JobStatus
    outcome: bytes

    @property
    def is_large(self) -> bool:
        """Whether the results are."""
        return len(self.outcome) > LARGE_BYTES


@dataclass(slots=True)
class SubmittedJob:
    """A job whose id the server has answered.

    Attributes:
        job_id: The job.
        expected: How it must end.
        ended: What the server said when it first said that the job had ended.
    """

    job_id: str
    expected: ExpectedOutcome
    ended: JobInfo | None = None


def expected_outcomes(runner: PipelineRunner, pipeline: str, videos: Iterable[Path]) -> Iterator[ExpectedOutcome]:
    """Run each video through the pipeline, with no server and no faults."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "results.json")
        for path in videos:
            try:
                runner.run(Run(pipeline, path, results), lambda: False)
                status, outcome = JobStatus.completed, results.read_bytes()
            except JobCannotBeDone as failure:
                status, outcome = JobStatus.failed, str(failure).encode()
            yield ExpectedOutcome(path.name, path.read_bytes(), pipeline, status, outcome)


class Client:
    """One client with a connection of its own.

    Args:
        name: Part of its request ids; unique.
        rng: Chooses what it does next.
        client: Its connection.
        expected_outcomes: What it submits.

    Attributes:
        submitted_jobs: Its jobs whose ids the server has answered.
        refusals: Calls that it had to repeat, by the code of the refusal.
        repeats: Submits that it repeated after their answer, which gave the same job.
        deletions: Jobs that it deleted, which are no longer among them.
    """

    def __init__(self, name: str, rng: Random, client: JobClient, expected_outcomes: list[ExpectedOutcome]) -> None:
        self.submitted_jobs: list[SubmittedJob] = []
        self.refusals: Counter[str] = Counter()
        self.repeats = self.deletions = 0
        self._name = name
        self._rng = rng
        self._client = client
        self._expected_outcomes = expected_outcomes
        self._open: list[SubmittedJob] = []
        self._large: deque[SubmittedJob] = deque()

    def run(self, over: threading.Event) -> None:
        """Submit and look at its jobs until it is over; every submit under way is seen through.

        Raises:
            Violation: A job ended otherwise than it must, or a call was refused for good.
        """
        number = 0
        while not over.wait(self._rng.uniform(0, 2 * PAUSE_SECONDS)):
            if len(self._open) < WINDOW:
                number += 1
                self._open.append(self._submit(f"{self._name}-{number}"))
            self._look()

    def settle(self, deadline: float) -> None:
        """Wait until all its jobs have ended.

        Raises:
            Violation: One has not by the deadline, of the monotonic clock.
        """
        while self._open and time.monotonic() < deadline:
            self._look()
            time.sleep(PAUSE_SECONDS)
        if self._open:
            raise Violation(f"jobs never ended: {', '.join(submitted.job_id for submitted in self._open)}")

    def confirm(self) -> None:
        """Check that no job changed after it had ended.

        Raises:
            Violation: One did.
        """
        for submitted in self.submitted_jobs:
            if self._insist(self._client.job(submitted.job_id).status) != submitted.ended:
                raise Violation(f"job {submitted.job_id} changed after it had ended: {submitted.ended}")

    def _submit(self, request_id: str) -> SubmittedJob:
        expected = self._rng.choice(self._expected_outcomes)

        def submit() -> str:
            return self._client.submit(expected.video, expected.pipeline, request_id).job_id

        job_id = self._insist(submit)
        submitted = SubmittedJob(job_id, expected)
        self.submitted_jobs.append(submitted)
        if self._rng.random() < REPEATS:
            if (again := self._insist(submit)) != job_id:
                raise Violation(f"request {request_id} was answered with {job_id}, then with {again}")
            self.repeats += 1
        return submitted

    def _look(self) -> None:
        for submitted in [*self._open]:
            job = self._insist(self._client.job(submitted.job_id).status)
            if job.status.is_final:
                submitted.ended = job
                self._open.remove(submitted)
                self._check(submitted.expected, job)
                if submitted.expected.is_large:
                    self._large.append(submitted)
        if len(self._large) > LARGE_KEPT:
            self._delete(self._large.popleft())

    def _delete(self, submitted: SubmittedJob) -> None:
        """Delete a job that is still there; the answer may be lost."""
        job = self._client.job(submitted.job_id)
        if self._insist(job.status) != submitted.ended:
            raise Violation(f"job {submitted.job_id} changed after it had ended: {submitted.ended}")
        with suppress(JobNotFound):
            self._insist(job.delete)
        self.submitted_jobs.remove(submitted)
        self.deletions += 1

    def _check(self, expected: ExpectedOutcome, job: JobInfo) -> None:
        outcome = job.error_message.encode()
        if job.status is JobStatus.completed:
            outcome = _document_of(self._insist(lambda: self._client.job(job.job_id).results()))
        if (job.status, outcome) != (expected.status, expected.outcome):
            raise Violation(f"job {job.job_id} of {expected.name} must not come to: {job.status} {outcome[:200]!r}")

    def _insist(self, call: Callable[[], T]) -> T:
        """Make a call again and again until the server answers.

        Raises:
            Violation: It refuses, or does not answer for far longer than any fault lasts.
        """
        deadline = time.monotonic() + CALL_PATIENCE_SECONDS
        while True:
            try:
                return call()
            except ServiceError as error:
                if error.code not in TRY_AGAIN or time.monotonic() > deadline:
                    raise Violation(f"a call was refused: {error}") from error
                self.refusals[error.code.name] += 1
            time.sleep(PAUSE_SECONDS)


def _document_of(results: Sequence[FrameResult]) -> bytes:
    """Return the document that a worker stored to give these results."""
    return b"".join(encode_document(frame.to_json().encode() for frame in results))
