"""The lines of docs/clients/grpcurl.md, run by a shell with a stand-in for grpcurl that knows only reflection."""

import base64
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest

from tests.conftest import ROOT, TINY_MP4
from tests.support.grpcurl import Grpcurl

pytestmark = pytest.mark.integration

PAGE = (ROOT / "docs" / "clients" / "grpcurl.md").read_text(encoding="utf-8")

STAND_IN = """import json, pathlib, sys
words = sys.argv[1:]
body = words[words.index("-d") + 1] if "-d" in words else ""
body = sys.stdin.read() if body == "@" else body
with pathlib.Path({calls!r}).open("a") as file:
    print(json.dumps([words[-2], words[-1], body or "{{}}"]), file=file)
"""


@pytest.fixture
def calls_of(tmp_path: Path) -> Callable[[str], list[tuple[str, str]]]:
    """Run lines in a shell beside `video.mp4`; return method and body of every call they make."""
    stand_in, calls = tmp_path / "grpcurl", tmp_path / "calls"
    code = STAND_IN.format(calls=str(calls))
    stand_in.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-c", code])} "$@"\n')
    stand_in.chmod(0o755)
    (tmp_path / "video.mp4").write_bytes(TINY_MP4.read_bytes())

    def run(lines: str) -> list[tuple[str, str]]:
        calls.write_text("")
        variables = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
        subprocess.run(["bash", "-euo", "pipefail", "-c", lines], cwd=tmp_path, env=variables, check=True, timeout=60)
        made = [json.loads(line) for line in calls.read_text().splitlines()]
        assert {address for address, _, _ in made} == {"127.0.0.1:50051"}
        return [(method, body) for _, method, body in made]

    return run


def blocks(page: str) -> str:
    return "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL))


def test_every_rpc_of_the_contract_is_there(grpcurl: Grpcurl, calls_of: Callable[[str], list[tuple[str, str]]]) -> None:
    rpcs = grpcurl.rpcs("foregsyte.jobs.v1.JobService", "foregsyte.jobs.v1.WorkerService")
    assert rpcs | {"grpc.health.v1.Health/Check"} == {method for method, _ in calls_of(blocks(PAGE))}


def test_the_lines_do_what_they_say(grpcurl: Grpcurl, calls_of: Callable[[str], list[tuple[str, str]]]) -> None:
    answers: dict[str, dict[str, object]] = {}
    refused: list[str] = []
    job_id = ""
    # First a worker's life, in which the job is completed; then what a client may do with it.
    lines = {method.partition("/")[2]: (method, body) for method, body in calls_of(blocks(PAGE))}
    order = [
        "SubmitJob",
        "ListOfferedPipelines",
        "Dequeue",
        "GetJobInput",
        "RenewLease",
        "ReleaseJob",
        "Dequeue",
        "PutJobResults",
        "CompleteJob",
        "FailJob",
    ]
    for name in [*order, "ListPipelines", "GetJobStatus", "GetJobResults", "ListJobs", "DeleteJob", "Check"]:
        method, body = lines[name]
        try:
            answers[name] = grpcurl.call(method, body.replace("JOB_ID", job_id))
        except grpc.RpcError as error:
            refused.append(f"{name} {error.code().name}")
        job_id = job_id or str(answers["SubmitJob"]["job_id"])
    assert refused == ["FailJob FAILED_PRECONDITION"]
    assert answers["ListOfferedPipelines"]["pipeline_ids"] == ["yolo_ocr", "yolo", "ocr", "codes"]
    assert answers["PutJobResults"] == {"size_bytes": str(len('{"results":[]}'))}
    assert answers["Dequeue"] == {"job_id": job_id}
    assert base64.b64decode(str(answers["GetJobInput"]["data"])) == TINY_MP4.read_bytes()[:1000]
    assert answers["GetJobStatus"]["status"] == "JOB_STATUS_COMPLETED"
    assert answers["GetJobResults"] == {"job_id": job_id, "results_json": "[]"}
    assert [job["job_id"] for job in answers["ListJobs"]["jobs"]] == [job_id]  # type: ignore[attr-defined]
    assert answers["DeleteJob"] == {}
    assert answers["Check"] == {"status": "SERVING"}


def test_a_repeat_of_the_submit_line_is_the_same_job(
    grpcurl: Grpcurl, calls_of: Callable[[str], list[tuple[str, str]]]
) -> None:
    [(method, body)] = [call for call in calls_of(blocks(PAGE)) if call[0].endswith("/SubmitJob")]
    assert base64.b64decode(json.loads(body)["video"]) == TINY_MP4.read_bytes()
    assert grpcurl.call(method, body) == grpcurl.call(method, body)
