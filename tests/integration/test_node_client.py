"""A client of another language, with nothing but the `protos/` folder."""

import json
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration

from shared.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.generated.foregsyte.jobs.v1.jobs_pb2_grpc import WorkerServiceStub
from tests.conftest import ROOT, TINY_MP4

pytestmark = pytest.mark.integration

NODE_CLIENT = ROOT / "tests" / "interop" / "node"
RESULTS = [{"frame_index": 0, "result": {"detections": [], "text": "Frame 1"}}]


@pytest.fixture(scope="session")
def node_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Node client with its two packages installed beside it."""
    if not shutil.which("npm"):
        pytest.skip("npm is absent; install Node.js to run this test")
    folder = tmp_path_factory.mktemp("node") / "client"
    shutil.copytree(NODE_CLIENT, folder)
    command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(command, cwd=folder, check=True, timeout=100)
    return folder


@contextmanager
def one_job_done(workers: WorkerServiceStub) -> Iterator[None]:
    """A worker that does one job, beside the block."""

    def work() -> None:
        job_id = workers.Dequeue(pb.DequeueRequest(worker_id="w", wait=Duration(seconds=30))).job_id
        document = json.dumps({"results": RESULTS}).encode()
        workers.CompleteJob(pb.CompleteJobRequest(job_id=job_id, worker_id="w", results_json=document))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_a_node_client_made_from_the_protos_submits_polls_and_reads_results(
    node_client: Path, start_server: Callable[..., str], connect: Callable[[str], grpc.Channel]
) -> None:
    address = start_server()
    with one_job_done(WorkerServiceStub(connect(address))):
        command = ["node", "client.js", str(ROOT / "protos"), address, str(TINY_MP4), "yolo_ocr"]
        done = subprocess.run(command, cwd=node_client, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["seen"][-1] == "JOB_STATUS_COMPLETED"
    assert answer["progress"] == 1
    assert answer["texts"] == ["Frame 1"]
    assert json.loads(answer["results_json"]) == RESULTS
    assert answer["refusal"]["code"] == "INVALID_ARGUMENT"
