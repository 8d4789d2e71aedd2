"""What is measured of the server: each function returns one table."""

import json
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from google.protobuf.struct_pb2 import ListValue, Struct

from benchmarks.api_load import complete, idle_workers, lifecycles, no_op_workers, submit, video
from benchmarks.api_server import Caller, MeasuredServer, serving
from benchmarks.measuring import Rows, percentile, spread, timed_ms
from benchmarks.results_check import document_of
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.process.settings import MIB

SMALL_VIDEO_BYTES = 20_000
SETTLE_SECONDS = 0.5
"""How long hundreds of Dequeues may take to reach the server."""
AT_ONCE = 8
DEFAULT_BOUND_MIB = 1024
"""Above the largest upload, so that it does not wait."""


def lifecycle_table(folder: Path, numbers: Sequence[int], seconds: float, rounds: int) -> Rows:
    """Measure whole lives of jobs: so many clients and so many workers that do no work."""
    with serving(folder / "lives") as server:
        return [{"clients and workers": number} | _lives(server, number, seconds, rounds) for number in numbers]


def _lives(server: MeasuredServer, number: int, seconds: float, rounds: int) -> dict[str, dict[str, float]]:
    rates, costs = [], []
    content = video(SMALL_VIDEO_BYTES)
    with no_op_workers(server, number):
        lifecycles(server, number, min(seconds, 1.0), content)
        for _ in range(rounds):
            before, began = server.cpu_seconds, time.perf_counter()
            rates.append(lifecycles(server, number, seconds, content))
            jobs = rates[-1] * (time.perf_counter() - began)
            costs.append((server.cpu_seconds - before) * 1000 / jobs)
    return {"jobs/s": spread(rates, 1), "server's CPU ms a job": spread(costs, 1)}


def latency_table(folder: Path, waiting: Sequence[int], calls: int, rounds: int) -> Rows:
    """Measure one active client beside workers that wait; rounds of all sizes are interleaved."""
    samples: defaultdict[int, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with serving(folder / "latency") as server, server.callers(1) as [caller]:
        for workers in [*waiting] * rounds:
            for name, times in _latencies(server, caller, workers, calls).items():
                samples[workers][f"{name} p50 ms"].append(percentile(times, 0.5))
                samples[workers][f"{name} p99 ms"].append(percentile(times, 0.99))
    return [
        {"waiting workers": workers} | {name: spread(values) for name, values in samples[workers].items()}
        for workers in waiting
    ]


def _latencies(server: MeasuredServer, caller: Caller, workers: int, calls: int) -> dict[str, list[float]]:
    times: defaultdict[str, list[float]] = defaultdict(list)
    content = video(SMALL_VIDEO_BYTES)
    with idle_workers(server, workers) as received_at:
        time.sleep(SETTLE_SECONDS)
        for _ in range(calls):
            began = time.perf_counter()
            job_id = submit(caller, content)
            times["submit"].append((time.perf_counter() - began) * 1000)
            request = pb.GetJobStatusRequest(job_id=job_id)
            times["status"].append(timed_ms(partial(caller.jobs.GetJobStatus, request)))
            times["submit to worker"].append((received_at(job_id) - began) * 1000)
    return times


def upload_table(folder: Path, sizes_mib: Sequence[int], rounds: int) -> Rows:
    """Measure large uploads one by one, and many at once against a bound on the bytes under way."""
    smallest = sizes_mib[0]
    ways = [(size, 1, DEFAULT_BOUND_MIB) for size in sizes_mib]
    ways += [(smallest, AT_ONCE, bound) for bound in (smallest, AT_ONCE * smallest)]
    return [_uploads(folder / f"uploads-{number}", *way, rounds) for number, way in enumerate(ways)]


def _uploads(folder: Path, size_mib: int, at_once: int, bound_mib: int, rounds: int) -> dict[str, Any]:
    speeds, peaks = [], []
    content = video(size_mib * MIB)
    largest, most = str(min(size_mib, bound_mib) * MIB), str((bound_mib + 1) * MIB)
    flags = ("--max-video-bytes", largest, "--max-results-bytes", largest, "--max-inflight-bytes", most)
    for number in range(rounds):
        with serving(folder / str(number), *flags) as server, server.callers(at_once) as callers:
            submit(callers[0], video(SMALL_VIDEO_BYTES))
            began = server.peak_mib
            with ThreadPoolExecutor(at_once) as pool:
                seconds = timed_ms(lambda: list(pool.map(lambda caller: submit(caller, content), callers))) / 1000
            speeds.append(size_mib * at_once / seconds)
            peaks.append(server.peak_mib - began)
        for file in (folder / str(number)).rglob("*.mp4"):
            file.unlink()
    return {
        "MiB": size_mib,
        "at once": at_once,
        "bound MiB": bound_mib,
        "MiB/s": spread(speeds, 0),
        "server's memory above idle, MiB": spread(peaks, 0),
    }


def results_table(folder: Path, frames: int, rounds: int) -> Rows:
    """Measure what results cost to answer: in the server, for the client, and on the way."""
    with serving(folder / "results") as server, server.callers(1) as [caller]:
        job_id = submit(caller, video(SMALL_VIDEO_BYTES))
        assert complete(caller, "worker", document_of(frames, lines=0)) == job_id
        return [
            _results(server, caller, pb.GetJobResultsRequest(job_id=job_id, format=form), rounds)
            for form in (pb.RESULTS_FORMAT_JSON, pb.RESULTS_FORMAT_FRAMES)
        ]


def _results(server: MeasuredServer, caller: Caller, request: pb.GetJobResultsRequest, rounds: int) -> dict[str, Any]:
    times: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(rounds):
        before, began = server.cpu_seconds, time.perf_counter()
        answer = caller.jobs.GetJobResults(request)
        times["call ms"].append((time.perf_counter() - began) * 1000)
        times["server's CPU ms"].append((server.cpu_seconds - before) * 1000)
        times["reading it ms"].append(timed_ms(partial(_read, answer)))
    return {
        "format": pb.ResultsFormat.Name(request.format).rpartition("_")[2],
        **{name: spread(times[name], 0) for name in ("server's CPU ms", "call ms", "reading it ms")},
        "MB": round(answer.ByteSize() / 1e6, 1),
    }


def _read(answer: pb.GetJobResultsResponse) -> int:
    """Make plain lists and dictionaries of an answer, as a client does."""
    if answer.results_json:
        return len(json.loads(answer.results_json))
    return sum(len(_plain(entry.result)) for entry in answer.results)


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return {name: _plain(value[name]) for name in value}
    return [_plain(inner) for inner in value] if isinstance(value, ListValue) else value
