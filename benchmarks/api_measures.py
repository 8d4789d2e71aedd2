"""What is measured of the server: each function returns one table."""

import io
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from google.protobuf.struct_pb2 import ListValue, Struct

from benchmarks.api_load import complete, idle_workers, lifecycles, no_op_workers, submit, video
from benchmarks.api_server import MIB, Caller, MeasuredServer, serving
from benchmarks.measuring import Rows, percentile, spread, timed_ms
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.results import check_document, list_of_document

__all__ = ["latency_table", "lifecycle_table", "results_document", "results_table", "upload_table"]

SMALL_VIDEO_BYTES = 20_000
SETTLE_SECONDS = 0.5
"""How long hundreds of Dequeues may take to reach the line."""
AT_ONCE = 8
LABELS = ("person", "car", "traffic light", "dog")


def lifecycle_table(folder: Path, pairs: Sequence[int], seconds: float, rounds: int) -> Rows:
    """Measures whole lives of jobs: so many clients and so many workers that do no work."""
    with serving(folder / "lives") as server:
        return [{"clients and workers": number} | _lives(server, number, seconds, rounds) for number in pairs]


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
    """Measures one active client beside workers that wait; rounds of all sizes are interleaved."""
    samples: defaultdict[tuple[int, str], list[float]] = defaultdict(list)
    with serving(folder / "latency") as server, server.callers(1) as [caller]:
        for _ in range(rounds):
            for workers in waiting:
                for name, times in _latencies(server, caller, workers, calls).items():
                    samples[workers, f"{name} p50 ms"].append(percentile(times, 0.5))
                    samples[workers, f"{name} p99 ms"].append(percentile(times, 0.99))
    names = list(dict.fromkeys(name for _, name in samples))
    return [
        {"waiting workers": workers, **{name: spread(samples[workers, name]) for name in names}} for workers in waiting
    ]


def _latencies(server: MeasuredServer, caller: Caller, workers: int, calls: int) -> dict[str, list[float]]:
    times: defaultdict[str, list[float]] = defaultdict(list)
    content = video(SMALL_VIDEO_BYTES)
    with idle_workers(server, workers) as idle:
        time.sleep(SETTLE_SECONDS)
        for _ in range(calls):
            began = time.perf_counter()
            job_id = submit(caller, content)
            times["submit"].append((time.perf_counter() - began) * 1000)
            request = pb.GetJobStatusRequest(job_id=job_id)
            times["status"].append(timed_ms(partial(caller.jobs.GetJobStatus, request)))
            times["submit to worker"].append((idle.wait_for(job_id) - began) * 1000)
    return times


@dataclass(frozen=True, slots=True)
class _Uploads:
    """How one row of the table of uploads is made."""

    size_mib: int
    at_once: int = 1
    max_uploads_mib: int = 1024

    @property
    def flags(self) -> tuple[str, ...]:
        largest = str(min(self.size_mib, self.max_uploads_mib) * MIB)
        return ("--max-video-bytes", largest, "--max-results-bytes", largest,
                "--max-upload-bytes", str(self.max_uploads_mib * MIB))  # fmt: skip


def upload_table(folder: Path, sizes_mib: Sequence[int], rounds: int) -> Rows:
    """Measures large uploads one by one, and many at once against a bound on the bytes under way."""
    smallest = sizes_mib[0]
    ways = [_Uploads(size) for size in sizes_mib]
    ways += [_Uploads(smallest, AT_ONCE, bound) for bound in (smallest, AT_ONCE * smallest)]
    return [_uploads(folder / f"uploads-{number}", way, rounds) for number, way in enumerate(ways)]


def _uploads(folder: Path, way: _Uploads, rounds: int) -> dict[str, Any]:
    speeds, peaks = [], []
    content = video(way.size_mib * MIB)
    for number in range(rounds):
        with serving(folder / str(number), *way.flags) as server, server.callers(way.at_once) as callers:
            submit(callers[0], video(SMALL_VIDEO_BYTES))
            began = server.peak_mib
            with ThreadPoolExecutor(way.at_once) as pool:
                seconds = timed_ms(lambda: list(pool.map(lambda caller: submit(caller, content), callers))) / 1000
            speeds.append(way.size_mib * way.at_once / seconds)
            peaks.append(server.peak_mib - began)
        for file in (folder / str(number)).rglob("*.mp4"):
            file.unlink()
    return {
        "MiB": way.size_mib,
        "at once": way.at_once,
        "bound MiB": way.max_uploads_mib,
        "MiB/s": spread(speeds, 0),
        "server's memory above idle, MiB": spread(peaks, 0),
    }


def results_document(frames: int, detections: int = 20) -> bytes:
    """Returns results as a worker brings them."""
    chance = Random(1)

    def detection() -> dict[str, Any]:
        left, top = chance.uniform(0, 1800), chance.uniform(0, 1000)
        box = [round(value, 1) for value in (left, top, left + 80, top + 60)]
        return {
            "label": chance.choice(LABELS), "class_id": 0, "confidence": round(chance.random(), 4), "box": box
        }  # fmt: skip

    entries = [
        {
            "frame_index": index,
            "result": {
                "detections": [detection() for _ in range(detections)],
                "timestamp_ms": round(index * 1000 / 30, 1),
            },
        }
        for index in range(frames)
    ]
    return json.dumps({"results": entries}, separators=(",", ":")).encode()


def results_table(folder: Path, frames: Sequence[int], rounds: int) -> Rows:
    """Measures what results cost to answer: in the server, for the client, and on the way."""
    rows = []
    with serving(folder / "results") as server, server.callers(1) as [caller]:
        for number in frames:
            document = results_document(number)
            job_id = submit(caller, video(SMALL_VIDEO_BYTES))
            assert complete(caller, f"worker-{number}", document) == job_id
            for form in (pb.RESULTS_FORMAT_JSON, pb.RESULTS_FORMAT_FRAMES):
                rows.append(_results(server, caller, pb.GetJobResultsRequest(job_id=job_id, format=form), rounds))
                rows[-1] = {"frames": number} | rows[-1]
            _check_decoders(document, number)
    return rows


def _results(server: MeasuredServer, caller: Caller, request: pb.GetJobResultsRequest, rounds: int) -> dict[str, Any]:
    walls, costs, sizes, reads = [], [], [], []
    for _ in range(rounds):
        before, began = server.cpu_seconds, time.perf_counter()
        answer = caller.jobs.GetJobResults(request)
        walls.append((time.perf_counter() - began) * 1000)
        costs.append((server.cpu_seconds - before) * 1000)
        sizes.append(answer.ByteSize())
        reads.append(timed_ms(partial(_read, answer)))
    return {
        "format": pb.ResultsFormat.Name(request.format).rpartition("_")[2],
        "server's CPU ms": spread(costs, 0),
        "call ms": spread(walls, 0),
        "reading it ms": spread(reads, 0),
        "MB": round(sizes[0] / 1e6, 1),
    }


def _read(answer: pb.GetJobResultsResponse) -> int:
    """Makes plain lists and dictionaries of an answer, as a client does."""
    if answer.results_json:
        return len(json.loads(answer.results_json))
    return sum(len(_plain(entry.result)) for entry in answer.results)


def _plain(value: Any) -> Any:
    if isinstance(value, Struct):
        return {name: _plain(value[name]) for name in value}
    return [_plain(inner) for inner in value] if isinstance(value, ListValue) else value


def _check_decoders(document: bytes, frames: int) -> None:
    assert len(json.loads(list_of_document(document))) == check_document(io.BytesIO(document)) == frames
