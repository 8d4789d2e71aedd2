"""The life of a job through both services of a real server."""

import json

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import MessageToDict

from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import JobServiceStub, WorkerServiceStub

pytestmark = pytest.mark.integration

RESULTS = [
    {"frame_index": 0, "result": {"detections": [], "text": "один", "timestamp_ms": 0.0}},
    {"frame_index": 1, "result": {"detections": [], "text": "", "timestamp_ms": 33.4}},
]
DOCUMENT = json.dumps({"results": RESULTS}, ensure_ascii=False).encode()


def test_a_job_goes_from_submit_to_results(jobs: JobServiceStub, workers: WorkerServiceStub, tiny_mp4: bytes) -> None:
    job_id = jobs.SubmitJob(pb.SubmitJobRequest(pipeline_id="yolo_ocr", video=tiny_mp4)).job_id
    status = jobs.GetJobStatus(pb.GetJobStatusRequest(job_id=job_id))
    assert (status.status, status.progress, status.pipeline_id) == (pb.JOB_STATUS_PENDING, 0.0, "yolo_ocr")

    taken = workers.Dequeue(pb.DequeueRequest(worker_id="w", wait=Duration(seconds=5))).job_id
    assert taken == job_id
    status = jobs.GetJobStatus(pb.GetJobStatusRequest(job_id=job_id))
    assert (status.status, status.progress) == (pb.JOB_STATUS_RUNNING, 0.5)

    chunk = workers.GetJobInput(pb.GetJobInputRequest(job_id=job_id, worker_id="w"))
    assert (chunk.data, chunk.size_bytes, chunk.pipeline_id) == (tiny_mp4, len(tiny_mp4), "yolo_ocr")

    workers.CompleteJob(pb.CompleteJobRequest(job_id=job_id, worker_id="w", results_json=DOCUMENT))
    status = jobs.GetJobStatus(pb.GetJobStatusRequest(job_id=job_id))
    assert (status.status, status.progress, status.error_message) == (pb.JOB_STATUS_COMPLETED, 1.0, "")

    answer = jobs.GetJobResults(pb.GetJobResultsRequest(job_id=job_id))
    assert [(frame.frame_index, MessageToDict(frame.result)) for frame in answer.results] == [
        (entry["frame_index"], entry["result"]) for entry in RESULTS
    ]
    answer = jobs.GetJobResults(pb.GetJobResultsRequest(job_id=job_id, format=pb.RESULTS_FORMAT_JSON))
    assert json.loads(answer.results_json) == RESULTS
    assert not answer.results
