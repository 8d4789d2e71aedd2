"""The clients of docs/clients, made from nothing but the `protos/` folder."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import WorkerServiceStub
from tests.conftest import OPTIONAL, ROOT, TINY_MP4
from tests.support.one_job import RESULTS, one_job_done
from tests.support.processes import environment

pytestmark = pytest.mark.integration

CLIENTS = ROOT / "docs" / "clients"
DEBIANS_GO = Path("/usr/share/gocode")


@pytest.fixture(scope="session")
def node_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Node client with its two packages installed beside it."""
    if not shutil.which("npm"):
        pytest.skip("npm is absent; install Node.js to run this test")
    folder = tmp_path_factory.mktemp("node") / "client"
    shutil.copytree(CLIENTS / "node", folder, ignore=shutil.ignore_patterns("node_modules"))
    command = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--silent"]
    subprocess.run(command, cwd=folder, check=True, timeout=100)
    return folder


@pytest.fixture(scope="session")
def go_client(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go client, compiled with the libraries that Debian packages."""
    absent = [tool for tool in ("go", "protoc", "protoc-gen-go", "protoc-gen-go-grpc") if not shutil.which(tool)]
    if absent or not (DEBIANS_GO / "src" / "google.golang.org" / "grpc").is_dir():
        pytest.skip(f"{OPTIONAL} Go and its gRPC packages are absent ({', '.join(absent)}); see docs/clients/README.md")
    workspace = tmp_path_factory.mktemp("go")
    folder = workspace / "src" / "example.com" / "foregsyte-client"
    shutil.copytree(CLIENTS / "go", folder)
    variables = os.environ | {"GO111MODULE": "off", "GOPATH": f"{workspace}:{DEBIANS_GO}", "GOFLAGS": ""}
    subprocess.run(["./generate.sh", str(ROOT / "protos")], cwd=folder, check=True, timeout=60)
    subprocess.run(["go", "vet", "."], cwd=folder, env=variables, check=True, timeout=200)
    subprocess.run(["go", "build", "-o", "client", "."], cwd=folder, env=variables, check=True, timeout=200)
    return folder / "client"


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


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(start_server: Callable[..., str], connect: Callable[[str], grpc.Channel]) -> Run:
    """Run a client against a server that does one job; `ADDRESS` in its arguments is replaced by the address."""

    def command(*words: str | Path) -> "subprocess.CompletedProcess[str]":
        address = start_server()
        arguments = [address if word == "ADDRESS" else str(word) for word in words]
        with one_job_done(WorkerServiceStub(connect(address))):
            return subprocess.run(
                arguments, env=environment(PYTHONPATH=""), capture_output=True, text=True, timeout=60, check=False
            )

    return command


def refused(command: list[str | Path], address: str) -> str:
    """Run a client that must be refused; return what it says."""
    arguments = [address if word == "ADDRESS" else str(word) for word in command]
    done = subprocess.run(
        arguments, env=environment(PYTHONPATH=""), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    return done.stderr


def test_a_python_client_made_from_the_protos_submits_polls_and_reads_results(run: Run, address: str) -> None:
    command = [sys.executable, CLIENTS / "python" / "client.py", ROOT / "protos", "ADDRESS", TINY_MP4]
    done = run(*command, "yolo_ocr")
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\tFrame 1\n", "")
    assert refused([*command, "nonsense"], address).startswith("INVALID_ARGUMENT: ")


STUBS = "from foregsyte.jobs.v1 import jobs_pb2, jobs_pb2_grpc"
OURS = "from job_client import JobClient"


@pytest.mark.parametrize("imports", [(STUBS, OURS), (OURS, STUBS)])
def test_stubs_made_from_the_protos_share_a_process_with_our_client(
    imports: tuple[str, str], address: str, tmp_path: Path
) -> None:
    protoc = [sys.executable, "-m", "grpc_tools.protoc", "-I", ROOT / "protos", "foregsyte/jobs/v1/jobs.proto"]
    subprocess.run([*protoc, f"--python_out={tmp_path}", f"--grpc_python_out={tmp_path}"], check=True, timeout=60)
    names = "[pipeline.pipeline_id for pipeline in {}]"
    theirs = "jobs_pb2_grpc.JobServiceStub(channel).ListPipelines(jobs_pb2.ListPipelinesRequest()).pipelines"
    program = f"""
import sys, grpc
{imports[0]}
{imports[1]}
with grpc.insecure_channel(sys.argv[1]) as channel, JobClient(sys.argv[1]) as client:
    assert {names.format(theirs)} == {names.format("client.pipelines()")} != []
"""
    variables = environment(PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    done = subprocess.run(
        [sys.executable, "-c", program, address], env=variables, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_go_client_made_from_the_protos_submits_polls_and_reads_results(
    go_client: Path, run: Run, address: str
) -> None:
    done = run(go_client, "ADDRESS", TINY_MP4, "yolo_ocr")
    assert (done.returncode, done.stdout, done.stderr) == (0, '0\t"Frame 1"\n', "")
    assert "UNKNOWN_PIPELINE" in refused([go_client, "ADDRESS", TINY_MP4, "nonsense"], address)
