"""The grpcurl lines of the README, carried out as grpcurl does it: with nothing but the server's reflection."""

import base64
import json
import re

import grpc
import pytest

from tests.conftest import ROOT
from tests.support.grpcurl import Grpcurl, lines_of

pytestmark = pytest.mark.integration

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_rpc_of_the_contract_has_a_line_in_the_readme(grpcurl: Grpcurl) -> None:
    rpcs = grpcurl.rpcs("foregsyte.jobs.v1.JobService", "foregsyte.jobs.v1.WorkerService")
    assert rpcs <= {line.method for line in lines_of(README)}


def test_the_lines_of_the_readme_do_what_they_say(grpcurl: Grpcurl, tiny_mp4: bytes) -> None:
    answers: dict[str, dict[str, object]] = {}
    refused: dict[str, grpc.StatusCode] = {}
    job_id = ""
    for line in lines_of(README):
        try:
            answers[line.rpc] = grpcurl.call(line.method, line.with_video(tiny_mp4).replace("JOB_ID", job_id))
        except grpc.RpcError as error:
            refused[line.rpc] = error.code()
        job_id = job_id or str(answers.get("SubmitJob", {}).get("job_id", ""))
    assert answers["Check"] == {"status": "SERVING"}
    assert answers["SubmitJob"] == {"job_id": job_id}
    assert answers["Dequeue"] == {"job_id": job_id}
    assert base64.b64decode(str(answers["GetJobInput"]["data"])) == tiny_mp4[:1000]
    assert answers["RenewLease"] == {"lease": "60s"}
    # The job waits while its results are requested and it is deleted, and is released before it is failed.
    assert refused == {
        "GetJobResults": grpc.StatusCode.NOT_FOUND,
        "DeleteJob": grpc.StatusCode.FAILED_PRECONDITION,
        "PutJobResults": grpc.StatusCode.FAILED_PRECONDITION,
        "FailJob": grpc.StatusCode.FAILED_PRECONDITION,
        "CompleteJob": grpc.StatusCode.FAILED_PRECONDITION,
    }


def test_the_results_of_the_readme_are_of_the_frozen_shape(grpcurl: Grpcurl) -> None:
    (example,) = re.findall(r"```json\n(\{.*?\})\n```", README, re.DOTALL)
    frame = json.loads(example)
    assert set(frame) == {"frame_index", "result"}
    assert set(frame["result"]) == {"detections", "text", "text_lines", "timestamp_ms"}
