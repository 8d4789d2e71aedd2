"""A server that is stopped for a while, as by the pause of a virtual machine: no worker loses its job by that."""

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from job_worker.runtime.api_client import WorkerApi
from job_worker.runtime.heartbeat import Heartbeat
from job_worker.runtime.stop_signal import StopSignal
from shared.contract.channel import open_channel
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from tests.support.samples import DOCUMENT, submit_request
from tests.support.serving import Served, serving
from tests.support.worker_fakes import report_results

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

LEASE_SECONDS = 1.0
STOPPED_SECONDS = 3.0
"""Long enough for a lease to expire twice, which is why these tests take seconds."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Served]:
    with serving(tmp_path / "data", "--lease-seconds", str(LEASE_SECONDS)) as server:
        yield server


def stop_for_a_while(server: Served) -> None:
    server.process.send(signal.SIGSTOP)
    time.sleep(STOPPED_SECONDS)  # the time in which nothing happens is what this is about
    server.process.send(signal.SIGCONT)


def test_workers_keep_their_jobs_although_the_server_was_stopped_for_longer_than_a_lease(server: Served) -> None:
    names = ["a", "b", "c"]
    jobs = [server.jobs.SubmitJob(submit_request()).job_id for _ in names]
    stop = StopSignal(drain_seconds=0)
    workers = [WorkerApi(partial(open_channel, server.address), name, stop) for name in names]
    assert [worker.dequeue(5) for worker in workers] == jobs
    held = list(zip(workers, jobs, strict=True))
    with ExitStack() as stack:
        beats = [stack.enter_context(Heartbeat(partial(worker.renew, job))) for worker, job in held]
        stop_for_a_while(server)
        thief = WorkerApi(partial(open_channel, server.address), "thief", stop)
        assert thief.dequeue(2 * LEASE_SECONDS) is None
        assert not any(beat.lost.is_set() for beat in beats)
        for worker, job in held:
            report_results(worker, job, DOCUMENT)
            assert server.status(job).status == pb.JOB_STATUS_COMPLETED
    assert "worker lost" not in server.process.text
    assert "the server did not run" in server.process.text
