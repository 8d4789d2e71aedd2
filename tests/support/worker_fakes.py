"""Stand-ins for what a worker talks to: the server, and whatever runs the pipelines."""

import io
import tempfile
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import grpc

from job_worker.errors import Cancelled, JobCannotBeDone, LeaseLost, MessageTooLarge
from job_worker.runtime.api_client import Offer, WorkerApi
from job_worker.runtime.pipeline_runner import Run
from shared.contract.job_status import JobStatus
from shared.results import InvalidDocument, check_document
from tests.support.samples import VIDEO, results_document
from tests.support.waiting import eventually

LEASE_SECONDS = 60.0
MAX_ERROR_BYTES = 64 * 1024
MAX_RESULTS_BYTES = 256 << 20
MAX_CHUNK_BYTES = 4 << 20
"""Those of a server with default settings."""

Way = Callable[[str, Path, Callable[[], bool]], bytes]
"""How a run goes: takes the pipeline's id, the video and whether it is cancelled, and returns the results document."""


def report_results(worker: "WorkerApi | FakeApi", job_id: str, document: bytes) -> None:
    """Have the worker complete the job with this results document."""
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder, "results.json")
        results.write_bytes(document)
        worker.complete(job_id, results)


class CallFailed(grpc.RpcError):
    """A call that did not succeed, without a server that made it fail."""

    def __init__(self, code: grpc.StatusCode, details: str = "no connection") -> None:
        super().__init__(details)
        self._code = code
        self._details = details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details

    def trailing_metadata(self) -> None:
        return None


def raising(error: BaseException) -> Callable[..., bytes]:
    def call(*_: object) -> bytes:
        raise error

    return call


def one_empty_frame(*_: object) -> bytes:
    return results_document([{"frame_index": 0, "result": {}}])


def until_cancelled(_pipeline_id: str, _video: Path, is_cancelled: Callable[[], bool]) -> bytes:
    """A run that takes for ever."""
    eventually(is_cancelled, "the cancellation of the run")
    raise Cancelled("the run was cancelled")


@dataclass
class FakeJob:
    """A job of a `FakeServer`.

    Attributes:
        holder: The worker that holds it, or held it last.
        is_acknowledged: Whether its holder has called about it.
        is_expired: Whether its holder has lost it by its silence, and nobody has taken it since.
        outcome: Its results or its error message, once it has ended.
    """

    pipeline_id: str = "ocr"
    video: bytes = VIDEO
    status: JobStatus = JobStatus.pending
    holder: str = ""
    is_acknowledged: bool = False
    is_expired: bool = False
    outcome: bytes | str | None = None


@dataclass
class FakeServer:
    """The jobs of a server and their queue, in memory.

    `tests/contract/test_worker_service_contract.py` holds it and `FakeApi` to what a real server does.
    """

    offered: frozenset[str] | None = frozenset({"yolo_ocr", "yolo", "ocr", "codes"})
    max_results_bytes: int = MAX_RESULTS_BYTES
    max_error_bytes: int = MAX_ERROR_BYTES
    jobs: dict[str, FakeJob] = field(default_factory=dict)
    queue: deque[str] = field(default_factory=deque)

    def submit(self, job_id: str, pipeline_id: str = "ocr", video: bytes = VIDEO) -> None:
        self.jobs[job_id] = FakeJob(pipeline_id, video)
        self.queue.append(job_id)

    def take(self, worker_id: str) -> str | None:
        """Give a worker the job that it never called about, else the next in the queue."""
        for job_id, job in self.jobs.items():
            if (job.status, job.holder, job.is_acknowledged) == (JobStatus.running, worker_id, False):
                return job_id
        if not self.queue:
            return None
        job_id = self.queue.popleft()
        job = self.jobs[job_id]
        job.status, job.holder, job.is_acknowledged, job.is_expired = JobStatus.running, worker_id, False, False
        return job_id

    def expire_leases(self) -> None:
        """Requeue the jobs that workers hold, as if none of them had called for longer than a lease."""
        for job_id, job in self.jobs.items():
            if job.status is JobStatus.running:
                job.status, job.is_expired = JobStatus.pending, True
                self.queue.append(job_id)

    def give_to_another(self, job_id: str) -> None:
        """Have the worker that holds the job lose it."""
        self.jobs[job_id].holder = "another"

    def held(self, job_id: str, worker_id: str) -> FakeJob:
        """Return the job that the worker holds; one that expired and that nobody took returns to its last holder."""
        job = self.jobs.get(job_id)
        if job and job.is_expired and job.holder == worker_id:
            self.queue.remove(job_id)
            job.status, job.is_expired = JobStatus.running, False
        if job is None or (job.status, job.holder) != (JobStatus.running, worker_id):
            raise LeaseLost(job_id)
        job.is_acknowledged = True
        return job

    def end(self, job_id: str, worker_id: str, status: JobStatus, outcome: bytes | str) -> None:
        """End the job; the same end again by the same worker is harmless."""
        job = self.jobs.get(job_id)
        if job is None or (job.status, job.holder, job.outcome) != (status, worker_id, outcome):
            job = self.held(job_id, worker_id)
        job.status, job.outcome = status, outcome

    def release(self, job_id: str, worker_id: str) -> None:
        """Requeue the job; the same again by the same worker is harmless."""
        job = self.jobs.get(job_id)
        if job and (job.status, job.holder) == (JobStatus.pending, worker_id):
            job.is_expired = False
            return
        self.held(job_id, worker_id).status = JobStatus.pending
        self.queue.append(job_id)


