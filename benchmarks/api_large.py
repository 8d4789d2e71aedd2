"""Status calls while the largest results arrive and are answered."""

import hashlib
import multiprocessing
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from functools import cache, partial
from pathlib import Path

from benchmarks.api_load import submit, video
from benchmarks.api_server import Caller, MeasuredServer, serving
from benchmarks.measuring import Rows, percentile, spread, timed_ms
from benchmarks.results_check import document_of
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.process.settings import MIB

CHUNK_BYTES = 4 * MIB
"""The server's own limit, which our worker uses up where the link is fast."""
PAUSE_SECONDS = 0.005
QUIET_SECONDS = 3.0
WAYS = {"nothing": (), "arrive": ("send",), "are answered": ("receive",), "both": ("send", "receive")}
"""What happens meanwhile to results of the largest size."""


def large_table(folder: Path, size_mib: int, rounds: int) -> Rows:
    """Measure status calls with no other call, and while results of so many MiB are sent, read, and both at once."""
    with ExitStack() as stack:
        server = stack.enter_context(serving(folder / "large"))
        [caller] = stack.enter_context(server.callers(1))
        spawn = partial(ProcessPoolExecutor, 1, multiprocessing.get_context("spawn"))
        sender, receiver = stack.enter_context(spawn()), stack.enter_context(spawn())
        watched = _running_job(caller, "watched")
        largest = _running_job(caller, "sender")
        sender.submit(send_results, server, largest, size_mib).result()
        receiver.submit(receive_results, server, largest).result()
        samples: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        for way in [*WAYS] * rounds:
            loads: list[Future[None]] = []
            if "send" in WAYS[way]:
                loads.append(sender.submit(send_results, server, _running_job(caller, "sender"), size_mib))
            if "receive" in WAYS[way]:
                loads.append(receiver.submit(receive_results, server, largest))
            times = _status_times(caller, watched, loads)
            for name, value in (
                ("p50", percentile(times, 0.5)),
                ("p99", percentile(times, 0.99)),
                ("worst", max(times)),
            ):
                samples[way][f"status {name} ms"].append(value)
            samples[way]["status calls"].append(len(times))
    return [
        {f"{size_mib} MiB of results": way} | {name: spread(values, 1) for name, values in samples[way].items()}
        for way in WAYS
    ]


def send_results(server: MeasuredServer, job_id: str, size_mib: int) -> None:
    """Send results in chunks and complete the job, as a worker does."""
    document = _document(size_mib)
    with server.callers(1) as [caller]:
        for offset in range(0, len(document), CHUNK_BYTES):
            data = document[offset : offset + CHUNK_BYTES]
            request = pb.PutJobResultsRequest(job_id=job_id, worker_id="sender", offset=offset, data=data)
            caller.workers.PutJobResults(request)
        digest = hashlib.sha256(document).digest()
        caller.workers.CompleteJob(
            pb.CompleteJobRequest(
                job_id=job_id, worker_id="sender", results_size_bytes=len(document), results_sha256=digest
            )
        )


def receive_results(server: MeasuredServer, job_id: str) -> None:
    """Read results as JSON, as our client does."""
    with server.callers(1) as [caller]:
        caller.jobs.GetJobResults(pb.GetJobResultsRequest(job_id=job_id, format=pb.RESULTS_FORMAT_JSON))


@cache
def _document(size_mib: int) -> bytes:
    """Return results of that size, whose frames differ in their index alone: to make it must not take long."""
    one = document_of(1)
    begin, end = one.index(b"[") + 1, one.rindex(b"]")
    head, key, frame = one[begin:end].partition(b'"frame_index":')
    rest = frame[frame.index(b",") :]
    frames = (b"%b%b %d%b" % (head, key, index, rest) for index in range(size_mib * MIB // (end - begin + 8)))
    return one[:begin] + b", ".join(frames) + one[end:]


def _running_job(caller: Caller, worker_id: str) -> str:
    job_id = submit(caller, video(1000))
    assert caller.workers.Dequeue(pb.DequeueRequest(worker_id=worker_id)).job_id == job_id
    caller.workers.RenewLease(pb.RenewLeaseRequest(job_id=job_id, worker_id=worker_id))
    return job_id


def _status_times(caller: Caller, job_id: str, loads: Sequence["Future[None]"]) -> list[float]:
    """Return how long each status call took, in milliseconds, until the loads are over."""
    request, times = pb.GetJobStatusRequest(job_id=job_id), []
    until = time.perf_counter() + (0 if loads else QUIET_SECONDS)
    while time.perf_counter() < until or not all(load.done() for load in loads):
        times.append(timed_ms(partial(caller.jobs.GetJobStatus, request)))
        time.sleep(PAUSE_SECONDS)
    for load in loads:
        load.result()
    return times
