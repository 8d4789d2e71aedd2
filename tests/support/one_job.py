"""A worker that does one job, for clients that are processes of their own."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from google.protobuf.duration_pb2 import Duration

from shared.contract.generated.foregsyte.jobs.v1 import jobs_pb2 as pb
from shared.contract.generated.foregsyte.jobs.v1.jobs_pb2_grpc import WorkerServiceStub

RESULTS = [{"frame_index": 0, "result": {"detections": [], "text": "Frame 1"}}]


@contextmanager
def one_job_done(workers: WorkerServiceStub) -> Iterator[None]:
    """Complete one job with RESULTS, beside the block."""

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
