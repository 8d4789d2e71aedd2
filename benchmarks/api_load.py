"""Clients and workers that keep a server busy, or wait for it."""

import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from benchmarks.api_server import Caller, MeasuredServer
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.results import encode_document, encode_frame

PIPELINE = "ocr"
POLL_SECONDS = 0.05
"""Pause of a client between two looks at its job: half of what our own client makes first."""
WAIT = Duration(seconds=30)
"""What a waiting worker requests: the server's own limit."""
CALLS_A_CONNECTION = 50
"""HTTP/2 allows 100 at one time by default."""
END_SECONDS = 60.0
DOCUMENT = b"".join(encode_document([encode_frame(0, 0.0, {})]))


def video(size_bytes: int) -> bytes:
    """Return what passes for an MP4 of that size."""
    return b"\0\0\0\x18ftypisom".ljust(size_bytes, b"\0")


def submit(caller: Caller, content: bytes) -> str:
    """Submit a video and return the job's id."""
    return caller.jobs.SubmitJob(pb.SubmitJobRequest(pipeline_id=PIPELINE, video=content)).job_id


def complete(caller: Caller, worker_id: str, document: bytes = DOCUMENT, wait: Duration | None = None) -> str:
    """Take a job and complete it; return its id, empty where none came."""
    job_id = caller.workers.Dequeue(pb.DequeueRequest(worker_id=worker_id, wait=wait)).job_id
    if job_id:
        request = pb.CompleteJobRequest(job_id=job_id, worker_id=worker_id, results_json=document)
        caller.workers.CompleteJob(request)
    return job_id


def lifecycles(server: MeasuredServer, clients: int, seconds: float, content: bytes) -> float:
    """Have clients submit a job, wait for its end, and again; return how many jobs a second ended.

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
    """Run workers that complete every job at once, in a process beside the clients', until the block ends."""
    process = multiprocessing.get_context("spawn").Process(target=_work, args=(server, workers), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _work(server: MeasuredServer, workers: int) -> None:
    def work(number: int, caller: Caller) -> None:
        while True:
            complete(caller, f"worker-{number}", wait=WAIT)

    with server.callers(workers) as callers, ThreadPoolExecutor(workers) as pool:
        list(pool.map(work, range(workers), callers))


@contextmanager
def idle_workers(server: MeasuredServer, workers: int) -> Iterator[Callable[[str], float]]:
    """Keep so many Dequeues waiting until the block ends; whoever gets a job waits again at once and does nothing.

    Yields:
        What waits until a job has reached a worker and returns when that was, by the performance counter.
    """
    received: dict[str, Future[float]] = {}
    names, over = count(), threading.Event()
    with server.callers(-(-workers // CALLS_A_CONNECTION)) as callers:
        waiting: dict[int, Any] = {}

        def start(number: int) -> None:
            request = pb.DequeueRequest(worker_id=f"idle-{next(names)}", wait=WAIT)
            waiting[number] = callers[number // CALLS_A_CONNECTION].workers.Dequeue.future(request)
            waiting[number].add_done_callback(lambda call: take(number, call))

        def take(number: int, call: Any) -> None:
            at = time.perf_counter()
            if not over.is_set():
                start(number)
            if not call.cancelled() and call.code() is grpc.StatusCode.OK and call.result().job_id:
                received.setdefault(call.result().job_id, Future()).set_result(at)

        for number in range(workers):
            start(number)
        yield lambda job_id: received.setdefault(job_id, Future()).result(END_SECONDS)
        over.set()
        for call in list(waiting.values()):
            call.cancel()
