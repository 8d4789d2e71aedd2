"""Clients and workers that keep a server busy, or wait for it."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from benchmarks.api_server import Caller, MeasuredServer
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb

__all__ = ["Idle", "complete", "idle_workers", "lifecycles", "no_op_workers", "submit", "video"]

PIPELINE = "ocr"
POLL_SECONDS = 0.05
"""Pause of a client between two looks at its job: half of what our own client makes first."""
WAIT = Duration(seconds=30)
"""What a waiting worker asks for: the server's own limit."""
CALLS_A_CONNECTION = 50
"""HTTP/2 allows 100 at one time by default."""
READY_SECONDS = 60.0
END_SECONDS = 60.0
DOCUMENT = b'{"results": [{"frame_index": 0, "result": {}}]}'


def video(size_bytes: int) -> bytes:
    """Returns what passes for an MP4 of that size."""
    return b"\0\0\0\x18ftypisom".ljust(size_bytes, b"\0")


def submit(caller: Caller, content: bytes) -> str:
    """Submits a video and returns the job's id."""
    return caller.jobs.SubmitJob(pb.SubmitJobRequest(pipeline_id=PIPELINE, video=content)).job_id


def complete(caller: Caller, worker_id: str, document: bytes = DOCUMENT, wait: Duration | None = None) -> str:
    """Takes a job and completes it; returns its id, empty where none came."""
    job_id = caller.workers.Dequeue(pb.DequeueRequest(worker_id=worker_id, wait=wait)).job_id
    if job_id:
        request = pb.CompleteJobRequest(job_id=job_id, worker_id=worker_id, results_json=document)
        caller.workers.CompleteJob(request)
    return job_id


def lifecycles(server: MeasuredServer, clients: int, seconds: float, content: bytes) -> float:
    """Has clients submit a job, wait for its end, and again; returns how many jobs a second ended.

    Workers must be at work, see `no_op_workers`.
    """

    def live(caller: Caller) -> int:
        ended = 0
        while time.perf_counter() < until:
            job_id = submit(caller, content)
            while not _has_ended(caller, job_id):
                time.sleep(POLL_SECONDS)
            ended += 1
        return ended

    with server.callers(clients) as callers, ThreadPoolExecutor(clients) as pool:
        began = time.perf_counter()
        until = began + seconds
        ended = sum(pool.map(live, callers))
        return ended / (time.perf_counter() - began)


def _has_ended(caller: Caller, job_id: str) -> bool:
    status = caller.jobs.GetJobStatus(pb.GetJobStatusRequest(job_id=job_id)).status
    assert status != pb.JOB_STATUS_FAILED
    return status == pb.JOB_STATUS_COMPLETED


@contextmanager
def no_op_workers(server: MeasuredServer, workers: int) -> Iterator[None]:
    """Runs workers that complete every job at once, in a process beside the clients', until the block ends."""
    spawning = multiprocessing.get_context("spawn")
    stopping, ready = spawning.Event(), spawning.Event()
    process = spawning.Process(target=_work, args=(server, workers, stopping, ready))
    process.start()
    try:
        assert ready.wait(READY_SECONDS)
        yield
    finally:
        stopping.set()
        process.join(END_SECONDS)
        process.kill()


def _work(server: MeasuredServer, workers: int, stopping: Any, ready: Any) -> None:
    def work(number: int, caller: Caller) -> None:
        while not stopping.is_set():
            complete(caller, f"worker-{number}", wait=Duration(nanos=500_000_000))

    with server.callers(workers) as callers, ThreadPoolExecutor(workers) as pool:
        ready.set()
        list(pool.map(work, range(workers), callers))


@dataclass
class Idle:
    """Workers that wait for a job; whoever gets one waits again at once, and the job is nobody's concern.

    Attributes:
        received_at: When each job reached a worker, by the performance counter.
    """

    received_at: dict[str, float] = field(default_factory=dict)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, job_id: str) -> float:
        """Returns when the job reached a worker."""
        with self.arrived:
            assert self.arrived.wait_for(lambda: job_id in self.received_at, END_SECONDS)
            return self.received_at[job_id]

    def note(self, job_id: str, at: float) -> None:
        """Says that a worker has the job."""
        with self.arrived:
            self.received_at[job_id] = at
            self.arrived.notify_all()


@contextmanager
def idle_workers(server: MeasuredServer, workers: int) -> Iterator[Idle]:
    """Keeps so many Dequeues waiting until the block ends."""
    idle, names, over = Idle(), count(), threading.Event()
    with server.callers(-(-workers // CALLS_A_CONNECTION)) as callers:
        waiting: dict[int, Any] = {}

        def start(number: int) -> None:
            request = pb.DequeueRequest(worker_id=f"idle-{next(names)}", wait=WAIT)
            call = callers[number // CALLS_A_CONNECTION].workers.Dequeue.future(request)
            waiting[number] = call
            call.add_done_callback(_then(idle, lambda: None if over.is_set() else start(number)))

        for number in range(workers):
            start(number)
        yield idle
        over.set()
        for call in list(waiting.values()):
            call.cancel()


def _then(idle: Idle, start_again: Callable[[], None]) -> Callable[[Any], None]:
    def take(call: Any) -> None:
        at = time.perf_counter()
        start_again()
        if not call.cancelled() and call.code() is grpc.StatusCode.OK and call.result().job_id:
            idle.note(call.result().job_id, at)

    return take
