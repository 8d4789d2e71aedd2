"""The API as a process of its own on a data folder, with stubs to call it and a view of what it stored."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from uuid import uuid4

import grpc

from job_api.storage.keys import JOBS_FOLDER
from shared.contract.channel import CHANNEL_OPTIONS
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub, WorkerServiceStub
from tests.support.processes import Process, ready

KILLED = -9
FEW_THREADS = MappingProxyType({"FOREGSYTE_MAX_WAITING_WORKERS": "16", "FOREGSYTE_MAX_CONCURRENT_CALLS": "16"})
"""For a server that is started to be called a few times: to start those that are the default takes longer."""


@dataclass
class Served:
    """A server that listens, in a process of its own."""

    process: Process
    address: str
    jobs: JobServiceStub
    workers: WorkerServiceStub

    def status(self, job_id: str) -> pb.GetJobStatusResponse:
        return self.jobs.GetJobStatus(pb.GetJobStatusRequest(job_id=job_id))

    def listed(self) -> dict[str, pb.JobSummary]:
        """Return every job there is."""
        jobs, token = {}, ""
        while True:
            page = self.jobs.ListJobs(pb.ListJobsRequest(page_size=1000, page_token=token))
            jobs |= {job.job_id: job for job in page.jobs}
            if not (token := page.next_page_token):
                return jobs

    def video(self, job_id: str, worker_id: str) -> bytes:
        """Return the job's whole video as the worker that holds it gets it."""
        return self.workers.GetJobInput(pb.GetJobInputRequest(job_id=job_id, worker_id=worker_id)).data


@contextmanager
def serving(
    data: Path,
    *arguments: str,
    module: tuple[str, ...] = ("job_api",),
    address: str = "127.0.0.1:0",
    variables: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Served]:
    """Start the API on the data folder and wait until it listens; end it with the block."""
    log = data.parent / "logs" / f"{uuid4().hex}.log"
    flags = ("--address", address, "--data-dir", str(data), "--min-free-bytes", "0", *arguments)
    with (
        ready(log, r"listens on (\S+),", *module, *flags, variables=variables) as process,
        grpc.insecure_channel(process.ready[0], options=CHANNEL_OPTIONS) as channel,
    ):
        yield Served(process, process.ready[0], JobServiceStub(channel), WorkerServiceStub(channel))


def stored(data: Path) -> dict[str, Path]:
    """Return the files of jobs in a data folder, temporary ones too, by name."""
    return {path.name: path for path in (data / JOBS_FOLDER).iterdir()}
