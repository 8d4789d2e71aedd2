"""Submit, status, results: one video through a real server and worker, in under a minute."""

from pathlib import Path

import grpc
import pytest

from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub
from tests.support.processes import api_process, worker_process
from tests.support.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.models, pytest.mark.timeout(60)]

FINAL = (pb.JOB_STATUS_COMPLETED, pb.JOB_STATUS_FAILED)
FRAMES = 12


def test_a_video_is_submitted_followed_and_its_results_are_read(tmp_path: Path, tiny_mp4: bytes) -> None:
    with api_process(tmp_path, "--min-free-bytes", "0") as address, grpc.insecure_channel(address) as channel:
        jobs = JobServiceStub(channel)
        job_id = jobs.SubmitJob(pb.SubmitJobRequest(pipeline_id="ocr", video=tiny_mp4)).job_id
        assert status_of(jobs, job_id).status == pb.JOB_STATUS_PENDING
        with pytest.raises(grpc.RpcError) as refused:
            jobs.GetJobResults(pb.GetJobResultsRequest(job_id=job_id))
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
        with worker_process(tmp_path, address, "smoke", "--pipelines", "ocr"):
            eventually(lambda: status_of(jobs, job_id).status in FINAL, "the end of the job", seconds=50)
        ended = status_of(jobs, job_id)
        assert (ended.status, ended.progress, ended.error_message) == (pb.JOB_STATUS_COMPLETED, 1, "")
        results = jobs.GetJobResults(pb.GetJobResultsRequest(job_id=job_id)).results
    assert [frame.frame_index for frame in results] == list(range(FRAMES))
    for index, frame in enumerate(results):
        assert f"Frame {index + 1}" in frame.result["text"]


def status_of(jobs: JobServiceStub, job_id: str) -> pb.GetJobStatusResponse:
    return jobs.GetJobStatus(pb.GetJobStatusRequest(job_id=job_id))
