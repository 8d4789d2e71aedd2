"""Kill the service again and again while clients use it: `python -m benchmarks.chaos --minutes 30 --seed 1`.

One server and several workers run as processes of their own. Clients submit real small videos, those among them that
hold no frame, and long ones with tens of MB of results, and read the results. All the while each process is killed
(SIGKILL), terminated (SIGTERM) or stopped for longer than a lease (SIGSTOP, SIGCONT), and started again; writes and
syncs of the server fail (where there is a C compiler, see `tests.support.faults`); and each worker's link to the server
is cut, stalled for longer than a lease, or slowed. What happens when follows from the seed. At the end the faults stop,
and it must hold that

- every acknowledged job ends, within `SETTLE_SECONDS`; none is lost and none changes once it has ended;
- its stored results are, byte for byte, those of an undisturbed run of the same video, computed beforehand; a video
  without frames fails with the same message;
- a repeated submit gives the same job; no client sees an error that it could not simply try again;
- SIGTERM ends every process in time with exit code 0; a killed worker leaves no child behind; a server whose disk fails
  ends with the code on which a supervisor starts it again, if it ends;
- the server's folder holds the files of these jobs and no others, and none of those that were deleted.

Else the exit code is 1 and the folder with all logs is kept. Work done twice (a job given out again because its worker
was lost) is right by design. A job is never failed for lost workers here: `--max-lost-workers` of the server is raised
out of reach, because the faults kill workers more often than any job does.

The workers run without models, see `cheap_worker`: many jobs a minute, so many chances to go wrong.
"""

import argparse
import json
import math
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import grpc

from benchmarks.chaos_clients import Client, ExpectedOutcome, SubmittedJob, expected_outcomes
from benchmarks.chaos_links import Link
from benchmarks.chaos_processes import FaultTarget, Violation, faults
from benchmarks.cheap_pipelines import LARGE_PIPELINE, PIPELINE, build_cheap_runner
from benchmarks.growth import make_video
from benchmarks.measuring import command_line, save
from benchmarks.small_videos import OUTSIDE, small_videos
from job_client import JobClient
from job_worker.settings import WorkerSettings
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub
from shared.contract.job_status import JobStatus
from tests.support.faults import Faults
from tests.support.working import free_port

SETTLE_SECONDS = 120.0
"""How long after the last fault the last job may end: a lease and a dozen queued jobs, on a busy host."""
MAX_VIDEO_BYTES = 85_000
LONG_FRAMES = (200, 300)
"""Of the long videos: 20 and 30 MB of results."""
LONG_SHARE = 0.1
"""Of the jobs that are of long videos."""
PIPELINES = f"{PIPELINE},{LARGE_PIPELINE}"
ANSWER_SECONDS = 120.0
"""Longest that a server that was started or continued may take to answer, on a busy host."""
OUT_OF_REACH = 1_000_000
NEVER_WAITS = [("grpc.initial_reconnect_backoff_ms", 50), ("grpc.max_reconnect_backoff_ms", 100)]


