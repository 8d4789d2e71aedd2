"""Which jobs `foregsyte delete --older-than` means where this host's clock, or the server's, is wrong."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import grpc
import pytest

from job_api.server import JOB_SERVICE
from job_client.__main__ import main
from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.process.exit_codes import ExitCode

pytestmark = pytest.mark.integration

LAST, OLDER = (f"{digit * 8}-0000-4000-8000-000000000000" for digit in "12")
DAYS_BETWEEN = 20
"""By which one job is older than the other."""

ListJobs = Callable[[datetime], str]


@pytest.fixture
def server_with_jobs() -> Iterator[ListJobs]:
    """Return what starts a server whose last job ended at a time, and another one some days before."""
    server = grpc.server(ThreadPoolExecutor(1))

    def start(last: datetime) -> str:
        page = pb.ListJobsResponse()
        for job_id, ended in {LAST: last, OLDER: last - timedelta(days=DAYS_BETWEEN)}.items():
            job = page.jobs.add(job_id=job_id, status=pb.JOB_STATUS_COMPLETED)
            job.created_at.FromDatetime(ended)
            job.updated_at.FromDatetime(ended)
        handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(
            lambda request, context: page.SerializeToString()
        )
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(JOB_SERVICE, {"ListJobs": handler}),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        return f"127.0.0.1:{port}"

    yield start
    server.stop(0).wait()


NOW = datetime.now(UTC)
LONG = timedelta(days=1000)


@pytest.mark.parametrize(
    ("last", "older_than", "meant"),
    [
        pytest.param(NOW, "19d", [OLDER], id="both are right"),
        pytest.param(NOW, "21d", [], id="both are right, nothing is so old"),
        pytest.param(NOW - LONG, "21d", [], id="the clock here is ahead"),
        pytest.param(NOW - LONG, "19d", [OLDER], id="the clock here is ahead, one is so old all the same"),
        pytest.param(NOW + LONG, "19d", [], id="the server's was ahead"),
    ],
)
def test_no_job_seems_older_than_it_is(
    last: datetime,
    older_than: str,
    meant: list[str],
    server_with_jobs: ListJobs,
    capsys: pytest.CaptureFixture[str],
) -> None:
    address = server_with_jobs(last)
    assert main(["delete", "--older-than", older_than, "--dry-run", "--json", "--address", address]) == ExitCode.OK
    assert [json.loads(line)["job_id"] for line in capsys.readouterr().out.splitlines()] == meant


def test_a_status_alone_means_jobs_of_any_age(server_with_jobs: ListJobs, capsys: pytest.CaptureFixture[str]) -> None:
    address = server_with_jobs(NOW + LONG)
    assert main(["delete", "--status", "completed", "--dry-run", "--json", "--address", address]) == ExitCode.OK
    assert len(capsys.readouterr().out.splitlines()) == 2