class FakeApi:
    """`WorkerApi` on a `FakeServer`; records how each of its jobs ended.

    A hook is called before the server does what it is named for, and may raise.
    """

    def __init__(self, *job_ids: str, worker_id: str = "w", server: FakeServer | None = None) -> None:
        self.server = server or FakeServer()
        for job_id in job_ids:
            self.server.submit(job_id)
        self._worker_id = worker_id
        self.dequeues = 0
        self.completed: dict[str, bytes] = {}
        self.failed: dict[str, str] = {}
        self.released: list[str] = []
        self.on_empty: Callable[[], object] = lambda: None
        self.on_renew: Callable[[], float] = lambda: LEASE_SECONDS
        self.on_download: Callable[[str], object] = lambda job_id: None
        self.on_complete: Callable[[str], object] = lambda job_id: None
        self.on_release: Callable[[str], object] = lambda job_id: None

    def dequeue(self, wait_seconds: float) -> str | None:
        self.dequeues += 1
        job_id = self.server.take(self._worker_id)
        if job_id is None:
            self.on_empty()
        return job_id

    def renew(self, job_id: str) -> float:
        self.server.held(job_id, self._worker_id)
        return self.on_renew()

    def offer(self) -> Offer | None:
        if self.server.offered is None:
            return None
        return Offer(self.server.offered, self.server.max_results_bytes, MAX_CHUNK_BYTES)

    def download(
        self,
        job_id: str,
        target: Path,
        chunk_bytes: int,
        is_cancelled: Callable[[], bool],
        accept: Callable[[str], None] = lambda _: None,
    ) -> str:
        with target.open("wb") as file:
            while not is_cancelled():
                self.on_download(job_id)
                job = self.server.held(job_id, self._worker_id)
                if not file.tell():
                    accept(job.pipeline_id)
                file.write(job.video[file.tell() : file.tell() + chunk_bytes])
                if file.tell() >= len(job.video):
                    return job.pipeline_id
        raise Cancelled("the download was cancelled")

    def offer_for_job(self, is_cancelled: Callable[[], bool]) -> Offer | None:
        return self.offer()

    def complete(self, job_id: str, results: Path, is_cancelled: Callable[[], bool] = lambda: False) -> None:
        self.on_complete(job_id)
        results_json = results.read_bytes()
        if len(results_json) > (limit := self.server.max_results_bytes):
            raise JobCannotBeDone(f"the results are larger than {limit} bytes, the limit of the server")
        try:
            check_document(io.BytesIO(results_json))
        except InvalidDocument as error:
            raise JobCannotBeDone(f"results_json: {error}") from error
        self.server.end(job_id, self._worker_id, JobStatus.completed, results_json)
        self.completed[job_id] = results_json

    def fail(self, job_id: str, error_message: str) -> None:
        if not error_message.strip():
            raise CallFailed(grpc.StatusCode.INVALID_ARGUMENT, "error_message must say what went wrong")
        if len(error_message.encode()) > self.server.max_error_bytes:
            raise MessageTooLarge(f"error_message is longer than the limit of {self.server.max_error_bytes} bytes")
        self.server.end(job_id, self._worker_id, JobStatus.failed, error_message)
        self.failed[job_id] = error_message

    def release(self, job_id: str) -> None:
        self.on_release(job_id)
        self.server.release(job_id, self._worker_id)
        self.released.append(job_id)

    @property
    def reported_nothing(self) -> bool:
        """Whether no job was completed, failed or released."""
        return not (self.completed or self.failed or self.released)


class FakeRunner:
    """`PipelineRunner` in this process; every run takes the next of the given ways, the last one for ever."""

    def __init__(self, *ways: Way) -> None:
        self._ways = list(ways) or [one_empty_frame]
        self.videos: list[tuple[str, Path]] = []
        self.is_closed = False

    def start(self, is_cancelled: Callable[[], bool]) -> None:
        pass

    def run(self, run: Run, is_cancelled: Callable[[], bool]) -> None:
        self.videos.append((run.pipeline_id, run.video))
        way = self._ways[0] if len(self._ways) == 1 else self._ways.pop(0)
        run.results.write_bytes(way(run.pipeline_id, run.video, is_cancelled))

    def close(self) -> None:
        self.is_closed = True