class ChaosRun:
    """One server, its workers and clients, and the faults that are injected."""

    def __init__(self, chosen: argparse.Namespace, folder: Path, videos: Sequence[Path]) -> None:
        self._chosen = chosen
        self._folder = folder
        self._over = threading.Event()
        self._address = f"127.0.0.1:{free_port()}"
        self._expected_outcomes = self._undisturbed(videos)
        self._api = FaultTarget("api", self._api_command, folder, _faults_of_the_disk(folder))
        self._links = [Link(f"link-{number}", self._address) for number in range(chosen.workers)]
        self._workers = [
            FaultTarget(f"worker-{number}", partial(self._worker_command, link.address), folder)
            for number, link in enumerate(self._links)
        ]
        self._clients: list[Client] = []
        self._faults: list[str] = []
        self._violations: list[str] = []

    def run(self) -> dict[str, Any]:
        """Run the faults against the service; return the report, whose `violations` must be empty."""
        try:
            with ExitStack() as stack:
                for target in (self._api, *self._workers):
                    stack.callback(target.kill)
                self._run_faults(stack)
                deadline = time.monotonic() + SETTLE_SECONDS
                for client in self._clients:
                    client.settle(deadline)
                self._prove()
        except (Violation, AssertionError) as violation:
            self._violations.append(str(violation))
        return self._report()

    def _undisturbed(self, videos: Sequence[Path]) -> list[ExpectedOutcome]:
        long = [self._folder / f"{frames}_frames.mp4" for frames in LONG_FRAMES]
        for path, frames in zip(long, LONG_FRAMES, strict=True):
            make_video(path, frames)
        settings = WorkerSettings.of(pipelines=PIPELINES, log_level="ERROR")
        with closing(build_cheap_runner(settings)) as runner:
            small, large = (
                list(expected_outcomes(runner, PIPELINE, videos)),
                list(expected_outcomes(runner, LARGE_PIPELINE, long)),
            )
        return small + large * math.ceil(LONG_SHARE * len(small) / len(large))

    def _api_command(self, _life: str) -> list[str]:
        lease = ("--lease-seconds", str(self._chosen.lease_seconds), "--max-lost-workers", str(OUT_OF_REACH))
        where = ("--address", self._address, "--data-dir", "data", "--min-free-bytes", "0")
        return ["job_api", *where, *lease, "--pipelines", PIPELINES]

    def _worker_command(self, address: str, life: str) -> list[str]:
        names = ("--address", address, "--worker-id", life, "--pipelines", PIPELINES)
        return ["benchmarks.cheap_worker", *names, "--threads", "1", "--work-dir", "."]

    def _run_faults(self, stack: ExitStack) -> None:
        """Run clients and faults until the time is over or something is wrong; then every process runs."""
        for target in (self._api, *self._workers):
            target.start()
        for number in range(self._chosen.clients):
            rng = Random(f"{self._chosen.seed}-client-{number}")
            connection = stack.enter_context(JobClient(self._address))
            self._clients.append(Client(f"client-{number}", rng, connection, self._expected_outcomes))
        targets: list[FaultTarget | Link] = [self._api, *self._workers, *self._links]
        with ThreadPoolExecutor(len(targets) + len(self._clients)) as pool:
            try:
                running = [pool.submit(client.run, self._over) for client in self._clients]
                running += [pool.submit(self._inject, target) for target in targets]
                wait(running, self._chosen.minutes * 60, FIRST_EXCEPTION)
            finally:
                self._over.set()
        for error in filter(None, (future.exception() for future in running)):
            self._violations.append(f"{type(error).__name__}: {error}")

    def _inject(self, target: FaultTarget | Link) -> None:
        chosen = self._chosen
        seed = f"{chosen.seed}-{target.name}"
        for fault in faults(seed, target.kinds, chosen.fault_seconds, chosen.lease_seconds):
            if self._over.wait(fault.after_seconds):
                return
            self._faults.append(f"{target.name} {fault.kind}")
            target.inject(fault, self._over)
            if target is self._api:
                self._wait_for_answer()

    def _wait_for_answer(self) -> None:
        with grpc.insecure_channel(self._address, options=NEVER_WAITS) as channel:
            stub = JobServiceStub(channel)
            stub.ListPipelines(pb.ListPipelinesRequest(), timeout=ANSWER_SECONDS, wait_for_ready=True)

    def _prove(self) -> None:
        """Check every job once more, then stop everything and check the files."""
        submitted_jobs = [submitted for client in self._clients for submitted in client.submitted_jobs]
        for client in self._clients:
            client.confirm()
        for target in (*self._workers, self._api):
            target.terminate()
        self._prove_files(submitted_jobs)

    def _prove_files(self, submitted_jobs: list[SubmittedJob]) -> None:
        completed = [submitted for submitted in submitted_jobs if submitted.expected.status is JobStatus.completed]
        expected = {f"{submitted.job_id}.mp4": submitted.expected.video for submitted in submitted_jobs}
        expected |= {f"{submitted.job_id}_results.json": submitted.expected.outcome for submitted in completed}
        there = {path.name: path for path in (self._folder / "data" / "video_jobs").iterdir()}
        if odd := there.keys() ^ expected.keys():
            raise Violation(f"files lost or left behind: {', '.join(sorted(odd)[:10])}")
        if wrong := [name for name, content in expected.items() if there[name].read_bytes() != content]:
            raise Violation(f"files with other bytes than they must have: {', '.join(sorted(wrong)[:10])}")

    def _report(self) -> dict[str, Any]:
        chosen = self._chosen
        submitted_jobs = [submitted for client in self._clients for submitted in client.submitted_jobs]
        ends = Counter(str(submitted.ended.status) if submitted.ended else "not ended" for submitted in submitted_jobs)
        refusals = sum((client.refusals for client in self._clients), Counter())
        repeats = {"submits repeated after their answer": sum(client.repeats for client in self._clients)}
        deleted = sum(client.deletions for client in self._clients)
        large = {
            "kept with large results": sum(submitted.expected.is_large for submitted in submitted_jobs),
            "deleted": deleted,
        }
        sizes = {"workers": chosen.workers, "clients": chosen.clients, "lease seconds": chosen.lease_seconds}
        return {
            "seed": chosen.seed,
            "minutes of faults": chosen.minutes,
            "processes": sizes | {"videos": len(set(self._expected_outcomes))},
            "faults": dict(sorted(Counter(self._faults).items())),
            "jobs": {"acknowledged": len(submitted_jobs) + deleted, **dict(sorted(ends.items())), **large},
            "clients": repeats | {f"calls repeated after {code}": count for code, count in refusals.items()},
            "violations": self._violations,
        }


def _faults_of_the_disk(folder: Path) -> Faults | None:
    try:
        return Faults(folder)
    except OSError as error:
        print(f"the disk does not fail: {error}", file=sys.stderr)
        return None


def main() -> int:
    """Run the command; return its exit code: 0 where all held, else 1."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # else it would leave its processes behind
    parser = command_line(__doc__, "chaos")
    parser.add_argument("--minutes", type=float, default=30.0, help="how long faults happen")
    parser.add_argument("--seed", type=int, default=1, help="what the faults and the clients' choices follow from")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--lease-seconds", type=float, default=3.0, help="the server's lease")
    parser.add_argument("--fault-seconds", type=float, default=8.0, help="mean time between faults of one process")
    parser.add_argument("--videos", type=Path, default=OUTSIDE, help="folder of more videos; only small ones are used")
    chosen = parser.parse_args()
    print(f"seed {chosen.seed}: {chosen.minutes:g} minutes of faults", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="foregsyte-chaos-"))
    report = ChaosRun(chosen, folder, small_videos(chosen.videos, MAX_VIDEO_BYTES)).run()
    print(json.dumps(report, indent=2))
    save(chosen.json, report)
    if report["violations"]:
        print(f"logs and data are kept in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
